"""Staff pages for the cases of customers: disputes and questions."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, url_for

from api_gateway.clients.cases import Conversation
from api_gateway.pages.common.filters import CaseFilters
from api_gateway.pages.common.forms import BankForm
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.sections import case_service, list_page, result_or_none, start_call, transaction_service
from api_gateway.pages.staff.admin_forms import CaseAnswerForm, ClosingForm
from shared.web.access import Caller, staff_with

cases = Blueprint("cases", __name__)


@cases.get("/admin/cases")
@staff_with("cases:answer")
def index(caller: Caller) -> Any:
    """List the cases of customers, the last changed first."""
    filters = CaseFilters()
    found = filters.found(lambda: case_service().find(caller.token, filters.query()))
    return list_page("admin_cases.html", filters, found=found)


@cases.get("/admin/cases/<uuid:case_id>")
@staff_with("cases:answer")
def details(caller: Caller, case_id: UUID) -> Any:
    """Show a customer's case with the payment that it is about."""
    return _page(caller, case_id, CaseAnswerForm(formdata=None))


@cases.post("/admin/cases/<uuid:case_id>")
@staff_with("cases:answer")
def answer(caller: Caller, case_id: UUID) -> Any:
    """Answer a customer."""
    form = CaseAnswerForm()
    return _end(
        caller,
        case_id,
        form,
        lambda: case_service().write(caller.token, case_id, form.text.data or ""),
        "The answer is sent.",
    )


@cases.post("/admin/cases/<uuid:case_id>/close")
@staff_with("cases:answer")
def close(caller: Caller, case_id: UUID) -> Any:
    """Close a customer's case with a reason."""
    form = ClosingForm()
    return _end(
        caller,
        case_id,
        form,
        lambda: case_service().close(caller.token, case_id, (form.reason.data or "").strip()),
        "The case is closed.",
        closing=form,
    )


def _end(
    caller: Caller,
    case_id: UUID,
    form: BankForm,
    action: Callable[[], Conversation],
    words: str,
    *,
    closing: ClosingForm | None = None,
) -> Any:
    if form.submitted(action):
        return see_other(words, url_for("cases.details", case_id=case_id))
    return _page(caller, case_id, form, closing)


def _page(caller: Caller, case_id: UUID, form: BankForm, closing: ClosingForm | None = None) -> Any:
    shown = case_service().details(caller.token, case_id)
    if shown.case.user_id == caller.user_id:
        return redirect(url_for("messages.details", case_id=case_id), 303)
    about = shown.case.transaction_id
    transaction = result_or_none(start_call(transaction_service().details, caller.token, about)) if about else None
    return form_page(
        "admin_case.html",
        form,
        shown=shown,
        transaction=transaction,
        answer=CaseAnswerForm(formdata=None) if closing else form,
        closing=closing or ClosingForm(formdata=None),
    )
