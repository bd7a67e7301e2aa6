"""Queries on the ledger entries of an account.

A posting is the entry of both its sides, so an entry is found through its key: account, time and sequence. On SQLite
the keys of new postings are added in bulk. Written with each posting, they would land on two pages of their own, all
over the index; written for a thousand postings at once, many share a page. Until then the queries also read the
postings that have no keys yet, a range of sequences.

PostgreSQL may commit sequences out of order, so there a range can be incomplete, and keys are added with each posting.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    asc,
    bindparam,
    case,
    desc,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

from account_service.account_models import Entry, EntryKey, EntryProgress, Posting
from shared.db.bulk import Insert, Last
from shared.db.database import Storage

MAX_WITHOUT_KEYS = 1024
"""On SQLite, at most this many postings, and those of one more batch, have no entry keys yet."""

_posting: Any = Posting.__table__
_key: Any = EntryKey.__table__
_progress: Any = EntryProgress.__table__
_KEY = ("account_id", "decided_at", "sequence")
_SIDES = ("from_account_id", "to_account_id")
_add_keys = Insert(_key, _KEY)
_last_with_key = Last(_progress, "id", ("sequence",))
_is_posted = _posting.c.outcome == literal_column("'posted'")


class _Part(NamedTuple):
    """A query of entries, its columns of time and sequence, and those that sort it by time."""

    query: Select[Any]
    at: ColumnElement[datetime]
    sequence: ColumnElement[int]
    order: tuple[ColumnElement[Any], ...]


class EntryStorage(Storage):
    """The entries of accounts, and their keys."""

    def add_keys(self, postings: Sequence[dict[str, Any]]) -> None:
        """Add the entry keys of new postings, which have the newest sequences; on SQLite once there are enough."""
        if not self._is_sqlite:
            posted = [row for row in postings if row["outcome"] == "posted"]
            rows = [row | {"account_id": row[side]} for row in posted for side in _SIDES if row[side]]
            _add_keys.execute(self._writer, rows)
        elif postings:
            (first,) = _last_with_key.execute(self._writer) or (0,)
            last = max(row["sequence"] for row in postings)
            if last - first > MAX_WITHOUT_KEYS:
                self._add_keys_between(first, last)

    def _add_keys_between(self, after: int, last: int) -> None:
        new = _posting.c.sequence > after, _posting.c.sequence <= last, _is_posted
        keys = union_all(
            *(
                select(_posting.c[side], _posting.c.decided_at, _posting.c.sequence).where(
                    *new, _posting.c[side].is_not(None)
                )
                for side in _SIDES
            )
        )
        in_order = keys.order_by(*(literal_column(str(place)) for place in range(1, len(_KEY) + 1)))
        self._session.execute(_key.insert().from_select(_KEY, in_order))
        self._session.execute(update(_progress).values(sequence=last))

    def list_page(
        self,
        account_id: str,
        *,
        newest_first: bool,
        since: datetime | None,
        until: datetime | None,
        limit: int,
        after: tuple[datetime, int] | None,
    ) -> list[Entry]:
        """Return the entries of an account with `since <= booked_at < until`, newest or oldest first.

        `after` is the (booked_at, sequence) of the last entry of the page before.
        """

        def within(part: _Part) -> Iterator[ColumnElement[bool]]:
            # With two bounds on the same side SQLite may scan from the outer one, so pass only the inner one.
            if since and (newest_first or not (after and after[0] > since)):
                yield part.at >= since
            if until and not (newest_first and after and after[0] < until):
                yield part.at < until
            if after:
                position, last = tuple_(part.at, part.sequence), tuple_(*after)
                yield position < last if newest_first else position > last

        order: Callable[[Any], ColumnElement[Any]] = desc if newest_first else asc
        pages = (
            select(part.query.where(*within(part)).order_by(*map(order, part.order)).limit(limit).subquery())
            for part in self._parts
        )
        found = self._session.execute(union_all(*pages), {"account_id": account_id})
        entries = (Entry(*row) for row in found.all())
        return sorted(entries, key=attrgetter("booked_at", "sequence"), reverse=newest_first)[:limit]

    def sum_of(self, account_id: str | None) -> int:
        """Return the sum of an account's entries in minor units; None is the bank's settlement account."""
        if account_id is None:
            into, out = (func.sum(_posting.c.amount_minor).filter(_posting.c[side].is_(None)) for side in _SIDES[::-1])
            total = select(func.coalesce(into, 0) - func.coalesce(out, 0)).where(_is_posted)
        else:
            entries = union_all(*(part.query for part in self._parts)).subquery()
            total = select(func.coalesce(func.sum(entries.c.amount_minor), 0))
        return int(self._session.scalar(total, {"account_id": account_id}) or 0)

    @property
    def _parts(self) -> Sequence[_Part]:
        """Return the entries with keys and those without. One statement must read both: meanwhile keys may be added."""
        return (_with_keys, _without_keys) if self._is_sqlite else (_with_keys,)

    @property
    def _is_sqlite(self) -> bool:
        return self._database.writer.dialect.name == "sqlite"


# The statements are built once, each for the account in the parameter `account_id`: building takes longer than running.
_account_id: Any = bindparam("account_id")
_pays = _posting.c.from_account_id == _account_id
_entries = select(
    _posting.c.sequence,
    _posting.c.transaction_id,
    case((_pays, -_posting.c.amount_minor), else_=_posting.c.amount_minor).label("amount_minor"),
    case((_pays, _posting.c.from_balance_after_minor), else_=_posting.c.to_balance_after_minor),
    _posting.c.decided_at,
    _posting.c.transaction_type,
    _posting.c.description,
    case((_pays, _posting.c.to_account_id), else_=_posting.c.from_account_id),
).where(_is_posted)
"""The posted postings as entries of the account, with the columns of Entry in their order."""

_with_keys = _Part(
    _entries.join(_key, _key.c.sequence == _posting.c.sequence).where(_key.c.account_id == _account_id),
    _key.c.decided_at,
    _key.c.sequence,
    (_key.c.decided_at, _key.c.sequence),
)
_without_keys = _Part(
    _entries.where(
        _posting.c.sequence > select(_progress.c.sequence).scalar_subquery(),
        or_(*(_posting.c[side] == _account_id for side in _SIDES)),
    ),
    _posting.c.decided_at,
    _posting.c.sequence,
    (_posting.c.sequence,),
)
