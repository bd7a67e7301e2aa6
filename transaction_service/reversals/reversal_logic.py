"""The rules of reversals: which transactions can be reversed, which account gets the money, and paying out suspense."""

from datetime import datetime
from functools import partial
from uuid import UUID

from shared.core.errors import Forbidden, InvalidRequest, NotFound, Refused
from shared.web import audit_trail, cursors
from shared.web.access import Caller
from shared.web.cursors import Pagination
from transaction_service.reversals.reversal_storage import ReversalStorage
from transaction_service.transaction_clients import AccountClient, Order
from transaction_service.transaction_logic import AlreadyPaidOut, AlreadyReversed, Origin, new_order
from transaction_service.transaction_models import SUSPENSE_ACCOUNT_ID, SuspenseItem, Transaction
from transaction_service.transaction_schemas import MAX_DESCRIPTION, PayOut, Reversal, SuspenseQuery


class NotReversible(Refused):
    """The transaction is not completed, or is a reversal itself."""

    code = "NOT_REVERSIBLE"
    message = "Only a completed transaction can be reversed, and a reversal can't be reversed itself."


class OwnTransaction(Forbidden):
    """The transaction concerns an account of the caller, and admins may not reverse or pay out their own."""

    message = "This transaction concerns an account of your own. A colleague has to do this."


def reverse(
    storage: ReversalStorage,
    accounts: AccountClient,
    caller: Caller,
    transaction_id: str,
    destination: Reversal,
    *,
    origin: Origin,
) -> Order:
    """Return the order that reverses a completed transaction of other users. The ledger posts only one.

    Raises NotFound, OwnTransaction, NotReversible, AlreadyReversed, or InvalidRequest for a wrong target account.
    """
    original = storage.find_transaction(transaction_id)
    if original is None:
        raise NotFound("There is no such transaction.")
    if caller.user_id.hex in (original.from_user_id, original.to_user_id):
        raise OwnTransaction
    if original.status != "completed" or original.transaction_type == "reversal":
        raise NotReversible
    if _was_reversed_by_other_request(storage, original, origin):
        raise AlreadyReversed
    return new_order(
        caller,
        "reversal",
        original.amount_minor,
        origin,
        from_account_id=original.to_account_id,
        to_account_id=_choose_target(accounts, caller, original, destination),
        description=_describe(original, destination.reason),
        reverses_id=original.id,
    )


def list_suspense(
    storage: ReversalStorage, caller: Caller, query: SuspenseQuery
) -> tuple[list[SuspenseItem], Pagination]:
    """Return a page of the money that reversals put into suspense, newest first."""
    subject_id = UUID(query.user_id) if query.user_id else None
    audit_trail.record_view(storage.outbox, "view.suspense" if subject_id else "list.suspense", caller, subject_id)
    fetch = partial(storage.list_suspense, user_id=query.user_id, paid_out=query.paid_out)
    return cursors.fetch_page(query, fetch, timestamp=datetime, transaction_id=str)


def pay_out(
    storage: ReversalStorage,
    accounts: AccountClient,
    caller: Caller,
    transaction_id: str,
    destination: PayOut,
    *,
    origin: Origin,
) -> Order:
    """Return the order that pays a suspense item to an account of its customer. The ledger posts only one.

    Raises NotFound, OwnTransaction, AlreadyPaidOut, or InvalidRequest if the account is not the customer's.
    """
    held = storage.find_transaction(transaction_id)
    if held is None or held.status != "completed" or held.to_account_id != SUSPENSE_ACCOUNT_ID:
        raise NotFound("There is no such money in suspense.")
    original = storage.find_transaction(held.reverses_id) if held.reverses_id else None
    customer_id = original.from_user_id if original else None
    if caller.user_id.hex == customer_id:
        raise OwnTransaction
    if _was_reversed_by_other_request(storage, held, origin):
        raise AlreadyPaidOut
    _require_customers(accounts, caller, destination.to_account_id, customer_id)
    return new_order(
        caller,
        "reversal",
        held.amount_minor,
        origin,
        from_account_id=SUSPENSE_ACCOUNT_ID,
        to_account_id=destination.to_account_id,
        description=held.description,
        reverses_id=held.id,
    )


def _describe(original: Transaction, reason: str | None) -> str:
    """Return the description of a reversal: what it reverses, shortened where needed, and why."""
    why = f" ({reason})" if reason else ""
    return f"Reversal: {original.description or original.transaction_type}"[: MAX_DESCRIPTION - len(why)] + why


def _was_reversed_by_other_request(storage: ReversalStorage, original: Transaction, origin: Origin) -> bool:
    """Return whether a completed or pending reversal exists that is not this same request, repeated."""
    earlier = storage.find_reversal(original.id)
    return earlier is not None and not (origin.idempotency_key and earlier.idempotency_key == origin.idempotency_key)


def _choose_target(accounts: AccountClient, caller: Caller, original: Transaction, destination: Reversal) -> str | None:
    """Return the id of the account that gets the money; None is the bank. By default it is the one that it came from.

    Raises NotFound or InvalidRequest for another account that may not get it.
    """
    if destination.to_account_id is None and not destination.to_suspense:
        return original.from_account_id
    if destination.to_account_id and destination.to_suspense:
        raise InvalidRequest(details={"to_suspense": "or to_account_id must be given, but not both"})
    if original.transaction_type == "deposit":
        field = "to_suspense" if destination.to_suspense else "to_account_id"
        raise InvalidRequest(details={field: "must be left out: what was deposited goes back to the bank"})
    if destination.to_account_id is None:
        return SUSPENSE_ACCOUNT_ID
    _require_customers(accounts, caller, destination.to_account_id, original.from_user_id)
    return destination.to_account_id


def _require_customers(accounts: AccountClient, caller: Caller, account_id: str, customer_id: str | None) -> None:
    """Raise NotFound or InvalidRequest unless the account is the customer's. The owner of an account never changes."""
    if accounts.owner_id(caller.token, account_id) != customer_id:
        raise InvalidRequest(details={"to_account_id": "must be an account of the customer whose money it is"})
