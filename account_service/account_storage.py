"""Queries on accounts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, case, func, or_, select, tuple_

from account_service.account_models import Account, AccountStatusChange
from shared.db.database import Database, Storage
from shared.db.keyset import newest_first
from shared.db.outbox import Outbox


class AccountStorage(Storage):
    """Accounts and their status changes."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.outbox = Outbox(database)

    def add_status_change(self, change: AccountStatusChange) -> None:
        """Add a status change of an account."""
        self._session.add(change)

    def roles_that_froze(self, account_id: UUID) -> set[str | None]:
        """Return the roles of those who have frozen an account since it was last active; None where it is not known."""
        changes = select(AccountStatusChange).where(AccountStatusChange.account_id == account_id).subquery()
        lifted = select(func.max(changes.c.sequence)).where(changes.c.to_status != "frozen").scalar_subquery()
        froze = select(changes.c.changed_by_role).where(changes.c.sequence > func.coalesce(lifted, 0))
        return set(self._session.scalars(froze))

    def list_status_changes(
        self, account_id: UUID, *, limit: int, after: tuple[int] | None
    ) -> Sequence[AccountStatusChange]:
        """Return the status changes of an account, newest first, from behind `after`, a sequence."""
        query = select(AccountStatusChange).where(AccountStatusChange.account_id == account_id)
        return self._session.scalars(newest_first(query, (AccountStatusChange.sequence,), limit, after)).all()

    def list_status_changes_of_user(
        self, user_id: UUID, *, limit: int, after: tuple[int] | None
    ) -> Sequence[AccountStatusChange]:
        """Return the status changes of all accounts of a user, newest first, from behind `after`, a sequence."""
        theirs = select(Account.id).where(Account.user_id == user_id)
        query = select(AccountStatusChange).where(AccountStatusChange.account_id.in_(theirs))
        return self._session.scalars(newest_first(query, (AccountStatusChange.sequence,), limit, after)).all()

    def find_account(self, account_id: UUID) -> Account | None:
        """Return the account with this id, or None."""
        return self._session.get(Account, account_id)

    def find_account_to_change(self, account_id: UUID) -> Account | None:
        """Return the account with this id, or None, and lock its row until the transaction ends."""
        return self._session.scalar(select(Account).where(Account.id == account_id).with_for_update())

    def find_by_number(self, account_number: str) -> Account | None:
        """Return the account with this number, or None."""
        return self._session.scalar(select(Account).where(Account.account_number == account_number))

    def list_own(self, user_id: UUID, *, limit: int, after: tuple[int, datetime, UUID] | None) -> Sequence[Account]:
        """Return a user's accounts, closed ones last, then oldest first.

        `after` is the (is_closed, created_at, id) of the last account of the page before.
        """
        closed = case((Account.status == "closed", 1), else_=0)
        query = select(Account).where(Account.user_id == user_id).order_by(closed, Account.created_at, Account.id)
        if after:
            was_closed, created_at, account_id = after
            later = tuple_(Account.created_at, Account.id) > tuple_(created_at, account_id)
            query = query.where(or_(closed > was_closed, and_(closed == was_closed, later)))
        return self._session.scalars(query.limit(limit)).all()

    def count_by_type_and_status(self) -> Sequence[tuple[str, str, int, int]]:
        """Return (type, status, number of accounts, sum of balances in minor units) for each that occurs."""
        kinds, balance = (Account.account_type, Account.status), func.coalesce(func.sum(Account.balance_minor), 0)
        rows = self._session.execute(select(*kinds, func.count(), balance).group_by(*kinds).order_by(*kinds))
        return [(kind, status, count, int(total)) for kind, status, count, total in rows]

    def count_created(self, since: datetime | None, until: datetime | None) -> int:
        """Return the number of accounts with `since <= created_at < until`."""
        query = select(func.count()).select_from(Account)
        query = query.where(Account.created_at >= since) if since else query
        query = query.where(Account.created_at < until) if until else query
        return int(self._session.scalar(query) or 0)
