"""Queries on the amounts of single payments, for the figures that sums by day can't give, such as medians."""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, literal_column, not_, select, true
from sqlalchemy.orm import aliased

from shared.db.database import Storage
from transaction_service.transaction_models import TransactionLeg, TransactionRow

Amounts = dict[str, Counter[int]]
"""How often each amount, in minor units, occurs in each direction, `in` and `out`."""


class AmountStorage(Storage):
    """The amounts of completed payments."""

    def of_user(
        self, user_id: str, *, account_id: str | None, since: datetime | None, until: datetime | None
    ) -> Amounts:
        """Return the amounts that entered and left a user's accounts, or one account, in a range of time.

        Transfers between own accounts are left out, except for one account. A payment that was reversed in the same
        range is left out together with its reversal; other reversals are left out alone.
        """
        leg = TransactionLeg
        query = select(leg.direction, leg.amount_minor, func.count()).group_by(leg.direction, leg.amount_minor)
        query = query.where(*_counted(leg, user_id, account_id, since, until), leg.transaction_type != _REVERSAL)
        amounts: Amounts = {"in": Counter(), "out": Counter()}
        for direction, amount_minor, count in self._session.execute(query):
            amounts[direction][amount_minor] = count
        for direction, amount_minor in self._reversed(user_id, account_id, since, until):
            amounts[direction][amount_minor] -= 1
        return amounts

    def _reversed(
        self, user_id: str, account_id: str | None, since: datetime | None, until: datetime | None
    ) -> list[tuple[str, int]]:
        """Return the direction and the amount of each payment that a reversal in the same range gave back.

        Money that waited in suspense returns by a reversal of the reversal, so the payment may be two steps away.
        """
        leg, paid = aliased(TransactionLeg), aliased(TransactionLeg)
        reversal, before = aliased(TransactionRow), aliased(TransactionRow)
        payment_id = func.coalesce(before.reverses_id, reversal.reverses_id)
        query = (
            select(paid.direction, paid.amount_minor)
            .select_from(leg)
            .join(reversal, reversal.id == leg.transaction_id)
            .join(before, before.id == reversal.reverses_id)
            .join(paid, and_(paid.transaction_id == payment_id, paid.direction != leg.direction))
            .where(leg.transaction_type == _REVERSAL, *_counted(leg, user_id, account_id, since, until))
            .where(*_counted(paid, user_id, account_id, since, until))
        )
        return [(direction, amount_minor) for direction, amount_minor in self._session.execute(query)]


_REVERSAL: ColumnElement[str] = literal_column("'reversal'")


def _counted(
    leg: Any, user_id: str, account_id: str | None, since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    """Return the conditions for the completed legs of a user, or of one account, in a range of time."""
    is_theirs = leg.user_id == user_id
    if account_id is None:
        conditions = [is_theirs, not_(leg.internal)]
    else:  # CASE keeps SQLite from using the index by user, which would scan all legs of the user
        conditions = [leg.account_id == account_id, case((is_theirs, true()), else_=false())]
    conditions.append(leg.status == literal_column("'completed'"))
    conditions += [leg.timestamp >= since] if since else []
    return conditions + ([leg.timestamp < until] if until else [])
