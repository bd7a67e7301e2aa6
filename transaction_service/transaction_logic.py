"""The rules of transactions: what may be asked for, who may see what, and what it all adds up to.

`deposit`, `withdraw` and `transfer` make the order for what is asked for, as the functions of reversal_logic do; a
PostingPipeline carries it out.
"""

import hashlib
import json
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from shared.core import check_digits
from shared.core.errors import AppError, Conflict, InvalidRequest, NotFound, Refused
from shared.core.ids import dashed
from shared.core.money import Currency
from shared.web import cursors
from shared.web.access import Caller
from shared.web.cursors import Pagination
from transaction_service.posting_logic import IdempotencyKeyReused
from transaction_service.transaction_clients import AccountClient, Order
from transaction_service.transaction_models import SUSPENSE_ACCOUNT_ID, Transaction
from transaction_service.transaction_schemas import (
    NewTransfer,
    OwnMovement,
    SummaryQuery,
    TransactionFilters,
    TransactionsQuery,
)
from transaction_service.transaction_storage import Filters, TransactionStorage
from transaction_service.volume_storage import Volumes, VolumeStorage


class AccountNotFound(NotFound):
    """The account does not exist, or belongs to somebody else."""

    message = "There is no such account."


class PayeeNotFound(NotFound):
    """The account to be paid does not exist."""

    message = "There is no such account to pay to. Check its number."


class InsufficientFunds(Refused):
    """The account holds less than the amount."""

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
    """A transfer needs two accounts."""

    code = "SAME_ACCOUNT"
    message = "Both accounts are the same. Choose another account to pay to."


class AlreadyReversed(Conflict):
    """A transaction is reversed once."""

    code = "ALREADY_REVERSED"
    message = "This transaction has been reversed already."


class AlreadyPaidOut(Conflict):
    """What is kept in suspense is paid out once."""

    code = "ALREADY_PAID_OUT"
    message = "This money has been paid out already."


class NoWayBack(AccountNotActive):
    """The account that a reversal would give the money back to is frozen or closed."""

    message = (
        "The money can't go back to that account, because it is not active. Unfreeze it if it is frozen, choose another"
        " active account of the same customer (to_account_id), or keep the money for the customer in the bank's"
        " suspense account (to_suspense)."
    )


class Expired(Refused):
    """It could not be carried out in time and was given up; no money has moved."""

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
    "EXPIRED": Expired,
    "IDEMPOTENCY_KEY_REUSED": IdempotencyKeyReused,
}


class Origin(NamedTuple):
    """The request that asked for a transaction: the id that the transaction gets, the idempotency key if there is one,
    the id of the request for the logs, and the time."""

    transaction_id: str
    idempotency_key: str | None
    request_id: str | None
    at: datetime


def failure_of(transaction: Transaction) -> AppError | None:
    """Why a transaction failed, as its asker was told; None when it did not."""
    if transaction.status != "failed":
        return None
    if transaction.transaction_type == "reversal" and (failure := _failure_of_reversal(transaction)):
        return failure
    return _FAILURES.get(transaction.reason or "", Refused)()


def deposit(currency: Currency, caller: Caller, new: OwnMovement, origin: Origin) -> Order:
    """Money to be paid into an account of the caller's."""
    return new_order(
        caller,
        "deposit",
        currency.to_minor(new.amount),
        origin,
        to_account_id=new.account_id,
        description=new.description or None,
    )


def withdraw(currency: Currency, caller: Caller, new: OwnMovement, origin: Origin) -> Order:
    """Money to be drawn from an account of the caller's."""
    return new_order(
        caller,
        "withdrawal",
        currency.to_minor(new.amount),
        origin,
        from_account_id=new.account_id,
        description=new.description or None,
    )


def transfer(currency: Currency, caller: Caller, new: NewTransfer, origin: Origin) -> Order:
    """Money to be moved from an account of the caller's to another of the bank's."""
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
    """A transaction that the caller asked for or has a side of; for staff any. Raises NotFound.

    A customer sees a reversal once it is completed, and also where only what it reverses was theirs.
    """
    transaction = storage.find_transaction(transaction_id)
    if transaction is None or not (caller.is_staff or _concerns(storage, caller, transaction)):
        raise NotFound("There is no such transaction.")
    return transaction


def reversals(storage: TransactionStorage, transactions: Collection[Transaction]) -> dict[str, str]:
    """Return by which transactions those of `transactions` that are reversed have been reversed."""
    return storage.find_reversals([row.id for row in transactions if row.status == "completed" and not row.reverses_id])


def list_own(
    storage: TransactionStorage, currency: Currency, caller: Caller, query: TransactionsQuery
) -> tuple[list[Transaction], Pagination]:
    """A page of everything on the caller's accounts, in and out, newest first."""
    rows = storage.list_of_user(
        caller.user_id.hex,
        _filters(query, currency),
        account_id=query.account_id,
        limit=query.limit + 1,
        before=cursors.decode(query.cursor, datetime, str),
    )
    return cursors.paginate(list(rows), query.limit, "timestamp", "id")


def list_of_account(
    storage: TransactionStorage,
    accounts: AccountClient,
    currency: Currency,
    caller: Caller,
    account_id: str,
    *,
    query: TransactionFilters,
) -> tuple[list[Transaction], Pagination]:
    """A page of what happened on one account that the caller may see. Raises NotFound."""
    owner_id = accounts.owner_id(caller.token, account_id)
    rows = storage.list_of_user(
        owner_id,
        _filters(query, currency),
        account_id=account_id,
        unsettled_reversals=caller.is_staff and caller.user_id.hex != owner_id,
        limit=query.limit + 1,
        before=cursors.decode(query.cursor, datetime, str),
    )
    return cursors.paginate(list(rows), query.limit, "timestamp", "id")


def list_all(
    storage: TransactionStorage, currency: Currency, query: TransactionsQuery
) -> tuple[list[Transaction], Pagination]:
    """A page of all transactions of the bank, newest first."""
    rows = storage.list_all(
        _filters(query, currency),
        account_id=query.account_id,
        limit=query.limit + 1,
        before=cursors.decode(query.cursor, datetime, str),
    )
    return cursors.paginate(list(rows), query.limit, "timestamp", "id")


def recent(storage: TransactionStorage, caller: Caller, limit: int) -> list[Transaction]:
    """The caller's newest transactions."""
    return list(storage.list_of_user(caller.user_id.hex, Filters(), limit=limit))


def volumes(storage: VolumeStorage, accounts: AccountClient, caller: Caller, query: SummaryQuery) -> Volumes:
    """What the caller's completed transactions add up to, or those of one account that the caller may see."""
    owner_id = accounts.owner_id(caller.token, query.account_id) if query.account_id else caller.user_id.hex
    return storage.of_user(owner_id, account_id=query.account_id, since=query.since, until=query.until)


def _failure_of_reversal(transaction: Transaction) -> AppError | None:
    """Say of a failed reversal what its reason means there; None where it means the same as in any transaction."""
    if transaction.from_account_id == SUSPENSE_ACCOUNT_ID:
        return AlreadyPaidOut() if transaction.reason == "ALREADY_REVERSED" else None
    # From the bank to an account the ledger knows one account only, and does not call it the payee's.
    of_target = "PAYEE_NOT_ACTIVE" if transaction.from_account_id else "ACCOUNT_NOT_ACTIVE"
    return NoWayBack() if transaction.reason == of_target else None


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
    """An order of the caller's; a side that is not given is the bank's."""
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
    """Return a digest by which the same content is known again. It is kept for ever, so it must never change."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _concerns(storage: TransactionStorage, customer: Caller, transaction: Transaction) -> bool:
    if customer.user_id.hex in (transaction.from_user_id, transaction.to_user_id):
        return transaction.status == "completed" or not transaction.reverses_id
    if transaction.reverses_id is None:
        return customer.user_id.hex == transaction.user_id
    if transaction.status != "completed" or transaction.from_account_id == SUSPENSE_ACCOUNT_ID:
        return False
    original = storage.find_transaction(transaction.reverses_id)
    return original is not None and customer.user_id.hex in (original.from_user_id, original.to_user_id)


def _filters(query: TransactionFilters, currency: Currency) -> Filters:
    return Filters(
        transaction_type=query.transaction_type,
        status=query.status,
        since=query.since,
        until=query.until,
        at_least_minor=None if query.at_least is None else currency.to_minor(query.at_least, "min"),
        at_most_minor=None if query.at_most is None else currency.to_minor(query.at_most, "max"),
        text=query.q or None,
    )
