"""A table of requests that wait for a second person, and its queries.

A service that keeps such requests makes a model of it: `class Approval(ApprovalColumns, Base)`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, String, Text, func, select, text, update
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from shared.core import clock
from shared.db.columns import UtcDateTime
from shared.db.database import Database, Storage
from shared.db.keyset import newest_first

PERIOD = timedelta(days=7)
"""How long most requests can be decided."""
_PENDING = text("status = 'pending'")


class ApprovalColumns:
    """A request to change something, and the decision of a second person on it.

    `subject_id` is the id of what it would change, and `body` the body of the request as JSON. At most one request for
    a subject is pending. A pending one that is older than `period()` counts as expired.
    """

    __tablename__ = "approval"

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        name = cls.__tablename__
        return (
            CheckConstraint("status IN ('pending', 'approved', 'rejected', 'expired')", name=f"known_{name}_status"),
            Index(f"{name}_by_age", "asked_at", "id"),
            Index(f"one_pending_{name}", "subject_id", unique=True, sqlite_where=_PENDING, postgresql_where=_PENDING),
        )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    action: Mapped[str] = mapped_column(String(20))
    subject_id: Mapped[UUID]
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(10), default="pending")
    asked_by: Mapped[UUID]
    asked_by_name: Mapped[str] = mapped_column(String(50))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[UUID | None]
    decided_by_name: Mapped[str | None] = mapped_column(String(50))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(200))

    @classmethod
    def period(cls) -> timedelta:
        """Return how long a request can be decided."""
        return PERIOD

    @property
    def expires_at(self) -> datetime:
        """Return until when it can be decided."""
        return self.asked_at + self.period()

    @property
    def is_open(self) -> bool:
        """Return whether it can be decided now."""
        return self.status == "pending" and clock.now() <= self.expires_at


class ApprovalTable(Storage):
    """Queries on the requests of a service. `model` is its class with `ApprovalColumns`."""

    def __init__(self, database: Database, model: type[Any]) -> None:
        super().__init__(database)
        self.model = model

    def add(self, **values: Any) -> Any:
        """Add a request and return it. Raises IntegrityError when one for its subject is pending."""
        approval = self.model(**values)
        self.insert(approval)
        return approval

    def find(self, approval_id: UUID) -> Any:
        """Return the request with this id, or None."""
        return self._session.get(self.model, approval_id)

    def find_to_change(self, approval_id: UUID) -> Any:
        """Return the request with this id, or None, locked until the transaction ends."""
        return self._session.scalar(select(self.model).where(self.model.id == approval_id).with_for_update())

    def find_pending(self, subject_id: UUID) -> Any:
        """Return the pending request for this subject, or None."""
        wanted = self.model.subject_id == subject_id, self.model.status == "pending"
        return self._session.scalar(select(self.model).where(*wanted))

    def find_newest(self, subject_id: UUID) -> Any:
        """Return the newest request for this subject, pending or decided, or None."""
        return next(iter(self.list_newest(limit=1, after=None, subject_id=subject_id)), None)

    def expire(self) -> None:
        """Set pending requests that can't be decided any more to expired."""
        old = self.model.status == "pending", self.model.asked_at < clock.now() - self.model.period()
        self._session.execute(update(self.model).where(*old).values(status="expired"))

    def list_newest(
        self,
        *,
        limit: int,
        after: tuple[datetime, UUID] | None,
        asker: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        **equal: object,
    ) -> Sequence[Any]:
        """Return the requests whose columns have the values in `equal`, newest first. None does not filter.

        `after` is the (asked_at, id) of the last one of the page before. `asker` is a part of the username of who
        asked, and `since <= asked_at < until`.
        """
        query = select(self.model)
        if asker:
            query = query.where(func.lower(self.model.asked_by_name).contains(asker.lower(), autoescape=True))
        query = query.where(self.model.asked_at >= since) if since else query
        query = query.where(self.model.asked_at < until) if until else query
        for name, value in equal.items():
            if value is not None:
                query = query.where(getattr(self.model, name) == value)
        return self._session.scalars(newest_first(query, (self.model.asked_at, self.model.id), limit, after)).all()
