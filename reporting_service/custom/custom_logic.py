"""The rules of custom reports: they are their user's alone, and each run reads the present data."""

from datetime import datetime
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from reporting_service.custom.custom_schemas import CustomReportData, NewCustomReport
from reporting_service.custom.custom_storage import CustomReportStorage
from reporting_service.figure_logic import period_before, preset_period, ties_out
from reporting_service.reporting_logic import (
    Sources,
    flow_fields,
    make_report,
    read_until_consistent,
    require_period,
    store_report,
)
from reporting_service.reporting_models import CustomReport, Report
from reporting_service.reporting_schemas import MakingQuery
from reporting_service.reporting_storage import ReportStorage
from reporting_service.source_schemas import AccountFacts, Period, ZonedPeriod
from shared.core.clock import now
from shared.core.errors import Conflict, InvalidRequest, NotFound, Refused
from shared.core.time_zones import day_of
from shared.db.outages import rerun_when_aborted
from shared.web import cursors
from shared.web.access import Caller
from shared.web.cursors import Page, Pagination

MAX_CUSTOM_REPORTS = 100


class NameTaken(Conflict):
    """The user has a custom report of this name."""

    code = "NAME_TAKEN"
    message = "You have a custom report with this name already. Choose another name, or delete that one first."


class TooManyCustomReports(Refused):
    """The user has as many custom reports as are kept."""

    code = "TOO_MANY_CUSTOM_REPORTS"
    message = f"At most {MAX_CUSTOM_REPORTS} custom reports are kept. Delete one that you no longer need."


def create(storage: CustomReportStorage, sources: Sources, caller: Caller, new: NewCustomReport) -> CustomReport:
    """Keep a custom report. Raises NotFound for an account of somebody else, InvalidRequest, NameTaken."""
    _require_one_period(new)
    _own_accounts(sources, caller, new.account_ids)
    return _add(storage, caller, new)


@rerun_when_aborted
def _add(storage: CustomReportStorage, caller: Caller, new: NewCustomReport) -> CustomReport:
    with storage.transaction():
        if storage.find_by_name(caller.user_id, new.name):
            raise NameTaken
        if storage.count(caller.user_id) >= MAX_CUSTOM_REPORTS:
            raise TooManyCustomReports
        choice = new.model_dump(mode="json", exclude={"name"})
        report = CustomReport(user_id=caller.user_id, name=new.name, choice=choice, created_at=now())
        storage.insert(report)
    return report


def details(storage: CustomReportStorage, caller: Caller, report_id: UUID) -> CustomReport:
    """Return a custom report of the caller. Raises NotFound."""
    report = storage.find(caller.user_id, report_id)
    if report is None:
        raise NotFound("There is no such custom report.")
    return report


def list_own(storage: CustomReportStorage, caller: Caller, page: Page) -> tuple[list[CustomReport], Pagination]:
    """Return a page of the caller's custom reports, newest first."""
    return cursors.fetch_page(page, partial(storage.list_of_user, caller.user_id), created_at=datetime, id=UUID)


def delete(storage: CustomReportStorage, caller: Caller, report_id: UUID) -> None:
    """Delete a custom report of the caller. Reports that it has made stay. Raises NotFound."""
    with storage.transaction():
        storage.remove(details(storage, caller, report_id))


def run(
    storage: CustomReportStorage,
    reports: ReportStorage,
    sources: Sources,
    caller: Caller,
    report_id: UUID,
    *,
    query: MakingQuery,
) -> Report:
    """Make a report by a custom report, over its period as it is today. Raises NotFound or ServiceUnavailable."""
    custom = details(storage, caller, report_id)
    choice = NewCustomReport.model_validate({**custom.choice, "name": custom.name}, strict=False)
    period = _period_of(choice, query.tz)
    accounts = _own_accounts(sources, caller, choice.account_ids)
    data = read_until_consistent(lambda: _read(sources, caller.token, choice, period, accounts))
    parameters = {"custom_report_id": str(custom.id)} | _selection_of(choice)
    report = make_report(caller, "transaction", data, choice.group, subject=custom.name, **parameters)
    return store_report(reports, report) if query.save else report


def _require_one_period(new: NewCustomReport) -> None:
    if new.preset and (new.start_date or new.end_date):
        raise InvalidRequest(details={"preset": "must not be given beside start_date or end_date"})
    if new.preset:
        return
    if not (new.start_date and new.end_date):
        raise InvalidRequest(details={"preset": "or start_date and end_date must be given"})
    require_period(Period(start_date=new.start_date, end_date=new.end_date))


def _period_of(choice: NewCustomReport, zone: ZoneInfo) -> ZonedPeriod:
    if choice.preset:
        return preset_period(choice.preset, day_of(now(), zone), zone)
    days = {"start_date": choice.start_date, "end_date": choice.end_date}
    return ZonedPeriod.model_validate({**days, "zone": zone})


def _selection_of(choice: NewCustomReport) -> dict[str, str]:
    """Return the chosen accounts and types, separated by commas. What is not chosen is left out."""
    chosen = {"account_ids": ",".join(map(str, choice.account_ids)), "types": ",".join(choice.types)}
    return {name: text for name, text in chosen.items() if text}


def _own_accounts(sources: Sources, caller: Caller, account_ids: list[UUID]) -> list[AccountFacts]:
    """Return these accounts of the caller. Raises NotFound if one of them is not the caller's."""
    if not account_ids:
        return []
    own = {account.id: account for account in sources.accounts.list_own(caller.token)}
    if any(account_id not in own for account_id in account_ids):
        raise NotFound("There is no such account.")
    return [own[account_id] for account_id in account_ids]


def _read(
    sources: Sources, token: str, choice: NewCustomReport, period: ZonedPeriod, accounts: list[AccountFacts]
) -> CustomReportData | None:
    """Return the data of a custom report, or None if its figures do not add up."""
    statistics = sources.transactions.statistics(token, period, period_before(period), **_selection_of(choice))
    if not ties_out(statistics):
        return None
    return CustomReportData(**flow_fields(statistics, period, choice.group), accounts=accounts, types=choice.types)
