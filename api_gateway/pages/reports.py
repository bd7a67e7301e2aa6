"""Report pages. A report is made for a period, or by a custom report, on request, and stored by a POST."""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired

from api_gateway.clients.account import labels
from api_gateway.clients.reporting import Choice
from api_gateway.pages.common.filters import GROUPINGS, TRANSACTION_TYPES, DayField, choice
from api_gateway.pages.common.forms import BankForm, Checkboxes, at_most, options
from api_gateway.pages.common.reports import ROWS, pictures_of, report_page, stored_report_page, wanted_format
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.services import Services, result_or_none, start_call
from api_gateway.web.documents import send_on
from api_gateway.web.time_zones import page_zone
from shared.web.access import Caller, private

reports = Blueprint("reports", __name__)
PRESETS = {
    f"{which}_{period}": f"{which.capitalize()} {period}"
    for period in ("month", "quarter", "year")
    for which in ("this", "last")
}


class CustomReportForm(BankForm):
    """What to report on, and the name to keep it under."""

    name = StringField("Name", [InputRequired("Enter a name."), at_most(60)])
    account_ids = Checkboxes("Accounts")
    types = Checkboxes("Types", choices=options(TRANSACTION_TYPES))
    preset = SelectField("Period", choices=options(PRESETS, "Between two days"), default="this_month")
    start_date = DayField("From")
    end_date = DayField("To")
    group = choice("Group by", GROUPINGS, "Automatic")

    @property
    def body(self) -> dict[str, object]:
        """Return the body of the request to the service."""
        return {
            "name": (self.name.data or "").strip(),
            "account_ids": self.account_ids.data or [],
            "types": self.types.data or [],
            "preset": self.preset.data or None,
            "start_date": self.start_date.data and str(self.start_date.data),
            "end_date": self.end_date.data and str(self.end_date.data),
            "group": self.group.data or None,
        }


@reports.get("/reports")
@private
def index(caller: Caller) -> tuple[str, int]:
    """List what can be reported on, and the caller's stored reports."""
    own_call = start_call(Services(caller).accounts.list_own)
    query = {"limit": ROWS, "cursor": request.args.get("cursor")}
    found_call = start_call(Services(caller).reports.list_own, query)
    custom_call = start_call(Services(caller).reports.list_custom)
    found, custom = result_or_none(found_call), result_or_none(custom_call)
    page = render_template("reports.html", accounts=own_call.result(), found=found, custom=custom or [])
    return page, 200 if found else 503


@reports.get("/reports/<uuid:report_id>")
@private
def details(caller: Caller, report_id: UUID) -> Any:
    """Show a stored report. Staff are redirected to their section for reports about others."""
    report = Services(caller).reports.details(report_id)
    if caller.is_staff and not report.is_about(caller.user_id):
        return redirect(url_for("staff_reports.details", report_id=report_id), 303)
    return stored_report_page(caller, report, section="/reports")


@reports.route("/reports/account/<uuid:account_id>", methods=["GET", "POST"])
@private
def account(caller: Caller, account_id: UUID) -> Any:
    """Report on an account over a period. A POST stores the report."""
    if caller.is_staff and Services(caller).accounts.details(account_id).user_id != caller.user_id:
        period: dict[str, Any] = request.args.to_dict()
        return redirect(url_for("staff_reports.account", account_id=account_id, **period), 303)
    return report_page("account_report.html", caller, f"/api/reports/account/{account_id}", section="/reports")


@reports.route("/reports/transactions", methods=["GET", "POST"])
@private
def transactions(caller: Caller) -> Any:
    """Report on all accounts of the caller over a period. A POST stores the report."""
    return report_page("transaction_report.html", caller, "/api/reports/transactions", section="/reports")


@reports.route("/reports/custom/create", methods=["GET", "POST"])
@private
def create_custom(caller: Caller) -> Any:
    """Choose what to report on. A POST keeps the choice and shows its report."""
    form = CustomReportForm()
    form.account_ids.choices = options(labels(Services(caller).accounts.list_own()))
    kept = form.submitted(lambda: Services(caller).reports.keep_custom(form.body))
    if kept is None:
        return form_page("custom_report_create.html", form)
    return see_other("The report is kept.", url_for("reports.custom", custom_id=kept.id))


@reports.route("/reports/custom/<uuid:custom_id>", methods=["GET", "POST"])
@private
def custom(caller: Caller, custom_id: UUID) -> Any:
    """Show the report of a custom report, over its period as it is today. A POST stores it."""
    path, days = f"/api/reports/custom/{custom_id}/run", Choice(page_zone().key)
    if form := wanted_format():
        return send_on(Services(caller).reports.download(path, days, form))
    chosen = Services(caller).reports.custom(custom_id)
    report = Services(caller).reports.report(path, days, save=request.method == "POST")
    if report.id:
        return see_other("The report is saved.", url_for("reports.details", report_id=report.id))
    return render_template("custom_report.html", custom=chosen, report=report, pictures=pictures_of(report))


@reports.route("/reports/custom/<uuid:custom_id>/delete", methods=["GET", "POST"])
@private
def delete_custom(caller: Caller, custom_id: UUID) -> Any:
    """Ask whether to delete a custom report; a POST deletes it. Reports that it has made stay."""
    form = BankForm()
    if form.carried_out(lambda: Services(caller).reports.delete_custom(custom_id)):
        return see_other("The custom report is deleted.", url_for("reports.index"))
    chosen = Services(caller).reports.custom(custom_id)
    return form_page(
        "confirm.html",
        form,
        what=f"Delete {chosen.name}",
        effects=["What you have chosen for this report is deleted. Reports that it has made and you have saved stay."],
        button="Confirm deletion",
        keep="Keep it",
        back=(f"/reports/custom/{custom_id}", chosen.name),
    )
