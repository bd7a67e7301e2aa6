"""Staff pages for the cases of customers: disputes and questions."""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, url_for

from api_gateway.pages.common.filters import CaseFilters, filtered_list
from api_gateway.pages.common.forms import BankForm
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.services import Services, or_none
from api_gateway.pages.staff.admin_forms import CaseAnswerForm, ReasonForm
from shared.web.access import Caller, staff_with

cases = Blueprint("cases", __name__)


@cases.get("/admin/cases")
@staff_with("cases:answer")
def index(caller: Caller) -> Any:
    """List the cases of customers, the last changed first."""
    return filtered_list("admin_cases.html", CaseFilters(), Services(caller).cases.find)


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
    if form.submitted(lambda: Services(caller).cases.write(case_id, form.text.data or "")):
        return see_other("The answer is sent.", url_for("cases.details", case_id=case_id))
    return _page(caller, case_id, form)


@cases.post("/admin/cases/<uuid:case_id>/close")
@staff_with("cases:answer")
def close(caller: Caller, case_id: UUID) -> Any:
    """Close a customer's case with a reason."""
    form = ReasonForm()
    if form.submitted(lambda: Services(caller).cases.close(case_id, form.text)):
        return see_other("The case is closed.", url_for("cases.details", case_id=case_id))
    return _page(caller, case_id, form, closing=form)


def _page(caller: Caller, case_id: UUID, form: BankForm, closing: ReasonForm | None = None) -> Any:
    shown = Services(caller).cases.details(case_id)
    if shown.case.user_id == caller.user_id:
        return redirect(url_for("messages.details", case_id=case_id), 303)
    about = shown.case.transaction_id
    transaction = or_none(Services(caller).transactions.details, about) if about else None
    return form_page(
        "admin_case.html",
        form,
        shown=shown,
        transaction=transaction,
        answer=CaseAnswerForm(formdata=None) if closing else form,
        closing=closing or ReasonForm(formdata=None),
    )
