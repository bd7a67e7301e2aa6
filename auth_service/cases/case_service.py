"""The endpoints of cases: customers write to the bank, and staff answer."""

from uuid import UUID

from flask import Blueprint, Response

from auth_service.cases import case_logic
from auth_service.cases.case_logic import ANSWER, CaseClosed, CaseExists, CaseFull, Cases
from auth_service.cases.case_schemas import (
    CaseAnswer,
    CaseClosing,
    CaseCounts,
    CasesAnswer,
    CasesQuery,
    NewCase,
    NewMessage,
    OwnCasesAnswer,
    OwnCasesQuery,
)
from auth_service.common_service import api, tools
from shared.core.errors import NotFound, ServiceUnavailable, TooManyRequests
from shared.web.access import Caller, private, staff_with
from shared.web.parts import part
from shared.web.responses import success
from shared.web.validation.openapi import answer, documented

cases = Blueprint("cases", __name__, url_prefix="/api/auth/cases")


@cases.post("")
@private
@api.validate(resp=documented(201, CaseAnswer, NotFound, CaseExists, TooManyRequests, ServiceUnavailable))
def open_case(caller: Caller, json: NewCase) -> Response:
    """Dispute a payment, or ask the bank a question."""
    case, messages = case_logic.open_case(tools(), part(Cases), caller, json)
    return success(201, case=case, messages=messages, message="Your message is with us. We answer it here.")


@cases.get("")
@private
@api.validate(resp=documented(200, OwnCasesAnswer))
def list_own(caller: Caller, query: OwnCasesQuery) -> Response:
    """List the caller's cases, the last changed first, with the number of messages that the caller has not seen."""
    rows, unread, pagination = case_logic.list_own(part(Cases), caller, query)
    return success(cases=rows, unread=unread, pagination=pagination)


@cases.get("/all")
@staff_with(ANSWER)
@api.validate(resp=documented(200, CasesAnswer))
def list_all(caller: Caller, query: CasesQuery) -> Response:
    """List the cases of all customers, the last changed first."""
    rows, open_count, pagination = case_logic.list_all(tools(), part(Cases), caller, query)
    return success(cases=rows, open=open_count, pagination=pagination)


@cases.get("/counts")
@staff_with(ANSWER)
@api.validate(resp=documented(200, answer(counts=CaseCounts)))
def counts(_caller: Caller) -> Response:
    """Return how many cases wait for an answer of the bank."""
    return success(counts=CaseCounts(open=part(Cases).storage.count_open()))


@cases.get("/<uuid:case_id>")
@private
@api.validate(resp=documented(200, CaseAnswer, NotFound))
def details(caller: Caller, case_id: UUID) -> Response:
    """Return a case with its messages. The customer has seen the bank's messages then."""
    case, messages = case_logic.details(tools(), part(Cases), caller, case_id)
    return success(case=case, messages=messages)


@cases.post("/<uuid:case_id>/messages")
@private
@api.validate(resp=documented(201, CaseAnswer, NotFound, CaseFull, TooManyRequests))
def write(caller: Caller, case_id: UUID, json: NewMessage) -> Response:
    """Add a message. One of the customer opens the case again, one of staff answers it."""
    case, messages = case_logic.write(tools(), part(Cases), caller, case_id, json.text)
    return success(201, case=case, messages=messages)


@cases.post("/<uuid:case_id>/close")
@private
@api.validate(resp=documented(200, CaseAnswer, NotFound, CaseClosed))
def close(caller: Caller, case_id: UUID, json: CaseClosing) -> Response:
    """Close a case of the caller, or as staff a customer's case with a reason, which the customer sees."""
    case, messages = case_logic.close(tools(), part(Cases), caller, case_id, json.reason)
    return success(case=case, messages=messages, message="The case is closed.")
