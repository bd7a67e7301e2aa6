"""Queries on requests that wait for a second person."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from shared.db.database import Database, Storage
from shared.db.keyset import newest_first
from shared.db.outbox import Outbox
from transaction_service.reversals.approval_models import Approval


class ApprovalStorage(Storage):
    """Requests and their decisions."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.outbox = Outbox(database)

    def add_approval(self, approval: Approval) -> None:
        """Add a request. Raises IntegrityError when one for this transaction is pending."""
        self._session.add(approval)
        self._session.flush()

    def find_approval(self, approval_id: UUID) -> Approval | None:
        """Return the request with this id."""
        return self._session.get(Approval, approval_id)

    def find_approval_to_change(self, approval_id: UUID) -> Approval | None:
        """Return the request with this id, locked until the transaction ends."""
        return self._session.scalar(select(Approval).where(Approval.id == approval_id).with_for_update())

    def find_by_transaction(self, transaction_id: str) -> Approval | None:
        """Return the newest request about this transaction, whatever came of it."""
        query = select(Approval).where(Approval.transaction_id == transaction_id)
        return self._session.scalar(query.order_by(Approval.asked_at.desc()).limit(1))

    def find_pending(self, transaction_id: str) -> Approval | None:
        """Return the pending request for this transaction."""
        wanted = Approval.transaction_id == transaction_id, Approval.status == "pending"
        return self._session.scalar(select(Approval).where(*wanted))

    def expire(self, asked_before: datetime) -> None:
        """Set pending requests that are older than `asked_before` to expired."""
        old = Approval.status == "pending", Approval.asked_at < asked_before
        self._session.execute(update(Approval).where(*old).values(status="expired"))

    def list_approvals(
        self,
        *,
        status: str | None,
        transaction_id: str | None,
        asked_by: UUID | None,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[Approval]:
        """Return the requests with this status, about this transaction and by this person, or all, newest first.

        `after` is the (asked_at, id) of the last one of the page before.
        """
        query = select(Approval)
        if status:
            query = query.where(Approval.status == status)
        if transaction_id:
            query = query.where(Approval.transaction_id == transaction_id)
        if asked_by:
            query = query.where(Approval.asked_by == asked_by)
        return self._session.scalars(newest_first(query, (Approval.asked_at, Approval.id), limit, after)).all()
