"""Sums by day: kept when transactions are completed, so that no summary has to read what it sums up."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from os import getpid
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, and_, event, func, insert, literal, not_, select

from shared.bulk_insert import Insert
from shared.database import Storage
from transaction_service.transaction_models import DailyVolume, Transaction, TransactionLeg

WHOLE_BANK = UUID(int=0)
"""Whom the sums over all transactions belong to. Their account is only a part of the sum, one for each process, or on a
database of several processes each would wait until the others have committed."""
PARTS = 8

_volume: Any = DailyVolume.__table__
_leg: Any = TransactionLeg.__table__
_transaction: Any = Transaction.__table__
_KINDS = ("day", "transaction_type", "direction", "internal")
_TOTALS = ("count", "total_minor", "largest_minor")
_COLUMNS = (*_KINDS, *_TOTALS, "user_id", "account_id")
_more = Insert(_volume, _COLUMNS, add=("count", "total_minor"), greatest=("largest_minor",))
_Sums = dict[tuple[int, int, tuple[date, str, str, bool]], dict[str, Any]]


@dataclass(frozen=True)
class Volume:
    """The completed transactions of one day, type and direction; amounts are minor units."""

    day: str
    transaction_type: str
    direction: str
    internal: bool
    count: int
    total_minor: int
    largest_minor: int


class VolumeStorage(Storage):
    """The sums by day, of each account and of the whole bank."""

    def add(self, transactions: Iterable[Transaction]) -> None:
        """Count those that are completed. Each may be given once, in the transaction that completes it.

        The rows are written in the order of their keys: two processes can't wait for each other.
        """
        sums: _Sums = {}
        part = _own_part()
        for row in transactions:
            if row.status == "completed":
                _count(sums, row, part)
        _more.execute(self._session.connection(), [sums[key] for key in sorted(sums)])

    def of_user(
        self, user_id: UUID, *, account_id: UUID | None, since: datetime | None, until: datetime | None
    ) -> list[Volume]:
        """A user's completed transactions, or those on one account of theirs, by day, type and direction.

        They are those of `since <= timestamp < until`. What moved between own accounts has two sides, and counts once,
        as outgoing, unless it is asked for one account.
        """
        of_whole_days = _kept(since, until).where(_volume.c.user_id == user_id, _side(_volume, account_id))
        of_the_rest = _sums(_leg).where(_leg.c.user_id == user_id, _side(_leg, account_id))
        return self._volumes(of_whole_days, *_within(of_the_rest, _leg, since, until))

    def of_all(self, *, since: datetime | None, until: datetime | None) -> list[Volume]:
        """The whole bank's completed transactions, by day and type; they have no direction."""
        of_whole_days = _kept(since, until).where(_volume.c.user_id == WHOLE_BANK)
        return self._volumes(of_whole_days, *_within(_sums(_transaction), _transaction, since, until))

    def _volumes(self, *queries: Select[Any]) -> list[Volume]:
        """What the queries find, by day. A day is either kept or summed, so that no kind is found by two of them."""
        rows = sorted((str(day), *rest) for query in queries for day, *rest in self._session.execute(query))
        return [
            Volume(day, kind, direction, bool(internal), count, int(total), int(largest))
            for day, kind, direction, internal, count, total, largest in rows
        ]


def _count(sums: _Sums, row: Transaction, part: UUID) -> None:
    """Count a completed transaction on the account of each side, and in a part of the whole bank's sums."""
    day, kind, amount_minor = row.timestamp.astimezone(UTC).date(), row.transaction_type, row.amount_minor
    source, target = row.from_user_id, row.to_user_id
    if source and row.from_account_id:
        _add(sums, (day, kind, "out", source == target), amount_minor, source, row.from_account_id)
    if target and row.to_account_id:
        _add(sums, (day, kind, "in", source == target), amount_minor, target, row.to_account_id)
    _add(sums, (day, kind, "", False), amount_minor, WHOLE_BANK, part)


def _add(sums: _Sums, kinds: tuple[date, str, str, bool], amount_minor: int, user_id: UUID, account_id: UUID) -> None:
    key = (user_id.int, account_id.int, kinds)  # numbers, because ids take longer to compare
    known = sums.get(key)
    if known:
        known["count"] += 1
        known["total_minor"] += amount_minor
        known["largest_minor"] = max(known["largest_minor"], amount_minor)
        return
    day, transaction_type, direction, internal = kinds
    sums[key] = {
        "user_id": user_id,
        "account_id": account_id,
        "day": day,
        "transaction_type": transaction_type,
        "direction": direction,
        "internal": internal,
        "count": 1,
        "total_minor": amount_minor,
        "largest_minor": amount_minor,
    }


def _own_part() -> UUID:
    return UUID(int=getpid() % PARTS)


def _sums(table: Any) -> Select[Any]:
    """The kinds and totals of completed legs, or of completed transactions, which have no direction."""
    kinds = [func.date(table.c.timestamp, type_=_volume.c.day.type), table.c.transaction_type]
    sides = [_leg.c.direction, _leg.c.internal] if table is _leg else []
    amount = table.c.amount_minor
    return (
        select(*kinds, *(sides or (literal(""), literal(False))), func.count(), func.sum(amount), func.max(amount))
        .where(table.c.status == "completed")
        .group_by(*kinds, *sides)
    )


@event.listens_for(_volume, "after_create")
def _fill(_table: Any, connection: Connection, **_options: Any) -> None:
    """Give a database that is older than the sums its sums, in the transaction that makes their table."""
    owner = (_leg.c.user_id, _leg.c.account_id)
    of_accounts = _sums(_leg).add_columns(*owner).group_by(*owner)
    of_bank = _sums(_transaction).add_columns(literal(WHOLE_BANK), literal(_own_part()))
    for query in (of_accounts, of_bank):
        connection.execute(insert(_volume).from_select(_COLUMNS, query))


def _side(table: Any, account_id: UUID | None) -> ColumnElement[bool]:
    if account_id is not None:
        return table.c.account_id == account_id  # type: ignore[no-any-return]  # columns of a table have no types
    return not_(and_(table.c.internal, table.c.direction == "in"))


def _kept(since: datetime | None, until: datetime | None) -> Select[Any]:
    """The sums of all days that are whole in a range."""
    kinds, day = [_volume.c[name] for name in _KINDS], _volume.c.day
    totals = (func.sum(_volume.c["count"]), func.sum(_volume.c.total_minor), func.max(_volume.c.largest_minor))
    query = select(*kinds, *totals).group_by(*kinds)
    if since:
        query = query.where(day >= since.date())
    if until:
        query = query.where(day < until.date())
    return query.where(*(day != part for part in _partial_days(since, until)))


def _within(query: Select[Any], table: Any, since: datetime | None, until: datetime | None) -> Iterator[Select[Any]]:
    """The query for what a range has of each of its partial days."""
    last = until - timedelta(microseconds=1) if until else None
    for day in _partial_days(since, until):
        midnight, end = datetime.combine(day, time(), UTC), datetime.combine(day, time.max, UTC)
        yield query.where(table.c.timestamp.between(max(midnight, since or midnight), min(end, last or end)))


def _partial_days(since: datetime | None, until: datetime | None) -> set[date]:
    """The days in which a range begins or ends after midnight."""
    return {instant.date() for instant in (since, until) if instant and instant.time() != time()}
