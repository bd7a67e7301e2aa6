"""The rules of transactions: which orders payments become, who may see a transaction, and what sums they make.

`deposit`, `withdraw` and `transfer` only make an order, as the functions of reversal_logic do;
`posting_logic.carry_out` carries it out.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from shared.core import check_digits
from shared.core.errors import AppError, Conflict, Forbidden, InvalidRequest, NotFound, Refused
from shared.core.ids import dashed
from shared.core.money import Currency
from shared.core.texts import masked
from shared.web import audit_trail, cursors
from shared.web.access import Caller
from shared.web.cursors import Pagination
from transaction_service.category_storage import CategoryStorage
from transaction_service.posting_logic import IdempotencyKeyReused
from transaction_service.transaction_clients import AccountClient, Order
from transaction_service.transaction_models import SUSPENSE_ACCOUNT_ID, Transaction
from transaction_service.transaction_schemas import (
    AccountTransactionsQuery,
    AllTransactionsQuery,
    Choice,
    NewCategory,
    NewTransfer,
    Owners,
    OwnMovement,
    OwnTransactionsQuery,
    TransactionsQuery,
)
from transaction_service.transaction_storage import Filters, TransactionStorage

MAX_COUNTED = 1000


class AccountNotFound(NotFound):
    """The account does not exist, or belongs to another customer."""

    message = "There is no such account."


class PayeeNotFound(NotFound):
    """The account to be paid does not exist."""

    message = "The account to pay to does not exist. Check its number."


class InsufficientFunds(Refused):
    """The balance is smaller than the amount."""

    code = "INSUFFICIENT_FUNDS"
    message = "There is not enough money in the account. Enter a smaller amount, or pay money in first."


class AccountNotActive(Refused):
    """The account is frozen or closed."""

    code = "ACCOUNT_NOT_ACTIVE"
    message = "The account is frozen or closed. Choose another one, or contact the bank."


class PayeeNotActive(AccountNotActive):
    """The account to be paid is frozen or closed."""

    message = "The account to pay to is frozen or closed. Choose another one, or ask its owner."


class SameAccount(Refused):
    """A transfer names the same account on both sides."""

    code = "SAME_ACCOUNT"
    message = "Both accounts are the same. Choose another account to pay to."


class AlreadyReversed(Conflict):
    """The transaction has a reversal already."""

    code = "ALREADY_REVERSED"
    message = "This transaction has been reversed already."


class AlreadyPaidOut(Conflict):
    """The money in suspense has been paid out already."""

    code = "ALREADY_PAID_OUT"
    message = "This money has been paid out already."


class ReturnAccountNotActive(AccountNotActive):
    """The account to which a reversal would return the money is frozen or closed."""

    message = (
        "The money can't go back to that account, because it is not active. Unfreeze it if it is frozen, choose another"
        " active account of the same customer (to_account_id), or keep the money for the customer in the bank's"
        " suspense account (to_suspense)."
    )


class TillNotOpen(Refused):
    """The employee has no open till."""

    code = "TILL_NOT_OPEN"
    message = "There is no open till to book this with. Open one first."


class TillShort(Refused):
    """The till holds less cash than is to be paid out."""

    code = "TILL_SHORT"
    message = "The till does not hold that much cash. Enter a smaller amount, or ask a colleague with more cash."


class OwnAccountAtCounter(Forbidden):
    """The account belongs to the employee at the counter."""

    message = "This is your own account. A colleague has to serve you."


class NotCompleted(Refused):
    """The transaction has not been completed, so it has no category."""

    code = "NOT_COMPLETED"
    message = "Only a completed transaction can have a category."


class Expired(Refused):
    """The ledger did not decide the order in time, so it was voided. No money has moved."""

    code = "EXPIRED"
    message = "This could not be carried out in time and was given up. No money has moved."


_FAILURES: dict[str, type[AppError]] = {
    "ACCOUNT_NOT_FOUND": AccountNotFound,
    "PAYEE_NOT_FOUND": PayeeNotFound,
    "INSUFFICIENT_FUNDS": InsufficientFunds,
    "ACCOUNT_NOT_ACTIVE": AccountNotActive,
    "PAYEE_NOT_ACTIVE": PayeeNotActive,
    "SAME_ACCOUNT": SameAccount,
    "ALREADY_REVERSED": AlreadyReversed,
    "TILL_NOT_OPEN": TillNotOpen,
    "TILL_SHORT": TillShort,
    "OWN_ACCOUNT": OwnAccountAtCounter,
    "EXPIRED": Expired,
    "IDEMPOTENCY_KEY_REUSED": IdempotencyKeyReused,
}


class Origin(NamedTuple):
    """The request behind an order: the id for the new transaction, the idempotency key, the request id and the time."""

    transaction_id: str
    idempotency_key: str | None
    request_id: str | None
    at: datetime


def to_failure(transaction: Transaction) -> AppError | None:
    """Return the error that answers a failed transaction; None if it has not failed."""
    if transaction.status != "failed":
        return None
    if transaction.transaction_type == "reversal" and (failure := _to_reversal_failure(transaction)):
        return failure
    return _FAILURES.get(transaction.reason or "", Refused)()


def deposit(currency: Currency, caller: Caller, new: OwnMovement, origin: Origin) -> Order:
    """Return the order that pays money into an account. Raises InvalidRequest for a wrong amount."""
    return new_order(
        caller,
        "deposit",
        currency.to_minor(new.amount),
        origin,
        to_account_id=new.account_id,
        description=new.description or None,
    )


def withdraw(currency: Currency, caller: Caller, new: OwnMovement, origin: Origin) -> Order:
    """Return the order that draws money from an account. Raises InvalidRequest for a wrong amount."""
    return new_order(
        caller,
        "withdrawal",
        currency.to_minor(new.amount),
        origin,
        from_account_id=new.account_id,
        description=new.description or None,
    )


def transfer(currency: Currency, caller: Caller, new: NewTransfer, origin: Origin) -> Order:
    """Return the order that moves money to another account. Raises InvalidRequest for a wrong amount or payee."""
    _require_payee(new)
    return new_order(
        caller,
        "transfer",
        currency.to_minor(new.amount),
        origin,
        from_account_id=new.from_account_id,
        to_account_id=new.to_account_id,
        to_account_number=new.to_account_number,
        description=new.description or None,
    )


def details(storage: TransactionStorage, caller: Caller, transaction_id: str) -> Transaction:
    """Return a transaction that the caller made or owns a side of, or any transaction for staff. Raises NotFound.

    A customer sees a reversal only when it is completed, and then also if only the reversed transaction was theirs.
    """
    transaction = storage.find_transaction(transaction_id)
    if transaction is None or not (caller.sees_others or _may_see(storage, caller, transaction)):
        raise NotFound("There is no such transaction.")
    owners = {owner for owner in (transaction.from_user_id, transaction.to_user_id) if owner}
    if caller.user_id.hex not in owners:
        for owner in sorted(owners):
            audit_trail.record_view(
                storage.outbox, "view.transaction", caller, UUID(owner), transaction_id=dashed(transaction.id)
            )
    return transaction


def own(storage: TransactionStorage, caller: Caller, transaction_id: str) -> Transaction:
    """Return a transaction that the caller, whatever their role, made or owns a side of. Raises NotFound.

    Other services ask by this whether a person may refer to a transaction.
    """
    transaction = storage.find_transaction(transaction_id)
    if transaction is None or not _may_see(storage, caller, transaction):
        raise NotFound("There is no such transaction.")
    return transaction


def categorise(
    storage: TransactionStorage, categories: CategoryStorage, caller: Caller, transaction_id: str, new: NewCategory
) -> None:
    """Set the caller's category of a completed transaction of theirs, or remove it. Raises NotFound, NotCompleted."""
    with categories.transaction():
        transaction = own(storage, caller, transaction_id)
        if transaction.status != "completed":
            raise NotCompleted
        categories.put(caller.user_id.hex, transaction.id, new.category)


def owners(storage: TransactionStorage, transaction_id: str) -> Owners:
    """Return the owners of both sides of a transaction. Raises NotFound."""
    transaction = storage.find_transaction(transaction_id)
    if transaction is None:
        raise NotFound("There is no such transaction.")
    sides = transaction.from_user_id, transaction.to_user_id
    source, target = (dashed(user_id) if user_id else None for user_id in sides)
    return Owners(from_user_id=source, to_user_id=target)


def list_own(
    storage: TransactionStorage, currency: Currency, caller: Caller, query: OwnTransactionsQuery
) -> tuple[list[Transaction], Pagination]:
    """Return a page of the transactions on the caller's accounts, newest first."""
    filters = replace(_to_filters(query, currency), category=query.category, viewer_id=caller.user_id.hex)
    fetch = partial(storage.list_of_user, caller.user_id.hex, filters, account_id=query.account_id)
    return cursors.fetch_page(query, fetch, timestamp=datetime, id=str)


def list_of_account(
    storage: TransactionStorage,
    accounts: AccountClient,
    currency: Currency,
    caller: Caller,
    account_id: str,
    *,
    query: AccountTransactionsQuery,
) -> tuple[list[Transaction], Pagination]:
    """Return a page of the transactions on one account, newest first. Raises NotFound."""
    owner_id = accounts.owner_id(caller.token, account_id)
    audit_trail.record_view(storage.outbox, "view.transactions", caller, UUID(owner_id), account_id=dashed(account_id))
    fetch = partial(
        storage.list_of_user,
        owner_id,
        replace(_to_filters(query, currency), category=query.category, viewer_id=caller.user_id.hex),
        account_id=account_id,
        unsettled_reversals=caller.is_staff and caller.user_id.hex != owner_id,
    )
    return cursors.fetch_page(query, fetch, timestamp=datetime, id=str)


def list_of_user(
    storage: TransactionStorage, currency: Currency, caller: Caller, user_id: UUID, query: TransactionsQuery
) -> tuple[list[Transaction], Pagination]:
    """Return a page of the transactions on one user's accounts to staff, newest first."""
    audit_trail.record_view(storage.outbox, "view.transactions", caller, user_id)
    fetch = partial(
        storage.list_of_user,
        user_id.hex,
        _to_filters(query, currency),
        account_id=query.account_id,
        unsettled_reversals=caller.user_id != user_id,
    )
    return cursors.fetch_page(query, fetch, timestamp=datetime, id=str)


def list_all(
    storage: TransactionStorage,
    currency: Currency,
    caller: Caller,
    query: AllTransactionsQuery,
    party_ids: Collection[str] | None,
) -> tuple[list[Transaction], Pagination]:
    """Return a page of all transactions of the bank, or of those of the users `party_ids`, newest first."""
    audit_trail.record_view(storage.outbox, "list.transactions", caller, None, **audit_trail.filters_of(query))
    chosen = _to_filters(query, currency)
    if party_ids is None:
        chosen = replace(chosen, masked_number=masked(query.party) if query.party else None)
        fetch = partial(storage.list_all, chosen, account_id=query.account_id)
    else:
        fetch = partial(storage.list_of_users, party_ids, chosen, account_id=query.account_id)
    return cursors.fetch_page(query, fetch, timestamp=datetime, id=str)


def count_all(storage: TransactionStorage, currency: Currency, query: Choice) -> int:
    """Return how many of the bank's transactions match, at most MAX_COUNTED. None is shown, so none is looked at."""
    return storage.count_all(_to_filters(query, currency), at_most=MAX_COUNTED)


def recent(storage: TransactionStorage, caller: Caller, limit: int) -> list[Transaction]:
    """Return the newest transactions on the caller's accounts, at most `limit`."""
    return list(storage.list_of_user(caller.user_id.hex, Filters(), limit=limit))


def _to_reversal_failure(transaction: Transaction) -> AppError | None:
    """Return the error of a failed reversal if its reason means something else there; None otherwise."""
    if transaction.from_account_id == SUSPENSE_ACCOUNT_ID:
        return AlreadyPaidOut() if transaction.reason == "ALREADY_REVERSED" else None
    # If the money comes from the bank, the ledger sees one account only and does not call it the payee's.
    reason_of_target = "PAYEE_NOT_ACTIVE" if transaction.from_user_id else "ACCOUNT_NOT_ACTIVE"
    return ReturnAccountNotActive() if transaction.reason == reason_of_target else None


def _require_payee(new: NewTransfer) -> None:
    if (new.to_account_id is None) == (new.to_account_number is None):
        raise InvalidRequest(details={"to_account_id": "or to_account_number must be given, but not both"})
    number = new.to_account_number
    if number is not None and not check_digits.is_valid(number):
        raise InvalidRequest(details={"to_account_number": "is not an account number; check its ten digits"})


def new_order(
    caller: Caller,
    transaction_type: str,
    amount_minor: int,
    origin: Origin,
    *,
    description: str | None = None,
    from_account_id: str | None = None,
    to_account_id: str | None = None,
    to_account_number: str | None = None,
    reverses_id: str | None = None,
) -> Order:
    """Return an order with its fingerprint. A side without an account is the bank's."""
    ids = (dashed(hex_id) if hex_id else None for hex_id in (from_account_id, to_account_id, reverses_id))
    return Order(
        transaction_id=origin.transaction_id,
        transaction_type=transaction_type,
        user_id=caller.user_id.hex,
        amount_minor=amount_minor,
        from_account_id=from_account_id,
        to_account_id=to_account_id,
        to_account_number=to_account_number,
        reverses_id=reverses_id,
        description=description,
        fingerprint=_fingerprint(transaction_type, amount_minor, description, to_account_number, *ids),
        idempotency_key=origin.idempotency_key,
        request_id=origin.request_id,
        requested_at=origin.at,
    )


def _fingerprint(*parts: str | int | None) -> str:
    """Return a SHA-256 digest of the content of an order. Fingerprints are stored, so it must never change."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _may_see(storage: TransactionStorage, customer: Caller, transaction: Transaction) -> bool:
    if customer.user_id.hex in (transaction.from_user_id, transaction.to_user_id):
        return transaction.status == "completed" or not transaction.reverses_id
    if transaction.reverses_id is None:
        is_still_staff = customer.is_staff or not transaction.is_at_counter
        return is_still_staff and customer.user_id.hex == transaction.user_id
    if transaction.status != "completed" or transaction.from_account_id == SUSPENSE_ACCOUNT_ID:
        return False
    original = storage.find_transaction(transaction.reverses_id)
    return original is not None and customer.user_id.hex in (original.from_user_id, original.to_user_id)


def _to_filters(query: Choice, currency: Currency) -> Filters:
    at_least_minor, at_most_minor = query.bounds_minor(currency)
    return Filters(
        transaction_type=query.transaction_type,
        status=query.status,
        since=query.since,
        until=query.until,
        at_least_minor=at_least_minor,
        at_most_minor=at_most_minor,
        text=query.q or None,
    )
