"""The endpoints by which the bank's staff find customers and help them."""

from uuid import UUID

from flask import Blueprint, Response

from auth_service.audit.audit_schemas import AuditEntryOut
from auth_service.auth_schemas import CustomerSessionOut
from auth_service.common_service import api, tools
from auth_service.customers import customer_logic
from auth_service.customers.customer_logic import EmailForAdmins, NotActive
from auth_service.customers.customer_schemas import (
    ContactChanges,
    CustomerCounts,
    CustomerOut,
    CustomersQuery,
    EndedAnswer,
    FoundAnswer,
    NamesAnswer,
    NameSearch,
    NamesQuery,
    NewNote,
    NoteOut,
    PeopleQuery,
    ResetStart,
)
from auth_service.customers.customer_storage import NoteStorage
from auth_service.user_logic import EmailTaken
from auth_service.user_schemas import PersonOut
from shared.web.access import Caller, service_only, staff_with
from shared.web.cursors import Page, page_of
from shared.web.parts import part
from shared.web.responses import success
from shared.web.validation.openapi import Answer, EmptyBody, answer, documented

customers = Blueprint("customers", __name__, url_prefix="/api/auth")
customers_internal = Blueprint("customers_internal", __name__, url_prefix="/internal")
BLUEPRINTS = (customers, customers_internal)


@customers.get("/customers")
@staff_with("customers:read")
@api.validate(resp=documented(200, page_of(customers=CustomerOut)))
def list_customers(caller: Caller, query: CustomersQuery) -> Response:
    """Find customers by parts of their name, username, e-mail address or phone number, newest first."""
    found, pagination = customer_logic.list_customers(tools(), caller, query)
    return success(customers=found, pagination=pagination)


@customers.get("/customers/counts")
@staff_with("customers:read")
@api.validate(resp=documented(200, answer(counts=CustomerCounts)))
def counts(_caller: Caller) -> Response:
    """Return how many customers wait for somebody of the staff."""
    return success(counts=customer_logic.counts(tools()))


@customers.get("/customers/<uuid:user_id>")
@staff_with("customers:read")
@api.validate(resp=documented(200, answer(customer=CustomerOut)))
def details(caller: Caller, user_id: UUID) -> Response:
    """Return one customer."""
    return success(customer=customer_logic.details(tools(), caller, user_id))


@customers.put("/customers/<uuid:user_id>")
@staff_with("customers:write")
@api.validate(resp=documented(200, answer(customer=CustomerOut), EmailForAdmins, EmailTaken))
def correct_contact(caller: Caller, user_id: UUID, json: ContactChanges) -> Response:
    """Correct a customer's contact data; the e-mail address only as an admin."""
    customer = customer_logic.correct_contact(tools(), caller, user_id, json)
    return success(customer=customer, message="The contact data are saved.")


@customers.post("/customers/<uuid:user_id>/unlock")
@staff_with("customers:write")
@api.validate(resp=documented(200, answer(customer=CustomerOut)))
def unlock(caller: Caller, user_id: UUID, json: EmptyBody) -> Response:
    """End a customer's lockout after too many wrong passwords."""
    return success(customer=customer_logic.unlock(tools(), caller, user_id), message="The customer can log in again.")


@customers.post("/customers/<uuid:user_id>/password_reset")
@staff_with("customers:write")
@api.validate(resp=documented(200, Answer, NotActive))
def start_reset(caller: Caller, user_id: UUID, json: ResetStart) -> Response:
    """Send a customer the link for a new password by mail. Staff never see it."""
    customer_logic.start_reset(tools(), caller, user_id, json.reason)
    return success(message="A mail with a link is on its way. It works for 30 minutes.")


@customers.get("/customers/<uuid:user_id>/audit")
@staff_with("customers:read")
@api.validate(resp=documented(200, page_of(audit=AuditEntryOut)))
def list_audit(caller: Caller, user_id: UUID, query: Page) -> Response:
    """List what a customer did, and what was done about them, newest first."""
    rows, pagination = customer_logic.list_audit(tools(), caller, user_id, query)
    return success(audit=[AuditEntryOut.of(row) for row in rows], pagination=pagination)


@customers.get("/customers/<uuid:user_id>/sessions")
@staff_with("customers:read")
@api.validate(resp=documented(200, page_of(sessions=CustomerSessionOut)))
def list_sessions(caller: Caller, user_id: UUID, query: Page) -> Response:
    """List a customer's active sessions, newest first."""
    rows, pagination = customer_logic.list_sessions(tools(), caller, user_id, query)
    return success(sessions=[CustomerSessionOut.model_validate(row) for row in rows], pagination=pagination)


@customers.delete("/customers/<uuid:user_id>/sessions")
@staff_with("customers:write")
@api.validate(resp=documented(200, EndedAnswer))
def log_out_everywhere(caller: Caller, user_id: UUID) -> Response:
    """End all sessions of a customer."""
    ended = customer_logic.log_out_everywhere(tools(), caller, user_id)
    return success(ended=ended, message="The customer is logged out everywhere.")


@customers.get("/customers/<uuid:user_id>/notes")
@staff_with("customers:read")
@api.validate(resp=documented(200, page_of(notes=NoteOut)))
def list_notes(caller: Caller, user_id: UUID, query: Page) -> Response:
    """List the notes about a customer, newest first."""
    notes, pagination = customer_logic.list_notes(tools(), part(NoteStorage), caller, user_id, query)
    return success(notes=notes, pagination=pagination)


@customers.post("/customers/<uuid:user_id>/notes")
@staff_with("customers:write")
@api.validate(resp=documented(201, answer(note=NoteOut)))
def add_note(caller: Caller, user_id: UUID, json: NewNote) -> Response:
    """Write a note about a customer. Customers don't see notes."""
    return success(201, note=customer_logic.add_note(tools(), part(NoteStorage), caller, user_id, json))


@customers.get("/users/by_id")
@staff_with("customers:read")
@api.validate(resp=documented(200, answer(users=list[PersonOut])))
def by_id(_caller: Caller, query: PeopleQuery) -> Response:
    """Return the names of up to 200 users, for lists that know only ids."""
    return success(users=[PersonOut.model_validate(user) for user in tools().users.find_users(query.user_ids)])


@customers_internal.get("/names")
@service_only("names:read")
@api.validate(resp=documented(200, NamesAnswer))
def names(query: NamesQuery) -> Response:
    """Return the names of up to 400 users by their ids."""
    return success(names=tools().users.display_names(query.user_ids))


@customers_internal.get("/names/search")
@service_only("names:read")
@api.validate(resp=documented(200, FoundAnswer))
def search(query: NameSearch) -> Response:
    """Return the ids of the users with each word in their name, username, e-mail address or phone number."""
    return success(user_ids=customer_logic.search(tools(), query.q, query.limit))
