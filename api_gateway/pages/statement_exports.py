"""A year of statements as one ZIP: choose what it has, see how far it is, download it."""

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, url_for
from wtforms import SelectField
from wtforms.validators import InputRequired

from api_gateway.clients.account import Account
from api_gateway.pages.common.filters import STATEMENT_FORMATS
from api_gateway.pages.common.forms import BankForm, Checkboxes, options
from api_gateway.pages.common.responses import see_other
from api_gateway.pages.common.sections import account_service, reporting_service
from api_gateway.web.documents import send_on
from api_gateway.web.time_zones import page_zone, today
from shared.core.time_zones import day_of
from shared.web.access import Caller, private

statement_exports = Blueprint("statement_exports", __name__)


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
        self.account_ids.choices = options({str(account.id): account.label for account in own})

    @property
    def body(self) -> dict[str, object]:
        """Return the body of the request to the service."""
        return {
            "year": int(self.year.data),
            "account_ids": self.account_ids.data or [],
            "formats": self.formats.data or [],
            "tz": page_zone().key,
        }


@statement_exports.route("/reports/exports", methods=["GET", "POST"])
@private
def index(caller: Caller) -> Any:
    """Show the exports with their progress, and a form for another one. A POST begins it."""
    form = StatementExportForm()
    own = account_service().list_own(caller.token)
    form.offer(own)
    if form.submitted(lambda: reporting_service().start_export(caller.token, form.body)):
        return see_other("Your statements are being put together.", url_for("statement_exports.index"))
    exports = reporting_service().list_exports(caller.token)
    names = {account.id: account.name for account in own}
    page = render_template(
        "statement_exports.html",
        form=form,
        exports=exports,
        names=names,
        formats=STATEMENT_FORMATS,
        is_running=any(export.is_running for export in exports),
    )
    return page, form.status_code


@statement_exports.get("/reports/exports/<uuid:export_id>/download")
@private
def download(caller: Caller, export_id: UUID) -> Any:
    """Return the ZIP."""
    return send_on(reporting_service().download_export(caller.token, export_id))


@statement_exports.post("/reports/exports/<uuid:export_id>/remove")
@private
def remove(caller: Caller, export_id: UUID) -> Any:
    """Remove an export, or cancel one that is being made."""
    reporting_service().remove_export(caller.token, export_id)
    return see_other("The export is removed.", url_for("statement_exports.index"))
