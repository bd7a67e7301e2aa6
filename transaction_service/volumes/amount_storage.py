"""Queries on the amounts of single payments, for the figures that sums by day can't give, such as medians."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, cast, false, func, literal_column, not_, select, true
from sqlalchemy.orm import aliased

from shared.db.database import Storage
from transaction_service.transaction_models import TransactionLeg, TransactionRow
from transaction_service.volumes.volume_storage import ALL, Selection

Amounts = dict[str, list[int]]
"""The amounts in each direction, `in` and `out`, in minor units and in order."""
_DIRECTIONS = ("in", "out")


@dataclass(frozen=True)
class Scope:
    """What is counted: one account, or a selection of accounts and types, with `since <= timestamp < until`."""

    account_id: str | None = None
    selection: Selection = ALL
    since: datetime | None = None
    until: datetime | None = None

    def counted(self, leg: Any, user_id: str) -> list[ColumnElement[bool]]:
        """Return the conditions for the completed legs of a user that are counted as payments in or out."""
        return [*self.within(leg, user_id), not_(self.is_internal(leg))]

    def within(self, leg: Any, user_id: str) -> list[ColumnElement[bool]]:
        """Return the conditions for the completed legs of a user, those of transfers within the scope included."""
        conditions = [leg.status == literal_column("'completed'"), *self._of_accounts(leg, leg.user_id == user_id)]
        conditions += [leg.timestamp >= self.since] if self.since else []
        return conditions + ([leg.timestamp < self.until] if self.until else [])

    def is_internal(self, leg: Any) -> ColumnElement[bool]:
        """Return the condition for the legs of transfers between two of the accounts."""
        return false() if self.account_id else self.selection.is_internal(leg)

    def _of_accounts(self, leg: Any, is_theirs: ColumnElement[bool]) -> list[ColumnElement[bool]]:
        if self.account_id is None:
            return [is_theirs, *self.selection.conditions(leg)]
        # CASE keeps SQLite from using the index by user, which would scan all legs of the user.
        return [leg.account_id == self.account_id, case((is_theirs, true()), else_=false())]


class AmountStorage(Storage):
    """The amounts of completed payments."""

    def of_user(self, user_id: str, scope: Scope) -> Amounts:
        """Return the amounts that entered and left the accounts of a user.

        Transfers between two of the accounts are left out. A payment that was reversed in the same range is left out
        together with its reversal; other reversals are left out alone.
        """
        leg = TransactionLeg
        # One text for each direction takes half the time of a row for each amount, and of GROUP BY, which sorts them.
        texts = [_joined(case((leg.direction == direction, leg.amount_minor))) for direction in _DIRECTIONS]
        query = select(*texts).where(*scope.counted(leg, user_id), leg.transaction_type != _REVERSAL)
        found = self._session.execute(query).one()
        amounts = {
            direction: sorted(map(int, joined.split(",") if joined else ()))
            for direction, joined in zip(_DIRECTIONS, found, strict=True)
        }
        for direction, amount_minor in self._reversed(user_id, scope):
            del amounts[direction][bisect_left(amounts[direction], amount_minor)]
        return amounts

    def _reversed(self, user_id: str, scope: Scope) -> list[tuple[str, int]]:
        """Return the direction and the amount of each payment that a reversal in the same scope gave back.

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
            .where(leg.transaction_type == _REVERSAL, *scope.counted(leg, user_id), *scope.counted(paid, user_id))
        )
        return [(direction, amount_minor) for direction, amount_minor in self._session.execute(query)]


_REVERSAL: ColumnElement[str] = literal_column("'reversal'")


def _joined(amount: Any) -> Any:
    """Return the aggregate of amounts as a text, with commas between them; null if there are none."""
    return func.aggregate_strings(cast(amount, Text), ",")
