"""Queries on cases and their messages."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select

from auth_service.auth_models import User
from auth_service.auth_storage import user_matches
from auth_service.cases.case_models import CaseMessage, CustomerCase
from auth_service.cases.case_schemas import CasesQuery
from shared.core.texts import folded
from shared.db.database import Storage
from shared.db.keyset import by_age


class CaseStorage(Storage):
    """Cases and their messages."""

    def find_case(self, case_id: UUID) -> CustomerCase | None:
        """Return the case with this id."""
        return self._session.get(CustomerCase, case_id)

    def find_case_to_change(self, case_id: UUID) -> CustomerCase | None:
        """Return the case with this id, locked until the transaction ends."""
        return self._session.scalar(select(CustomerCase).where(CustomerCase.id == case_id).with_for_update())

    def find_unclosed(self, user_id: UUID, transaction_id: UUID) -> CustomerCase | None:
        """Return a user's case about this transaction that is not closed."""
        query = select(CustomerCase).where(
            CustomerCase.user_id == user_id,
            CustomerCase.transaction_id == transaction_id,
            CustomerCase.state != "closed",
        )
        return self._session.scalar(query.limit(1))

    def list_cases(
        self, filters: CasesQuery, *, limit: int, after: tuple[datetime, UUID] | None
    ) -> Sequence[CustomerCase]:
        """Return the cases that match all filters, the last changed first.

        `after` is the (changed_at, id) of the last case of the page before.
        """
        query = select(CustomerCase)
        for name in ("user_id", "state", "kind", "transaction_id"):
            if (value := getattr(filters, name)) is not None:
                query = query.filter_by(**{name: value})
        if words := (filters.q or "").split():
            query = query.join(User, User.id == CustomerCase.user_id)
        for word in words:
            in_subject = CustomerCase.search_text.contains(folded(word), autoescape=True)
            query = query.where(or_(in_subject, user_matches(word)))
        query = query.where(CustomerCase.changed_at >= filters.since) if filters.since else query
        query = query.where(CustomerCase.changed_at < filters.until) if filters.until else query
        key = (CustomerCase.changed_at, CustomerCase.id)
        return self._session.scalars(by_age(query, key, limit, after, oldest_first=filters.sort == "oldest")).all()

    def list_messages(self, case_id: UUID) -> Sequence[CaseMessage]:
        """Return the messages of a case, oldest first."""
        query = select(CaseMessage).where(CaseMessage.case_id == case_id).order_by(CaseMessage.id)
        return self._session.scalars(query).all()

    def count_messages(self, case_id: UUID) -> int:
        """Return the number of messages of a case."""
        counted = select(func.count()).select_from(CaseMessage).where(CaseMessage.case_id == case_id)
        return self._session.scalar(counted) or 0

    def count_unread(self, user_id: UUID) -> int:
        """Return how many messages of the bank a user has not seen, in all cases."""
        summed = select(func.coalesce(func.sum(CustomerCase.unread), 0)).where(CustomerCase.user_id == user_id)
        return int(self._session.scalar(summed) or 0)

    def count_open(self) -> int:
        """Return how many cases wait for an answer of the bank."""
        return self._session.scalar(select(func.count()).where(CustomerCase.state == "open")) or 0

    def nth_newest_case_at(self, user_id: UUID, number: int) -> datetime | None:
        """Return when the user opened the `number`th newest case; None when there are fewer."""
        query = select(CustomerCase.created_at).where(CustomerCase.user_id == user_id)
        return self._session.scalar(query.order_by(CustomerCase.created_at.desc()).offset(number - 1).limit(1))

    def nth_newest_message_at(self, author_id: UUID, number: int) -> datetime | None:
        """Return when the author wrote the `number`th newest message; None when there are fewer."""
        query = select(CaseMessage.created_at).where(CaseMessage.author_id == author_id)
        return self._session.scalar(query.order_by(CaseMessage.created_at.desc()).offset(number - 1).limit(1))
