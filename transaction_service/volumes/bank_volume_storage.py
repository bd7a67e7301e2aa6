"""The sums of the whole bank by quarter of an hour, from which the days of every time zone are added up.

The clocks of all zones differ from UTC by whole quarters of an hour today. A day that begins within a quarter, by a
historical clock, is added up from its transactions.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from os import getpid
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Integer, Select, case, func, literal_column, select, union_all

from shared.core.time_zones import FIRST_INSTANT, UTC_ZONE, Shift, shifts
from shared.db.bulk import KEYS, Insert
from shared.db.columns import WholeSeconds
from shared.db.database import Storage
from transaction_service.transaction_models import BankVolume, TransactionRow
from transaction_service.volumes.volume_storage import Volume, Volumes, sort_groups

PARTS = 8
"""The number of rows for the same sums. A process adds to one of them, by its process id: otherwise all processes on
one database would contend for the same row."""
QUARTER = timedelta(minutes=15)
QUARTERS_PER_DAY = 96
SECONDS_PER_DAY = 86_400
Range = tuple[datetime, datetime]

_volume: Any = BankVolume.__table__
_transaction: Any = TransactionRow.__table__
_is_completed: ColumnElement[bool] = _transaction.c.status == literal_column("'completed'")
_amounts = (func.count(), func.sum(_transaction.c.amount_minor), func.max(_transaction.c.amount_minor))
_sums = (func.sum(_volume.c["count"]), func.sum(_volume.c.total_minor), func.max(_volume.c.largest_minor))
_quarter = WholeSeconds(_transaction.c.timestamp) // literal_column(str(int(QUARTER.total_seconds())))
_add_sums = Insert(
    _volume,
    ("quarter", "transaction_type", "part", "count", "total_minor", "largest_minor"),
    add=("count", "total_minor"),
    greatest=("largest_minor",),
)
_sums_of_transactions = (
    select(_quarter, _transaction.c.transaction_type, literal_column(str(getpid() % PARTS)), *_amounts)
    .where(_is_completed, _transaction.c.id.in_(KEYS))
    .group_by(_quarter, _transaction.c.transaction_type)
    .order_by(literal_column("1"), literal_column("2"))
)


class BankVolumeStorage(Storage):
    """The sums of all transactions of the bank."""

    def add(self, transaction_ids: Collection[str]) -> None:
        """Add the completed ones of these transactions to the sums.

        Call it once for each transaction, in the database transaction that completes it. Rows are written in the order
        of their keys, so that two processes don't deadlock.
        """
        _add_sums.copy(self._writer, _sums_of_transactions, transaction_ids)

    def by_day_and_type(
        self, *, since: datetime | None, until: datetime | None, zone: ZoneInfo = UTC_ZONE
    ) -> dict[str, dict[str, Volume]]:
        """Return the sums of completed transactions with `since <= timestamp < until`, by day of a zone and by type."""
        within = self._known_range(since, until)
        if within is None:
            return {}
        groups: dict[str, dict[str, Volume]] = {}
        for day, kind, count, total_minor, largest_minor in self._session.execute(union_all(*_queries(within, zone))):
            volume = Volume(_day_text(day), int(count), int(total_minor), 0, 0, int(largest_minor))
            kinds = groups.setdefault(volume.first_day, {})
            kinds[kind] = kinds[kind].with_more(volume) if kind in kinds else volume
        return {day: dict(sorted(kinds.items())) for day, kinds in sorted(groups.items())}

    def _known_range(self, since: datetime | None, until: datetime | None) -> Range | None:
        """Return the part of a range that has transactions, or None."""
        at = _transaction.c.timestamp
        first, last = (self._session.scalar(select(end(at))) for end in (func.min, func.max))
        if first is None or last is None:
            return None
        start, end = max(since or first, first), last + datetime.resolution
        end = min(until or end, end)
        return (start, end) if start < end else None


def volumes_of(groups: dict[str, dict[str, Volume]]) -> Volumes:
    """Return the sums by day and by type, without income, of sums by day and type together."""
    by_day: dict[str, Volume] = {}
    by_type: dict[str, Volume] = {}
    for day, kinds in groups.items():
        for kind, volume in kinds.items():
            by_day[day] = by_day[day].with_more(volume) if day in by_day else volume
            by_type[kind] = by_type[kind].with_more(volume) if kind in by_type else volume
    return Volumes(sort_groups(by_day), sort_groups(by_type))


def _queries(within: Range, zone: ZoneInfo) -> Iterator[Select[Any]]:
    """Yield the queries of the sums by day and type: of whole quarters, and of the transactions of partial ones."""
    (since, until), days = within, shifts(*within, zone)
    first, end = -(-(since - FIRST_INSTANT) // QUARTER), (until - FIRST_INSTANT) // QUARTER
    if first > end or any(shift.by % QUARTER or (shift.start - FIRST_INSTANT) % QUARTER for shift in days):
        yield _of_transactions(days, since, until)
        return
    yield _of_quarters(days, first, end)
    for start, stop in ((since, FIRST_INSTANT + first * QUARTER), (FIRST_INSTANT + end * QUARTER, until)):
        if start < stop:
            yield _of_transactions(days, start, stop)


def _of_quarters(days: Sequence[Shift], first: int, end: int) -> Select[Any]:
    in_quarters = [((shift.start - FIRST_INSTANT) // QUARTER, shift.by // QUARTER) for shift in days]
    day, kind = _shifted(_volume.c.quarter, in_quarters, per_day=QUARTERS_PER_DAY), _volume.c.transaction_type
    within = _volume.c.quarter >= first, _volume.c.quarter < end
    return select(day, kind, *_sums).where(*within).group_by(day, kind)


def _of_transactions(days: Sequence[Shift], since: datetime, until: datetime) -> Select[Any]:
    day, at = _day_number(_transaction.c.timestamp, days), _transaction.c.timestamp
    query = select(day, _transaction.c.transaction_type, *_amounts).where(_is_completed, at >= since, at < until)
    return query.group_by(day, _transaction.c.transaction_type)


def _day_number(timestamp: Any, days: Sequence[Shift]) -> Any:
    """Return the number of the day of an instant, from 0 on the first day of the year 1."""
    in_seconds = [(_seconds(shift.start - FIRST_INSTANT), _seconds(shift.by)) for shift in days]
    return _shifted(WholeSeconds(timestamp), in_seconds, per_day=SECONDS_PER_DAY)


def _shifted(moment: Any, in_units: Sequence[tuple[int, int]], *, per_day: int) -> Any:
    """Return the number of the day of a moment, which is counted in units of time from the beginning of the year 1.

    `in_units` are shifts in the same units: the start and by how much. They are literals, as PostgreSQL would not
    recognise an expression with parameters in GROUP BY.
    """
    first, later = _literal(in_units[0][1]), [(moment >= _literal(start), _literal(by)) for start, by in in_units[1:]]
    return (moment + (case(*reversed(later), else_=first) if later else first)) // _literal(per_day)


def _day_text(day: int) -> str:
    """Return a day as YYYY-MM-DD."""
    return date.fromordinal(day + 1).isoformat()


def _literal(number: int) -> ColumnElement[int]:
    return literal_column(str(number), Integer)


def _seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)
