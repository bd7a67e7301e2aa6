"""Queries on reversals and on the money that they put into suspense."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select

from shared.db.keyset import newest_first
from transaction_service.transaction_models import SUSPENSE_ACCOUNT_ID, SuspenseItem, TransactionRow
from transaction_service.transaction_storage import TransactionStorage

_transaction: Any = TransactionRow.__table__


class ReversalStorage(TransactionStorage):
    """Transactions, and the items in suspense."""

    def list_suspense(
        self,
        *,
        user_id: str | None,
        paid_out: bool | None,
        limit: int,
        after: tuple[datetime, str] | None,
    ) -> Sequence[SuspenseItem]:
        """Return the items in suspense of one customer or of all, newest first, from behind `after` (timestamp, id)."""
        held, original, payout = (_transaction.alias(name) for name in ("held", "original", "payout"))
        query = (
            select(
                held.c.id,
                held.c.amount_minor,
                held.c.timestamp,
                held.c.description,
                original.c.id,
                original.c.from_user_id,
                original.c.from_account_id,
                original.c.from_masked_number,
                payout.c.id,
            )
            .join(original, original.c.id == held.c.reverses_id)
            .outerjoin(payout, and_(payout.c.reverses_id == held.c.id, payout.c.status == "completed"))
            .where(held.c.transaction_type == "reversal", held.c.status == "completed")
            .where(held.c.to_account_id == SUSPENSE_ACCOUNT_ID)
        )
        if user_id:
            query = query.where(original.c.from_user_id == user_id)
        if paid_out is not None:
            query = query.where(payout.c.id.is_not(None) if paid_out else payout.c.id.is_(None))
        query = newest_first(query, (held.c.timestamp, held.c.id), limit, after)
        return [SuspenseItem(*row) for row in self._session.execute(query)]
