"""The rules of the counter: the orders of cash deposits and withdrawals, and who may see and close which till.

A booking is an ordinary order whose other side is the employee's open till, which the ledger finds when it decides. So
a repeated request gets its first outcome, also after the till was closed.
"""

from uuid import UUID, uuid5

from shared.core.errors import Forbidden, InvalidRequest, NotFound
from shared.core.money import Currency
from shared.web.access import Caller
from shared.web.cursors import Page, Pagination
from transaction_service.counter.counter_clients import TillClient
from transaction_service.counter.counter_schemas import (
    AskedWithdrawal,
    CashCount,
    CounterMovement,
    Movement,
    Till,
    TillFloat,
    TillsQuery,
)
from transaction_service.transaction_clients import Order
from transaction_service.transaction_logic import (
    AccountNotActive,
    InsufficientFunds,
    Origin,
    OwnAccountAtCounter,
    TillNotOpen,
    TillShort,
    new_order,
)
from transaction_service.transaction_models import OPEN_TILL_ID


def deposit(tills: TillClient, currency: Currency, caller: Caller, new: CounterMovement, origin: Origin) -> Order:
    """Return the order that pays cash into a customer's account. Raises InvalidRequest, or NotFound for a number."""
    amount_minor = currency.to_minor(new.amount)
    return new_order(
        caller,
        "deposit",
        amount_minor,
        origin,
        from_account_id=OPEN_TILL_ID,
        to_account_id=_account_id(tills, new),
        description=new.description or "Cash paid in at the counter",
    )


def withdraw(tills: TillClient, currency: Currency, caller: Caller, new: CounterMovement, origin: Origin) -> Order:
    """Return the order that pays cash out of a customer's account. Raises as `deposit` does."""
    amount_minor = currency.to_minor(new.amount)
    return new_order(
        caller,
        "withdrawal",
        amount_minor,
        origin,
        from_account_id=_account_id(tills, new),
        to_account_id=OPEN_TILL_ID,
        description=new.description or "Cash paid out at the counter",
    )


def ask_for_withdrawal(tills: TillClient, caller: Caller, order: Order) -> AskedWithdrawal:
    """Return the data to store of a withdrawal that a second person has to approve.

    It is checked now, so that nobody is asked to approve what can't be carried out; the ledger decides when it is
    approved. Raises NotFound, OwnAccountAtCounter, AccountNotActive, InsufficientFunds, TillNotOpen, TillShort.
    """
    account, amount_minor = tills.find_account(order["from_account_id"], None), order["amount_minor"]
    open_tills, _ = tills.list_tills(user_id=str(caller.user_id), status="open")
    if account.user_id == caller.user_id:
        raise OwnAccountAtCounter
    if not open_tills:
        raise TillNotOpen
    if account.status != "active":
        raise AccountNotActive
    if account.balance_minor < amount_minor:
        raise InsufficientFunds
    if open_tills[0].cash_minor < amount_minor:
        raise TillShort
    return AskedWithdrawal(
        account_id=account.id,
        account_number=account.account_number,
        user_id=account.user_id,
        amount_minor=amount_minor,
        description=order["description"] or "",
    )


def with_id_of_key(order: Order) -> Order:
    """Return an order whose id follows from its idempotency key, if it has one, so that it is asked for once."""
    key = order["idempotency_key"]
    return {**order, "transaction_id": uuid5(UUID(order["user_id"]), f"withdraw {key}").hex} if key else order


def asked_order(caller: Caller, asked_by: UUID, asked: AskedWithdrawal, origin: Origin) -> Order:
    """Return the order of a withdrawal that was asked for, out of the till of who asked."""
    order = new_order(
        caller,
        "withdrawal",
        asked.amount_minor,
        origin,
        from_account_id=asked.account_id.hex,
        to_account_id=OPEN_TILL_ID,
        description=asked.description,
    )
    return {**order, "user_id": asked_by.hex}


def open_till(tills: TillClient, currency: Currency, caller: Caller, new: TillFloat, key: str | None) -> Till:
    """Open a till of the caller. The same key opens only one."""
    return tills.open(caller.user_id, currency.to_minor(new.opening_cash, "float"), key)


def list_tills(tills: TillClient, caller: Caller, query: TillsQuery) -> tuple[list[Till], Pagination]:
    """Return a page of the caller's tills, newest first, or of anybody's for an admin. Raises Forbidden."""
    user_id = query.user_id or (None if caller.role == "admin" else caller.user_id)
    if caller.role != "admin" and user_id != caller.user_id:
        raise Forbidden
    return tills.list_tills(
        user_id=str(user_id) if user_id else None, status=query.status, limit=query.limit, cursor=query.cursor
    )


def find_till(tills: TillClient, caller: Caller, till_id: UUID) -> Till:
    """Return a till of the caller, or any till for an admin. Raises NotFound."""
    till = tills.find(till_id)
    if caller.role != "admin" and till.user_id != caller.user_id:
        raise NotFound("There is no such till.")
    return till


def movements(tills: TillClient, caller: Caller, till_id: UUID, page: Page) -> tuple[list[Movement], Pagination]:
    """Return a page of the postings of a till that the caller may see, newest first. Raises NotFound."""
    find_till(tills, caller, till_id)
    return tills.movements(till_id, limit=page.limit, cursor=page.cursor)


def close_till(tills: TillClient, currency: Currency, caller: Caller, till_id: UUID, count: CashCount) -> Till:
    """Close a till of the caller, or any till for an admin. Raises NotFound, or Conflict when it was closed before."""
    find_till(tills, caller, till_id)
    return tills.close(till_id, caller.user_id, currency.to_minor(count.counted, "counted"))


def _account_id(tills: TillClient, new: CounterMovement) -> str:
    if (new.account_id is None) == (new.account_number is None):
        raise InvalidRequest(details={"account_id": "or account_number must be given, but not both"})
    return new.account_id or tills.find_account(None, new.account_number).id.hex
