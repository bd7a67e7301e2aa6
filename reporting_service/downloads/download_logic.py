"""Which tables a report consists of. A stored report that lacks a figure lacks its table."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from reporting_service.documents.document_schemas import Bank
from reporting_service.documents.document_storage import Document, make_document
from reporting_service.downloads import table_writer
from reporting_service.downloads.download_schemas import CSV_TYPE, PDF_TYPE, Table
from reporting_service.reporting_models import Report
from reporting_service.reporting_schemas import Format
from shared.core.time_zones import UTC_ZONE, read_zone

_FLOWS = ("count", "income", "expense", "net")
_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9-]+")


def make_download(report: Report, bank: Bank, form: Format) -> Document:
    """Return a report as a document in CSV or PDF."""
    tables = list(tables_of(report.report_data))
    name = f"{_NOT_IN_FILE_NAMES.sub('-', report.title).strip('-').lower()}.{form}"
    if form == "csv":
        return make_document(lambda out: table_writer.write_csv(tables, out), CSV_TYPE, name)
    lead = [report.title, *_moment(report.report_data)]
    return make_document(lambda out: table_writer.write_pdf(tables, bank, lead, report.created_at, out), PDF_TYPE, name)


def tables_of(data: dict[str, Any]) -> Iterator[Table]:
    """Yield the tables of a report's data."""
    if "total_balance" in data:
        yield from _bank_tables(data)
        return
    yield _summary(data)
    yield _by_type(data["by_type"])
    if by_category := data.get("by_category"):
        sums = [(name, one["count"], one["income"], one["expense"]) for name, one in by_category.items()]
        yield Table("By category", ("category", "count", "income", "expense"), sums)
    if data.get("money_in"):
        figures = ("count", "total", "reversed", "mean", "median", "largest")
        rows = [(name, data["money_in"][name], data["money_out"][name]) for name in figures]
        yield Table("Payments in and out", ("figure", "in", "out"), rows)
    if before := data.get("previous"):
        title = f"Period before, {before['period']['start_date']} to {before['period']['end_date']}"
        yield Table(title, ("figure", "amount"), [(name, before[name]) for name in _FLOWS])
    yield from _groups(data, _FLOWS)
    if "balance_trend" in data:
        trend = [(point["date"], point["balance"]) for point in data["balance_trend"]]
        yield Table("Balance at the end of the day", ("date", "balance"), trend)
        yield _history(data["history"], _zone_of(data))


def _moment(data: dict[str, Any]) -> list[str]:
    if not data.get("as_of"):
        return []
    zone = _zone_of(data)
    lines = [f"All figures as of {_clock_time(data['as_of'], zone)} ({zone.key})."]
    return lines if zone == UTC_ZONE else [*lines, f"Days begin at midnight in {zone.key}."]


def _zone_of(data: dict[str, Any]) -> ZoneInfo:
    """Return the zone of a report's days. Reports from before zones are in UTC."""
    return read_zone(data.get("time_zone", UTC_ZONE.key))


def _clock_time(timestamp: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(timestamp).astimezone(zone).isoformat(" ", "seconds")[:19]


def _summary(data: dict[str, Any]) -> Table:
    names = ("opening_balance", *_FLOWS, "closing_balance")
    return Table("Summary", ("figure", "amount"), [(name, data[name]) for name in names if data.get(name) is not None])


def _by_type(by_type: dict[str, Any]) -> Table:
    rows = [(kind, sums["count"], sums["total"]) for kind, sums in by_type.items()]
    return Table("By type", ("type", "count", "total"), rows)


def _groups(data: dict[str, Any], figures: tuple[str, ...]) -> Iterator[Table]:
    groups = data.get("groups")
    if groups:
        rows = [(group["start_date"], group["end_date"], *(group[name] for name in figures)) for group in groups]
        yield Table(f"By {data['grouping']}", ("start_date", "end_date", *figures), rows, text_columns=2)


def _history(history: list[dict[str, Any]], zone: ZoneInfo) -> Table:
    headers = ("timestamp", "type", "description", "counterparty", "id", "amount", "balance_after")
    rows = [
        (
            _clock_time(row["timestamp"], zone),
            row.get("transaction_type") or "",
            row.get("description") or "",
            ", ".join(row[name] for name in ("counterparty_name", "counterparty") if row.get(name)),
            row["transaction_id"],
            row["amount"],
            row["balance_after"],
        )
        for row in history
    ]
    return Table("Entries", headers, rows, text_columns=5)


def _bank_tables(data: dict[str, Any]) -> Iterator[Table]:
    users, accounts, transactions = data["users"], data["accounts"], data["transactions"]
    numbers = [("people", users["total"]), ("accounts", accounts["total"]), ("transactions", transactions["count"])]
    yield Table("Summary", ("figure", "number"), [*numbers, ("total_balance", data["total_balance"])])
    by_role = data.get("users_by_role_and_status", {})
    rows = [(role, status, count) for role, known in by_role.items() for status, count in known.items()]
    yield Table("People by role and status", ("role", "status", "count"), rows, text_columns=2)
    by_type = data.get("accounts_by_type_and_status", {})
    held = [
        (kind, status, sums["count"], sums["balance"])
        for kind, known in by_type.items()
        for status, sums in known.items()
    ]
    yield Table("Accounts by type and status", ("type", "status", "count", "balance"), held, text_columns=2)
    yield _by_type(transactions["by_type"])
    if growth := data.get("growth"):
        names = ("users", "accounts", "transactions", "volume")
        added = [(name, growth[name]["current"], growth[name]["previous"]) for name in names]
        yield Table("Growth against the period before", ("added", "this period", "before"), added)
    yield from _groups(data, ("count", "total"))
    volumes = [
        (day["date"], kind, sums["count"], sums["total"])
        for day in data.get("volumes_by_day", [])
        for kind, sums in day["by_type"].items()
    ]
    yield Table("By day and type", ("date", "type", "count", "total"), volumes, text_columns=2)
