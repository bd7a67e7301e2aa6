"""Sums by day: updated when transactions are completed, so that summaries need not read the transactions.

They are kept by day of UTC. For the days of other zones the legs at the hours between the two midnights are moved.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    and_,
    case,
    column,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    select,
    true,
    union_all,
    values,
)

from shared.core.time_zones import FIRST_INSTANT, LAST_INSTANT, UTC_ZONE, DayPiece, day_end, day_pieces, day_start
from shared.db.bulk import KEYS, Insert
from shared.db.columns import UtcDateTime
from shared.db.database import Storage
from transaction_service.leg_storage import keeps_new_legs
from transaction_service.transaction_models import LEG_TABLES, DailyVolume, TransactionLeg, TransactionRow

_volume: Any = DailyVolume.__table__
_leg: Any = TransactionLeg.__table__
_transaction: Any = TransactionRow.__table__
_KINDS = ("day", "transaction_type", "direction", "internal")
_TOTALS = ("count", "total_minor", "largest_minor")
_COLUMNS = (*_KINDS, *_TOTALS, "user_id", "account_id")
_add_sums = Insert(_volume, _COLUMNS, add=("count", "total_minor"), greatest=("largest_minor",))


@dataclass(frozen=True)
class Volume:
    """The sums of a group of completed transactions, in minor units, and the day of the first of them.

    In the days of zones other than UTC `largest_minor` is not known, and 0.
    """

    first_day: str
    count: int
    total_minor: int
    income_minor: int
    expense_minor: int
    largest_minor: int

    def negative(self, first_day: str) -> "Volume":
        """Return the sums to take away from those of a day."""
        return Volume(first_day, -self.count, -self.total_minor, -self.income_minor, -self.expense_minor, 0)

    def with_more(self, other: "Volume") -> "Volume":
        """Return the sums of both groups together."""
        return Volume(
            min(self.first_day, other.first_day),
            self.count + other.count,
            self.total_minor + other.total_minor,
            self.income_minor + other.income_minor,
            self.expense_minor + other.expense_minor,
            max(self.largest_minor, other.largest_minor),
        )


@dataclass(frozen=True)
class CategoryVolume:
    """The sums of the completed transactions of a category, in minor units."""

    count: int
    income_minor: int
    expense_minor: int

    def with_more(self, other: "CategoryVolume") -> "CategoryVolume":
        """Return the sums of both together."""
        income, expense = self.income_minor + other.income_minor, self.expense_minor + other.expense_minor
        return CategoryVolume(self.count + other.count, income, expense)


@dataclass(frozen=True)
class Volumes:
    """The same transactions grouped by day and by type, each group ordered by its first day."""

    by_day: dict[str, Volume]
    by_type: dict[str, Volume]

    @property
    def count(self) -> int:
        """Return the number of transactions."""
        return sum(day.count for day in self.by_day.values())

    @property
    def total_minor(self) -> int:
        """Return the sum of the amounts, incoming and outgoing."""
        return sum(day.total_minor for day in self.by_day.values())

    @property
    def income_minor(self) -> int:
        """Return the sum of the incoming amounts."""
        return sum(day.income_minor for day in self.by_day.values())

    @property
    def expense_minor(self) -> int:
        """Return the sum of the outgoing amounts."""
        return sum(day.expense_minor for day in self.by_day.values())

    @property
    def net_minor(self) -> int:
        """Return the income minus the expense."""
        return self.income_minor - self.expense_minor


@dataclass(frozen=True)
class Selection:
    """A choice among the transactions of a user: accounts and types. An empty choice means all."""

    account_ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def is_internal(self, leg: Any) -> ColumnElement[bool]:
        """Return the condition for legs of transactions between two of the chosen accounts."""
        if not self.account_ids:
            return leg.internal  # type: ignore[no-any-return]  # columns of a table have no types
        sides = (_transaction.c.from_account_id, _transaction.c.to_account_id)
        chosen = exists().where(
            _transaction.c.id == leg.transaction_id, *(side.in_(self.account_ids) for side in sides)
        )
        return and_(leg.internal, chosen)

    def conditions(self, leg: Any) -> list[ColumnElement[bool]]:
        """Return the conditions for the legs on the chosen accounts and of the chosen types."""
        conditions = [leg.account_id.in_(self.account_ids)] if self.account_ids else []
        return conditions + ([leg.transaction_type.in_(self.types)] if self.types else [])


ALL = Selection()
"""The selection of all transactions of a user."""


@dataclass(frozen=True)
class _Columns:
    """The columns of a table that sums are made from: (day, type, direction, internal), count and amounts."""

    kinds: tuple[Any, Any, Any, Any]
    count: Any
    amount_minor: Any
    largest_minor: Any


_Counted = tuple[Sequence[Any], Sequence[ColumnElement[bool]]]
"""The sums of a table of legs, and the conditions for those that are counted."""


class VolumeStorage(Storage):
    """The sums by day of each account."""

    def add(self, transaction_ids: Collection[str]) -> None:
        """Add the completed ones of these transactions to the sums.

        Call it once for each transaction, in the database transaction that completes it. Rows are written in the order
        of their keys, so that two processes don't deadlock.
        """
        query = _SUMS_OF_NEW if keeps_new_legs(self._database) else _SUMS_OF_INDEXED
        _add_sums.copy(self._writer, query, transaction_ids)

    def of_user(
        self,
        user_id: str,
        *,
        account_id: str | None,
        since: datetime | None,
        until: datetime | None,
        zone: ZoneInfo = UTC_ZONE,
    ) -> Volumes:
        """Return the sums of a user's completed transactions with `since <= timestamp < until`, or of one account.

        A transfer between own accounts counts once and is neither income nor expense; for one account it is one of
        them. A reversal is netted on its own day: money taken back lowers the income and money given back lowers the
        expense, so either may be negative in a period without the reversed transaction.
        """

        def conditions(table: Any) -> list[ColumnElement[bool]]:
            rest = [*legs_of(table.c, user_id, account_id), _completed(table)]
            return rest + ([] if account_id else [not_(and_(table.c.internal, table.c.direction == "in"))])

        kept = _volume.c.user_id == user_id, _is_counted(_volume, account_id), *_whole_days(since, until)
        parts = (_groups(_LEGS, account_id, *conditions(_leg), part) for part in _parts_of_days(_leg, since, until))
        volumes = self._fetch(*_groups(_SUMS, account_id, *kept), *chain(*parts))

        def counted(table: Any) -> _Counted:
            return _totals(_columns(table, table.c.direction, table.c.internal), account_id), conditions(table)

        return self._in_zone(volumes, zone, (since, until), counted)

    def of_selection(
        self,
        user_id: str,
        selection: Selection,
        *,
        since: datetime | None,
        until: datetime | None,
        zone: ZoneInfo = UTC_ZONE,
    ) -> Volumes:
        """Return the sums of a selection of a user's completed transactions with `since <= timestamp < until`.

        A transfer between two of the chosen accounts counts once and is neither income nor expense. The sums by day
        don't tell the other account of a transfer, so this reads the legs.
        """

        def chosen(table: Any) -> tuple[_Columns, list[ColumnElement[bool]]]:
            leg, internal = table.c, selection.is_internal(table.c)
            conditions = [leg.user_id == user_id, _completed(table), not_(and_(internal, leg.direction == "in"))]
            return _columns(table, leg.direction, internal), [*conditions, *selection.conditions(leg)]

        columns, conditions = chosen(_leg)
        volumes = self._fetch(*_groups(columns, None, *conditions, *_between(_leg, since, until)))

        def counted(table: Any) -> _Counted:
            columns, conditions = chosen(table)
            return _totals(columns, None), conditions

        return self._in_zone(volumes, zone, (since, until), counted)

    def _in_zone(
        self,
        volumes: Volumes,
        zone: ZoneInfo,
        within: tuple[datetime | None, datetime | None],
        counted: Callable[[Any], _Counted],
    ) -> Volumes:
        """Return volumes by day of UTC as volumes by day of a zone, of the legs that `counted` counts of a table.

        Only legs at the hours at which the two days differ are read: they are moved from the one to the other.
        """
        if zone is UTC_ZONE or not volumes.by_day:
            return volumes
        pieces = _moved(volumes.by_day, zone, *within)
        by_day = {day: replace(volume, largest_minor=0) for day, volume in volumes.by_day.items()}
        for number, *sums in self._session.execute(_sums_of_pieces(pieces, counted)) if pieces else ():
            count, total_minor, income_minor, expense_minor, _ = map(int, sums)
            day, utc_day = str(pieces[number].day), str(pieces[number].utc_day)
            moved = Volume(day, count, total_minor, income_minor, expense_minor, 0)
            by_day[day] = by_day[day].with_more(moved) if day in by_day else moved
            by_day[utc_day] = by_day[utc_day].with_more(moved.negative(utc_day))
        return replace(volumes, by_day=sort_groups({day: volume for day, volume in by_day.items() if volume.count}))

    def _fetch(self, *queries: Select[Any]) -> Volumes:
        """Run the queries as one statement, so that all see the same transactions, and return their groups."""
        rows = self._session.execute(union_all(*queries))
        by_day: dict[str, Volume] = {}
        by_type: dict[str, Volume] = {}
        for first, kind, *sums in rows:
            volume = Volume(str(first), *map(int, sums))  # PostgreSQL sums up to a Decimal
            groups, name = (by_type, kind) if kind else (by_day, volume.first_day)
            groups[name] = groups[name].with_more(volume) if name in groups else volume
        return Volumes(sort_groups(by_day), sort_groups(by_type))


def legs_of(leg: Any, user_id: str, account_id: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions for the legs of a user, or for those on one of their accounts."""
    if account_id is None:
        return [leg.user_id == user_id]
    # By the index of users SQLite would scan all legs of the user.
    return [leg.account_id == account_id, unindexed(leg.user_id == user_id)]


def unindexed(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that all of these hold, as a CASE, for which SQLite uses no index."""
    return case((and_(*conditions), true()), else_=false())


def _columns(table: Any, direction: Any, internal: Any) -> _Columns:
    """Return the columns of a table that has a row for each transaction or leg."""
    amount = table.c.amount_minor
    kinds = (func.date(table.c.timestamp, type_=_volume.c.day.type), table.c.transaction_type, direction, internal)
    return _Columns(kinds, func.count(), amount, amount)


_SUMS = _Columns(
    (_volume.c.day, _volume.c.transaction_type, _volume.c.direction, _volume.c.internal),
    func.sum(_volume.c["count"]),
    _volume.c.total_minor,
    _volume.c.largest_minor,
)
_LEGS = _columns(_leg, _leg.c.direction, _leg.c.internal)


def _groups(columns: _Columns, account_id: str | None, *conditions: ColumnElement[bool]) -> list[Select[Any]]:
    """Return two queries, of the sums by day (with an empty type) and of the sums by type."""
    day, kind, *_ = columns.kinds
    totals = _totals(columns, account_id)
    by_day, by_type = select(day, literal(""), *totals).group_by(day), select(func.min(day), kind, *totals)
    return [by_day.where(*conditions), by_type.group_by(kind).where(*conditions)]


def _totals(columns: _Columns, account_id: str | None) -> tuple[Any, ...]:
    """Return the columns of the fields of `Volume` after the first."""
    (_, kind, direction, internal), amount = columns.kinds, columns.amount_minor
    comes_in = direction == "in"
    goes_out = direction == "out" if account_id else and_(direction == "out", not_(internal))
    is_reversal = kind == literal_column("'reversal'")
    income = case((and_(is_reversal, goes_out), -amount), (and_(not_(is_reversal), comes_in), amount), else_=0)
    expense = case((and_(is_reversal, comes_in), -amount), (and_(not_(is_reversal), goes_out), amount), else_=0)
    return columns.count, func.sum(amount), func.sum(income), func.sum(expense), func.max(columns.largest_minor)


def _moved(by_day: dict[str, Volume], zone: ZoneInfo, since: datetime | None, until: datetime | None) -> list[DayPiece]:
    """Return the pieces of a range, in the days of UTC that have transactions, that are on another day in a zone."""
    first, last = (date.fromisoformat(end(by_day)) for end in (min, max))
    start, stop = max(since or FIRST_INSTANT, day_start(first, UTC)), min(until or LAST_INSTANT, day_end(last, UTC))
    pieces = day_pieces(start, stop, zone)
    return [piece for piece in pieces if piece.day != piece.utc_day and str(piece.utc_day) in by_day]


def _sums_of_pieces(pieces: Sequence[DayPiece], counted: Callable[[Any], _Counted]) -> CompoundSelect[Any]:
    """Return the query of the sums of the legs in each piece, by the number of the piece."""
    columns = column("number", Integer), column("start", UtcDateTime), column("stop", UtcDateTime)
    rows = [(number, piece.start, piece.end) for number, piece in enumerate(pieces)]
    of = values(*columns, name="piece").data(rows).cte("piece")

    def sums(table: Any) -> Select[Any]:
        totals, conditions = counted(table)
        within = table.c.timestamp >= of.c.start, table.c.timestamp < of.c.stop
        return select(of.c.number, *totals).join_from(of, table, and_(*within)).where(*conditions).group_by(of.c.number)

    return union_all(*(sums(table) for table in LEG_TABLES))


def _completed(table: Any) -> ColumnElement[bool]:
    return table.c.status == literal_column("'completed'")  # type: ignore[no-any-return]  # columns of a table have no types


def _is_counted(table: Any, account_id: str | None) -> ColumnElement[bool]:
    """Return the condition for one account, or for a user, whose internal transfers count by their outgoing leg."""
    if account_id is not None:
        return table.c.account_id == account_id  # type: ignore[no-any-return]  # as above
    return not_(and_(table.c.internal, table.c.direction == "in"))


def _between(table: Any, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Return the conditions for the rows within a range."""
    conditions = [table.c.timestamp >= since] if since else []
    return conditions + ([table.c.timestamp < until] if until else [])


def _whole_days(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Return the conditions for the stored sums of the whole days of a range."""
    day = _volume.c.day
    conditions = [day >= since.date()] if since else []
    conditions += [day < until.date()] if until else []
    return conditions + [day != part for part in _partial_days(since, until)]


def _parts_of_days(table: Any, since: datetime | None, until: datetime | None) -> Iterator[ColumnElement[bool]]:
    """Yield a condition for the rows within the range for each of its partial days."""
    for day in _partial_days(since, until):
        midnight, end = datetime.combine(day, time(), UTC), datetime.combine(day, time.max, UTC)
        last = min(end, until - timedelta(microseconds=1)) if until else end
        yield table.c.timestamp.between(max(midnight, since or midnight), last)


def _partial_days(since: datetime | None, until: datetime | None) -> set[date]:
    """Return the days in the middle of which a range begins or ends."""
    return {instant.date() for instant in (since, until) if instant and instant.time() != time()}


def sort_groups(groups: dict[str, Volume]) -> dict[str, Volume]:
    """Return groups ordered by their first days."""
    return dict(sorted(groups.items(), key=lambda group: (group[1].first_day, group[0])))


def _sums_of(leg: Any) -> Select[Any]:
    """Return the query of the sums by account of completed legs, by the ids of their transactions."""
    columns = _columns(leg, leg.c.direction, leg.c.internal)
    totals = columns.count, func.sum(columns.amount_minor), func.max(columns.largest_minor)
    groups = *columns.kinds, leg.c.user_id, leg.c.account_id
    sums = select(*columns.kinds, *totals, leg.c.user_id, leg.c.account_id).group_by(*groups)
    in_order = sums.order_by(*(literal_column(str(place)) for place in (8, 9, 1, 2, 3, 4)))  # the primary key
    return in_order.where(_completed(leg), leg.c.transaction_id.in_(KEYS))


_SUMS_OF_INDEXED, _SUMS_OF_NEW = (_sums_of(table) for table in LEG_TABLES)
