"""The rules of reversals: what may be undone, where the money goes back to, and how it leaves suspense again."""

from datetime import datetime

from shared.core.errors import Forbidden, InvalidRequest, NotFound, Refused
from shared.web import cursors
from shared.web.access import Caller
from shared.web.cursors import Pagination
from transaction_service.reversal_storage import ReversalStorage
from transaction_service.transaction_clients import AccountClient, Order
from transaction_service.transaction_logic import AlreadyPaidOut, AlreadyReversed, Origin, new_order
from transaction_service.transaction_models import SUSPENSE_ACCOUNT_ID, SuspenseItem, Transaction
from transaction_service.transaction_schemas import PayOut, Reversal, SuspenseQuery


class NotReversible(Refused):
    """Only a completed transaction that is no reversal itself can be reversed."""

    code = "NOT_REVERSIBLE"
    message = "Only a completed transaction can be reversed, and a reversal can't be reversed itself."


class OwnTransaction(Forbidden):
    """Admins leave what concerns their own accounts to a colleague."""

    message = "This transaction concerns an account of your own. A colleague has to do this."


def reverse(
    storage: ReversalStorage,
    accounts: AccountClient,
    caller: Caller,
    transaction_id: str,
    wanted: Reversal,
    *,
    origin: Origin,
) -> Order:
    """Make the order that undoes a completed one of other people. The ledger lets that happen once.

    Raises NotFound, OwnTransaction, NotReversible, AlreadyReversed, or InvalidRequest for a wrong way back.
    """
    original = storage.find_transaction(transaction_id)
    if original is None:
        raise NotFound("There is no such transaction.")
    if caller.user_id.hex in (original.from_user_id, original.to_user_id):
        raise OwnTransaction
    if original.status != "completed" or original.transaction_type == "reversal":
        raise NotReversible
    if _is_done_by_another(storage, original, origin):
        raise AlreadyReversed
    return new_order(
        caller,
        "reversal",
        original.amount_minor,
        origin,
        from_account_id=original.to_account_id,
        to_account_id=_way_back(accounts, caller, original, wanted),
        description=f"Reversal: {original.description or original.transaction_type}"[:200],
        reverses_id=original.id,
    )


def list_suspense(storage: ReversalStorage, query: SuspenseQuery) -> tuple[list[SuspenseItem], Pagination]:
    """Return a page of what was put into suspense, newest first."""
    rows = storage.list_suspense(
        user_id=query.user_id,
        paid_out=query.paid_out,
        limit=query.limit + 1,
        before=cursors.decode(query.cursor, datetime, str),
    )
    return cursors.paginate(list(rows), query.limit, "timestamp", "transaction_id")


def pay_out(
    storage: ReversalStorage,
    accounts: AccountClient,
    caller: Caller,
    transaction_id: str,
    wanted: PayOut,
    *,
    origin: Origin,
) -> Order:
    """Make the order that gives the money of a suspense item to its customer. The ledger lets that happen once.

    Raises NotFound, OwnTransaction, AlreadyPaidOut, or InvalidRequest for somebody else's account.
    """
    held = storage.find_transaction(transaction_id)
    if held is None or held.status != "completed" or held.to_account_id != SUSPENSE_ACCOUNT_ID:
        raise NotFound("There is no such money in suspense.")
    original = storage.find_transaction(held.reverses_id) if held.reverses_id else None
    customer_id = original.from_user_id if original else None
    if caller.user_id.hex == customer_id:
        raise OwnTransaction
    if _is_done_by_another(storage, held, origin):
        raise AlreadyPaidOut
    _require_customers(accounts, caller, wanted.to_account_id, customer_id)
    return new_order(
        caller,
        "reversal",
        held.amount_minor,
        origin,
        from_account_id=SUSPENSE_ACCOUNT_ID,
        to_account_id=wanted.to_account_id,
        description=held.description,
        reverses_id=held.id,
    )


def _is_done_by_another(storage: ReversalStorage, undone: Transaction, origin: Origin) -> bool:
    """Whether it was undone, or is about to be, and not by this very request, which may come again."""
    earlier = storage.find_reversal(undone.id)
    return earlier is not None and not (origin.idempotency_key and earlier.idempotency_key == origin.idempotency_key)


def _way_back(accounts: AccountClient, caller: Caller, original: Transaction, wanted: Reversal) -> str | None:
    """The account that gets the money: to the account that it came from, unless another way is wanted."""
    if wanted.to_account_id is None and not wanted.to_suspense:
        return original.from_account_id
    if wanted.to_account_id and wanted.to_suspense:
        raise InvalidRequest(details={"to_suspense": "or to_account_id must be given, but not both"})
    if original.from_account_id is None:
        field = "to_suspense" if wanted.to_suspense else "to_account_id"
        raise InvalidRequest(details={field: "must be left out: what was deposited goes back to the bank"})
    if wanted.to_account_id is None:
        return SUSPENSE_ACCOUNT_ID
    _require_customers(accounts, caller, wanted.to_account_id, original.from_user_id)
    return wanted.to_account_id


def _require_customers(accounts: AccountClient, caller: Caller, account_id: str, customer_id: str | None) -> None:
    """Raise NotFound or InvalidRequest unless the account is the customer's; the owner of an account never changes."""
    if accounts.owner_id(caller.token, account_id) != customer_id:
        raise InvalidRequest(details={"to_account_id": "must be an account of the customer whose money it is"})
