"""Custom reports: choose accounts, types, a period and a grouping, keep the choice, run it again, delete it."""

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired

from api_gateway.clients.account import Account
from api_gateway.clients.reporting import Choice
from api_gateway.pages.common.filters import TRANSACTION_TYPES, DayField
from api_gateway.pages.common.forms import BankForm, Checkboxes, at_most, options
from api_gateway.pages.common.reports import pictures_of, wanted_format
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.sections import account_service, reporting_service
from api_gateway.web.documents import send_on
from api_gateway.web.time_zones import page_zone
from shared.web.access import Caller, private

custom_reports = Blueprint("custom_reports", __name__)
PRESETS = {
    "this_month": "This month",
    "last_month": "Last month",
    "this_quarter": "This quarter",
    "last_quarter": "Last quarter",
    "this_year": "This year",
    "last_year": "Last year",
}


class CustomReportForm(BankForm):
    """What to report on, and the name to keep it under."""

    name = StringField("Name", [InputRequired("Enter a name."), at_most(60)])
    account_ids = Checkboxes("Accounts")
    types = Checkboxes("Types", choices=options(TRANSACTION_TYPES))
    preset = SelectField("Period", choices=options(PRESETS, "Between two days"), default="this_month")
    start_date = DayField("From")
    end_date = DayField("To")
    group = SelectField(
        "Group by", choices=options({"day": "Days", "week": "Weeks", "month": "Months"}, "As fits"), default=""
    )

    def offer(self, own: list[Account]) -> None:
        """Offer the accounts as choices."""
        self.account_ids.choices = options({str(account.id): account.label for account in own})

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


@custom_reports.route("/reports/custom/create", methods=["GET", "POST"])
@private
def create(caller: Caller) -> Any:
    """Choose what to report on. A POST keeps the choice and shows its report."""
    form = CustomReportForm()
    form.offer(account_service().list_own(caller.token))
    kept = form.submitted(lambda: reporting_service().keep_custom(caller.token, form.body))
    if kept is None:
        return form_page("custom_report_create.html", form)
    return see_other("The report is kept.", url_for("custom_reports.run", custom_id=kept.id))


@custom_reports.route("/reports/custom/<uuid:custom_id>", methods=["GET", "POST"])
@private
def run(caller: Caller, custom_id: UUID) -> Any:
    """Show the report of a custom report, over its period as it is today. A POST stores it."""
    if form := wanted_format():
        path = f"/api/reports/custom/{custom_id}/run"
        return send_on(reporting_service().download(caller.token, path, Choice(page_zone().key), form))
    custom = reporting_service().custom(caller.token, custom_id)
    report = reporting_service().run(caller.token, custom_id, page_zone().key, save=request.method == "POST")
    if report.id:
        return see_other("The report is saved.", url_for("reports.details", report_id=report.id))
    return render_template("custom_report.html", custom=custom, report=report, pictures=pictures_of(report))


@custom_reports.post("/reports/custom/<uuid:custom_id>/delete")
@private
def delete(caller: Caller, custom_id: UUID) -> Any:
    """Delete a custom report. Reports that it has made stay."""
    reporting_service().delete_custom(caller.token, custom_id)
    return see_other("The custom report is deleted.", url_for("reports.index"))
