"""Queries on the categories that customers choose for their transactions.

A reversal has the category of what it reverses, unless it has one of its own: so it lowers the sums of that category.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    literal_column,
    not_,
    select,
    true,
    union_all,
)

from shared.db.bulk import Insert
from shared.db.database import Storage
from transaction_service.transaction_models import LEG_TABLES, TransactionCategory, TransactionRow
from transaction_service.volumes.amount_storage import Scope
from transaction_service.volumes.volume_storage import CategoryVolume

_category: Any = TransactionCategory.__table__
_transaction: Any = TransactionRow.__table__
_put = Insert(_category, tuple(column.name for column in _category.columns), replace=("category",))


class CategoryStorage(Storage):
    """The categories of transactions, each user's own."""

    def put(self, user_id: str, transaction_id: str, category: str | None) -> None:
        """Set the user's category of a transaction, or remove it."""
        if category:
            row = {"user_id": user_id, "transaction_id": transaction_id, "category": category}
            _put.execute(self._writer, [row])
            return
        theirs = _category.c.user_id == user_id, _category.c.transaction_id == transaction_id
        self._session.execute(delete(_category).where(*theirs))

    def sums(self, user_id: str, scope: Scope) -> dict[str, CategoryVolume]:
        """Return the sums of the user's completed transactions with a category.

        A transfer between two of the accounts counts once and is neither income nor expense. Only transactions with a
        category are read.
        """
        sums: dict[str, CategoryVolume] = {}
        queries = (_sums(table, user_id, scope) for table in LEG_TABLES)
        for category, *numbers in self._session.execute(union_all(*queries), {"user_id": user_id}):
            more = CategoryVolume(*map(int, numbers))
            sums[category] = sums[category].with_more(more) if category in sums else more
        return sums


def _sums(table: Any, user_id: str, scope: Scope) -> Select[Any]:
    """Return the query of (category, count, income, expense) for the legs of a table."""
    leg, chosen = table.c, _chosen.c
    internal: Any = scope.is_internal(leg)
    is_reversal = leg.transaction_type == literal_column("'reversal'")
    amount = case((is_reversal, -leg.amount_minor), else_=leg.amount_minor)
    comes_in = (leg.direction == "in") == not_(is_reversal)
    income = case((internal, 0), (comes_in, amount), else_=0)
    expense = case((internal, 0), (comes_in, 0), else_=amount)
    counted = and_(*scope.within(leg, user_id), not_(internal & (leg.direction == "in")))
    return (
        select(chosen.category, func.count(), func.sum(income), func.sum(expense))
        .join(table, leg.transaction_id == chosen.id)
        # CASE keeps SQLite from reading all legs of the accounts, of which few have a category.
        .where(case((counted, true()), else_=false()))
        .group_by(chosen.category)
    )


def effective_category(user_id: Any) -> ColumnElement[str]:
    """Return the user's category of a row of the table of transactions, null if it has none."""
    before = _transaction.alias()
    reversed_before = select(before.c.reverses_id).where(before.c.id == _transaction.c.reverses_id)
    once, twice = _transaction.c.reverses_id, reversed_before.correlate(_transaction).scalar_subquery()
    return func.coalesce(*(_category_of(user_id, one) for one in (_transaction.c.id, once, twice)))


def _category_of(user_id: Any, transaction_id: Any) -> Any:
    theirs = _category.c.user_id == user_id, _category.c.transaction_id == transaction_id
    return select(_category.c.category).where(*theirs).correlate(_transaction).scalar_subquery()


def _make_chosen() -> Any:
    """Return the rows (id, category) of a user: chosen transactions, their reversals, and reversals of those."""
    user_id: Any = bindparam("user_id")
    first, second, other = _transaction.alias(), _transaction.alias(), _category.alias()
    theirs = _category.c.user_id == user_id

    def has_none(transaction: Any) -> ColumnElement[bool]:
        return not_(exists().where(other.c.user_id == user_id, other.c.transaction_id == transaction.c.id))

    is_first = first.c.reverses_id == _category.c.transaction_id
    once, twice = (select(one.c.id, _category.c.category).join(first, is_first) for one in (first, second))
    return union_all(
        select(_category.c.transaction_id.label("id"), _category.c.category).where(theirs),
        once.where(theirs, has_none(first)),
        twice.join(second, second.c.reverses_id == first.c.id).where(theirs, has_none(first), has_none(second)),
    ).subquery()


_chosen = _make_chosen()
