"""The rules of accounts: who may see, open, freeze and close them. Balances change only in ledger_logic."""

import secrets
from collections import Counter
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID, uuid4, uuid5

from account_service.account_models import Account, AccountStatusChange, Entry
from account_service.account_schemas import (
    Closing,
    EntriesQuery,
    FreezeOut,
    HistoryQuery,
    NewAccount,
    Statistics,
    StatisticsQuery,
    StatusChange,
    TypeTotals,
)
from account_service.account_storage import AccountStorage
from account_service.ledger_storage import LedgerStorage
from shared.core import check_digits
from shared.core.clock import now
from shared.core.errors import Forbidden, InvalidRequest, NotFound, Refused, ServiceUnavailable, Unprocessable
from shared.core.money import Currency
from shared.core.texts import masked, masked_name
from shared.db.approvals import ApprovalColumns
from shared.db.outages import rerun_when_aborted
from shared.http.users import UserClient
from shared.web import audit_trail, cursors
from shared.web.access import Caller
from shared.web.approvals import rules
from shared.web.approvals.rules import ApprovalRules
from shared.web.cursors import Page, Pagination

_ACTIONS = {"active": "unfreeze", "frozen": "freeze", "closed": "close"}


class AccountNotActive(Refused):
    """The account is frozen or closed."""

    code = "ACCOUNT_NOT_ACTIVE"
    message = "This account is frozen or closed. Choose another one, or contact the bank."


class OwnAccount(Forbidden):
    """The account belongs to the caller, and staff may not freeze, unfreeze or audit their own accounts."""

    message = "This is your own account. A colleague has to freeze or unfreeze it."


class NonZeroBalance(Refused):
    """The account still holds money, so it can't be closed."""

    code = "NON_ZERO_BALANCE"
    message = "Move the remaining money away first: only an empty account can be closed."


class IdempotencyKeyReused(Unprocessable):
    """The key was used before to open an account with another type or nickname."""

    code = "IDEMPOTENCY_KEY_REUSED"
    message = "This Idempotency-Key was used for another account. Use a new key for a new account."


@rerun_when_aborted
def open_account(
    storage: AccountStorage, user_id: UUID, new: NewAccount, key: str | None = None, *, opened_by: Caller | None = None
) -> Account:
    """Open an account with a new number and a zero balance. `opened_by` is who of the staff does it for the user.

    The same `key` of the same user opens only one account: the account's id is a UUID version 5 (RFC 9562) of the
    user's id and the key. Raises IdempotencyKeyReused when that account has another type or nickname.
    """
    account_id = uuid5(user_id, key) if key else uuid4()
    with storage.transaction():
        opened = storage.find_account(account_id) if key else None
        if opened and (opened.account_type, opened.nickname) != (new.account_type, new.nickname):
            raise IdempotencyKeyReused
        if opened:
            return opened
        account = Account(
            id=account_id,
            user_id=user_id,
            account_number=_unused_number(storage),
            account_type=new.account_type,
            nickname=new.nickname,
        )
        storage.insert(account)
        if opened_by:
            details = {"account": _audited(account)}
            audit_trail.record(storage.outbox, "account.open", actor=opened_by, subject_id=user_id, details=details)
        return account


def open_for_customer(
    storage: AccountStorage,
    users: UserClient,
    caller: Caller,
    user_id: UUID,
    new: NewAccount,
    *,
    key: str | None = None,
) -> Account:
    """Open an account for another user, as `open_account` does. Raises NotFound when that user does not exist."""
    users.name(user_id)
    return open_account(storage, user_id, new, key, opened_by=caller)


def details(storage: AccountStorage, caller: Caller, account_id: UUID) -> Account:
    """Return an account of the caller, or any account for staff. Raises NotFound."""
    account = storage.find_account(account_id)
    if account is None or not (account.user_id == caller.user_id or caller.sees_others):
        raise NotFound("There is no such account.")
    audit_trail.record_view(storage.outbox, "view.account", caller, account.user_id, account=_audited(account))
    return account


def list_own(storage: AccountStorage, caller: Caller, page: Page) -> tuple[list[Account], Pagination]:
    """Return a page of the caller's accounts, closed ones last."""
    fetch = partial(storage.list_own, caller.user_id)
    return cursors.fetch_page(page, fetch, is_closed=int, created_at=datetime, id=UUID)


def history(
    accounts: AccountStorage, ledger: LedgerStorage, caller: Caller, account_id: UUID, query: HistoryQuery
) -> tuple[list[Entry], Pagination]:
    """Return a page of the ledger entries of an account, newest first. Raises NotFound."""
    account = details(accounts, caller, account_id)
    fetch = partial(ledger.entries.list_page, account.id.hex, newest_first=True, since=query.since, until=query.until)
    return cursors.fetch_page(query, fetch, booked_at=datetime, sequence=int)


class OtherSide(NamedTuple):
    """The account on the other side of an entry: its number, and its holder's name if that is somebody else."""

    number: str
    name: str | None


def entries(
    accounts: AccountStorage,
    ledger: LedgerStorage,
    users: UserClient,
    caller: Caller,
    account_id: UUID,
    *,
    query: EntriesQuery,
) -> tuple[list[Entry], dict[str, OtherSide], Pagination]:
    """Return a page of the ledger entries of an account, oldest first. Raises NotFound or ServiceUnavailable.

    The accounts on the other side are returned beside them, by the accounts' ids, with names as `sees_others` says.
    """
    account = details(accounts, caller, account_id)
    fetch = partial(ledger.entries.list_page, account.id.hex, newest_first=False, since=query.since, until=query.until)
    shown, pagination = cursors.fetch_page(query, fetch, booked_at=datetime, sequence=int)
    others = ledger.find_accounts({row.other_account_id for row in shown if row.other_account_id})
    holders = {other.id: UUID(other.user_id) for other in others}
    names = users.names({user_id for user_id in holders.values() if user_id != account.user_id})
    if not caller.sees_others:
        names = {user_id: masked_name(name) for user_id, name in names.items()}
    return shown, {one.id: OtherSide(one.account_number, names.get(holders[one.id])) for one in others}, pagination


def close(storage: AccountStorage, caller: Caller, account_id: UUID) -> Account:
    """Close an empty account of the caller permanently. Raises NotFound, AccountNotActive, NonZeroBalance."""
    with storage.transaction():
        account = _own_account(storage.find_account_to_change(account_id), caller)
        _require_closable(account)
        _set_status(storage, caller, account, "closed")
    return account


def change_status_or_ask(
    storage: AccountStorage, approvals: ApprovalRules, caller: Caller, account_id: UUID, change: StatusChange | Closing
) -> Account | ApprovalColumns:
    """Change the status of somebody else's account or, where it is required, ask a second person to.

    Closing an account takes two, and so does lifting an admin's freeze. A freeze is an admin's if an admin has frozen
    the account since it was last active, also beside other freezes; one whose author's role is not known counts as an
    admin's. That is decided while the account is locked, so that no freeze comes in between. Raises NotFound,
    OwnAccount, AccountNotActive, NonZeroBalance, ApprovalPending.
    """
    with storage.transaction():
        account = _account_of_another(storage.find_account_to_change(account_id), caller)
        if change.status == "closed":
            _require_closable(account)
        action = _action_of_two(storage, account, change) if approvals.is_required else None
        if action is None:
            return carry_out(storage, caller, account_id, change)
    body = change.model_dump_json(exclude_unset=True)
    asked: ApprovalColumns = rules.ask(approvals, caller, action, account_id, body)
    return asked


def _action_of_two(storage: AccountStorage, account: Account, change: StatusChange | Closing) -> str | None:
    """Return the name of a change that takes two people; None if one may make it."""
    if change.status == "closed":
        return "close"
    lifts = (account.status, change.status) == ("frozen", "active")
    return "unfreeze" if lifts and storage.roles_that_froze(account.id) & {None, "admin"} else None


def carry_out(
    storage: AccountStorage,
    caller: Caller,
    account_id: UUID,
    change: StatusChange | Closing,
    *,
    asked_by: str | None = None,
) -> Account:
    """Freeze, unfreeze or close an account of another user in the open transaction.

    Raises NotFound, OwnAccount, AccountNotActive when the account is closed, or NonZeroBalance. `asked_by` is the
    username of who asked for what the caller has approved.
    """
    account = _account_of_another(storage.find_account_to_change(account_id), caller)
    if change.status == "closed":
        _require_closable(account)
    elif account.status == "closed":
        raise AccountNotActive("This account is closed.")
    _set_status(storage, caller, account, change.status, change.reason, is_shown=change.show_reason)
    details = {"account": _audited(account), "reason": change.reason, **({"asked_by": asked_by} if asked_by else {})}
    action = f"account.{_ACTIONS[change.status]}"
    audit_trail.record(storage.outbox, action, actor=caller, subject_id=account.user_id, details=details)
    return account


def freeze(storage: AccountStorage, users: UserClient, caller: Caller, account_id: UUID) -> FreezeOut | None:
    """Return the freeze of an account of the caller; None if the account is not frozen. Raises NotFound."""
    account = _own_account(storage.find_account(account_id), caller)
    changes = storage.list_status_changes(account_id, limit=1, after=None) if account.status == "frozen" else ()
    if not changes:
        return None
    (change,) = changes
    storage.refresh()  # ends the read, so that no connection waits for the other service
    return FreezeOut(
        reason=change.reason if change.reason_is_shown else None,
        frozen_by=_name_of(users, change.changed_by),
        frozen_at=change.changed_at,
    )


def status_history(
    storage: AccountStorage, caller: Caller, account_id: UUID, page: Page
) -> tuple[list[AccountStatusChange], Pagination]:
    """Return a page of an account's status changes for staff, newest first. Raises NotFound, OwnAccount."""
    if details(storage, caller, account_id).user_id == caller.user_id:
        raise OwnAccount("This is your own account. Only colleagues see who froze it and why.")
    return cursors.fetch_page(page, partial(storage.list_status_changes, account_id), sequence=int)


def status_history_of_user(
    storage: AccountStorage, caller: Caller, user_id: UUID, page: Page
) -> tuple[list[AccountStatusChange], Pagination]:
    """Return a page of the status changes of all accounts of one user for staff, newest first. Raises OwnAccount."""
    if user_id == caller.user_id:
        raise OwnAccount("These are your own accounts. Only colleagues see who froze them and why.")
    audit_trail.record_view(storage.outbox, "view.accounts", caller, user_id)
    return cursors.fetch_page(page, partial(storage.list_status_changes_of_user, user_id), sequence=int)


def statistics(storage: AccountStorage, currency: Currency, query: StatisticsQuery) -> Statistics:
    """Count all accounts and sum up their balances, by type and status, and count those opened in a range of time."""
    by_type: Counter[str] = Counter()
    by_status: Counter[str] = Counter()
    balances_minor: Counter[str] = Counter()
    by_type_and_status: dict[str, dict[str, TypeTotals]] = {}
    with storage.snapshot():
        for kind, status, count, total_minor in storage.count_by_type_and_status():
            by_type[kind] += count
            by_status[status] += count
            balances_minor[kind] += total_minor
            totals = TypeTotals(count=count, balance=currency.to_text(total_minor))
            by_type_and_status.setdefault(kind, {})[status] = totals
        created = storage.count_created(query.since, query.until)
        created_before = storage.count_created(query.compare_since, query.since) if query.compare_since else None
    return Statistics(
        total=by_type.total(),
        by_type={
            kind: TypeTotals(count=count, balance=currency.to_text(balances_minor[kind]))
            for kind, count in by_type.items()
        },
        by_status=by_status,
        by_type_and_status=by_type_and_status,
        total_balance=currency.to_text(balances_minor.total()),
        created=created,
        created_before=created_before,
    )


def look_up(storage: AccountStorage, users: UserClient, account_number: str) -> tuple[Account, str]:
    """Return the account with this number, and its owner's whole name.

    Raises InvalidRequest for a wrong check digit, NotFound for an unknown number or a closed account.
    """
    if not check_digits.is_valid(account_number):
        raise InvalidRequest(details={"account_number": "is not an account number; check its ten digits"})
    account = storage.find_by_number(account_number)
    if account is None or account.status == "closed":
        raise NotFound("There is no account with that number.")
    return account, users.name(account.user_id)


def _name_of(users: UserClient, user_id: UUID | None) -> str | None:
    """Return the name of an employee or admin; None while the auth service does not answer."""
    try:
        return users.name(user_id) if user_id else None
    except (NotFound, ServiceUnavailable):
        return None


def _audited(account: Account) -> str:
    """Return what the audit trail calls an account: its masked number."""
    return masked(account.account_number)


def _set_status(
    storage: AccountStorage,
    caller: Caller,
    account: Account,
    status: str,
    reason: str | None = None,
    *,
    is_shown: bool = False,
) -> None:
    """Change the status of an account and record who changed it and why. Needs an open transaction."""
    change = AccountStatusChange(
        account_id=account.id,
        from_status=account.status,
        to_status=status,
        reason=reason,
        reason_is_shown=is_shown,
        changed_by=caller.user_id,
        changed_by_role=caller.role,
        changed_at=now(),
    )
    storage.add_status_change(change)
    account.status = status


def _own_account(account: Account | None, caller: Caller) -> Account:
    """Return a found account that is the caller's own. Raises NotFound."""
    if account is None or account.user_id != caller.user_id:
        raise NotFound("There is no such account.")
    return account


def _require_closable(account: Account) -> None:
    if account.status != "active":
        raise AccountNotActive
    if account.balance_minor:
        raise NonZeroBalance


def _account_of_another(account: Account | None, caller: Caller) -> Account:
    """Return a found account that is not the caller's own. Raises NotFound, OwnAccount."""
    if account is None:
        raise NotFound("There is no such account.")
    if account.user_id == caller.user_id:
        raise OwnAccount
    return account


def _unused_number(storage: AccountStorage) -> str:
    while True:
        digits = str(secrets.randbelow(900_000_000) + 100_000_000)
        number = digits + check_digits.check_digit(digits)
        if storage.find_by_number(number) is None:
            return number
