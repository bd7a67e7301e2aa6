"""Statements of the caller's accounts: single ones to download, and those of a year as one ZIP."""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, url_for
from wtforms import SelectField
from wtforms.validators import InputRequired

from api_gateway.clients.account import Account, labels
from api_gateway.pages.common.filters import STATEMENT_FORMATS, StatementFilters
from api_gateway.pages.common.forms import BankForm, Checkboxes, options
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.services import Services
from api_gateway.pages.common.statements import statement_download, statements_page
from api_gateway.web.documents import send_on
from api_gateway.web.time_zones import page_zone, today
from shared.core.errors import NotFound
from shared.core.time_zones import day_of
from shared.web.access import Caller, private

statements = Blueprint("statements", __name__)


class StatementExportForm(BankForm):
    """The year, the accounts and the formats of the statements."""

    year = SelectField("Year", [InputRequired("Choose a year.")])
    account_ids = Checkboxes("Accounts")
    formats = Checkboxes(
        "Formats", [InputRequired("Choose a format.")], choices=options(STATEMENT_FORMATS), default=["pdf"]
    )

    def offer(self, own: list[Account]) -> None:
        """Offer the accounts, and the years since the first of them was opened."""
        zone = page_zone()
        first = min((day_of(account.created_at, zone).year for account in own), default=today().year)
        years = [str(year) for year in range(today().year, first - 1, -1)]
        self.year.choices = options({year: year for year in years})
        self.account_ids.choices = options(labels(own))

    @property
    def body(self) -> dict[str, object]:
        """Return the body of the request to the service."""
        return {
            "year": int(self.year.data),
            "account_ids": self.account_ids.data or [],
            "formats": self.formats.data or [],
            "tz": page_zone().key,
        }


@statements.get("/accounts/<uuid:account_id>/statements")
@private
def index(caller: Caller, account_id: UUID) -> Any:
    """Show the months of which there are statements, and a form for a range of days."""
    account = Services(caller).accounts.details(account_id)
    if account.user_id != caller.user_id:
        return redirect(url_for("staff_reports.statements", account_id=account_id), 303)
    return statements_page(account, StatementFilters(), place=f"/accounts/{account_id}")


@statements.get("/accounts/<uuid:account_id>/statement")
@private
def download(caller: Caller, account_id: UUID) -> Any:
    """Return the statement as a download. A refused period is explained on the page of statements."""
    return statement_download(caller, account_id, place=f"/accounts/{account_id}")


@statements.route("/reports/exports", methods=["GET", "POST"])
@private
def exports(caller: Caller) -> Any:
    """Show the exports with their progress, and a form for another one. A POST begins it."""
    form = StatementExportForm()
    own = Services(caller).accounts.list_own()
    form.offer(own)
    if form.submitted(lambda: Services(caller).reports.start_export(form.body)):
        return see_other("Your statements are being put together.", url_for("statements.exports"), "info")
    listed = Services(caller).reports.list_exports()
    names = {account.id: account.name for account in own}
    return form_page(
        "statement_exports.html",
        form,
        exports=listed,
        names=names,
        formats=STATEMENT_FORMATS,
        is_running=any(export.is_running for export in listed),
    )


@statements.get("/reports/exports/<uuid:export_id>/download")
@private
def download_export(caller: Caller, export_id: UUID) -> Any:
    """Return the ZIP."""
    return send_on(Services(caller).reports.download_export(export_id))


@statements.route("/reports/exports/<uuid:export_id>/remove", methods=["GET", "POST"])
@private
def remove_export(caller: Caller, export_id: UUID) -> Any:
    """Ask whether to remove an export, or to cancel one that is being made; a POST does it."""
    form = BankForm()
    if form.carried_out(lambda: Services(caller).reports.remove_export(export_id)):
        return see_other("The export is removed.", url_for("statements.exports"))
    export = next((one for one in Services(caller).reports.list_exports() if one.id == export_id), None)
    if export is None:
        raise NotFound
    return form_page(
        "confirm.html",
        form,
        what=f"Cancel the export of {export.year}" if export.is_running else f"Remove the export of {export.year}",
        effects=["The ZIP is deleted. Your statements stay, and you can put them together again."],
        button="Confirm cancelling" if export.is_running else "Confirm removal",
        keep="Keep it",
        back=("/reports/exports", "A year of statements"),
    )
