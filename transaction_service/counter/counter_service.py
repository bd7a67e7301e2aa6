"""The endpoints of the counter: cash deposits and withdrawals for customers, and the tills of employees."""

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, Response

from shared.core.errors import Conflict
from shared.web.access import Caller, staff_with
from shared.web.approvals import rules
from shared.web.approvals.rules import AlreadyDecided
from shared.web.cursors import Page, page_of
from shared.web.idempotency_keys import idempotency_key
from shared.web.responses import success
from shared.web.validation.openapi import answer, documented
from transaction_service.common_service import api, carry_out_order, origin, payment, tools
from transaction_service.counter import counter_logic
from transaction_service.counter.counter_schemas import (
    CashCount,
    CounterMovement,
    MovementOut,
    Till,
    TillFloat,
    TillOut,
    TillsQuery,
)
from transaction_service.posting_logic import IdempotencyKeyReused
from transaction_service.reversals.reversal_service import may_wait, render_approvals, withdrawal_of
from transaction_service.transaction_clients import Order
from transaction_service.transaction_logic import InsufficientFunds, OwnAccountAtCounter, TillNotOpen, TillShort

counter = Blueprint("counter", __name__, url_prefix="/api/transactions")
DEPOSIT, WITHDRAW = "counter:deposit", "counter:withdraw"


class TillAlreadyOpen(Conflict):
    """409: the employee has an open till. The account service refuses it."""

    code = "TILL_ALREADY_OPEN"


class TillClosed(Conflict):
    """409: the till was closed with another count. The account service refuses it."""

    code = "TILL_CLOSED"


@counter.post("/counter/deposit")
@staff_with(DEPOSIT)
@api.validate(resp=payment(TillNotOpen, OwnAccountAtCounter))
def deposit(caller: Caller, json: CounterMovement) -> Response:
    """Take cash in for an account of a customer."""
    return carry_out_order(counter_logic.deposit(tools().tills, tools().currency, caller, json, origin()), caller)


@counter.post("/counter/withdraw")
@staff_with(WITHDRAW)
@api.validate(resp=may_wait(TillNotOpen, TillShort, InsufficientFunds, OwnAccountAtCounter, AlreadyDecided))
def withdraw(caller: Caller, json: CounterMovement) -> Response:
    """Pay cash out of an account of a customer, or ask a second person for it."""
    order = counter_logic.withdraw(tools().tills, tools().currency, caller, json, origin())
    above_minor = tools().approval_above_minor
    if above_minor is None or order["amount_minor"] <= above_minor:
        return carry_out_order(order, caller)
    return _ask(order, caller)


def _ask(order: Order, caller: Caller) -> Response:
    """Store a withdrawal until a second person decides on it. The same key again returns its outcome."""
    order = counter_logic.with_id_of_key(order)
    subject_id = UUID(order["transaction_id"])
    approval = tools().approvals.table.find_newest(subject_id)
    if approval is None:
        asked = counter_logic.ask_for_withdrawal(tools().tills, caller, order)
        approval = rules.ask(tools().approvals, caller, "withdraw", subject_id, asked.model_dump_json())
    elif withdrawal_of(approval, caller)["fingerprint"] != order["fingerprint"]:
        raise IdempotencyKeyReused
    elif approval.status == "approved":
        return carry_out_order(withdrawal_of(approval, caller), caller)
    elif approval.status != "pending":
        raise AlreadyDecided
    return success(202, approval=render_approvals(caller, [approval])[0], message="It waits for a second person.")


@counter.post("/tills")
@staff_with(DEPOSIT, WITHDRAW)
@api.validate(resp=documented(201, answer(till=TillOut), TillAlreadyOpen, IdempotencyKeyReused, takes_key=True))
def open_till(caller: Caller, json: TillFloat) -> Response:
    """Open a till with a float from the vault. The same Idempotency-Key opens only one."""
    till = counter_logic.open_till(tools().tills, tools().currency, caller, json, idempotency_key())
    return success(201, till=_render([till])[0], message="The till is open.")


@counter.get("/tills")
@staff_with(DEPOSIT, WITHDRAW)
@api.validate(resp=documented(200, page_of(tills=TillOut)))
def list_tills(caller: Caller, query: TillsQuery) -> Response:
    """Return the caller's tills, newest first; for admins, everybody's."""
    rows, pagination = counter_logic.list_tills(tools().tills, caller, query)
    return success(tills=_render(rows), pagination=pagination)


@counter.get("/tills/<uuid:till_id>")
@staff_with(DEPOSIT, WITHDRAW)
@api.validate(resp=documented(200, answer(till=TillOut)))
def till_details(caller: Caller, till_id: UUID) -> Response:
    """Return a till with the cash that it should hold."""
    return success(till=_render([counter_logic.find_till(tools().tills, caller, till_id)])[0])


@counter.get("/tills/<uuid:till_id>/movements")
@staff_with(DEPOSIT, WITHDRAW)
@api.validate(resp=documented(200, page_of(movements=MovementOut)))
def till_movements(caller: Caller, till_id: UUID, query: Page) -> Response:
    """Return all that has changed the cash of a till, newest first."""
    rows, pagination = counter_logic.movements(tools().tills, caller, till_id, query)
    return success(movements=[MovementOut.of(row, tools().currency) for row in rows], pagination=pagination)


@counter.post("/tills/<uuid:till_id>/close")
@staff_with(DEPOSIT, WITHDRAW)
@api.validate(resp=documented(200, answer(till=TillOut), TillClosed))
def close_till(caller: Caller, till_id: UUID, json: CashCount) -> Response:
    """Close a till: its counted cash goes back to the vault, and a difference is booked."""
    till = counter_logic.close_till(tools().tills, tools().currency, caller, till_id, json)
    return success(till=_render([till])[0], message="The till is closed.")


def _render(rows: Sequence[Till]) -> list[TillOut]:
    names = tools().users.available_names({row.user_id for row in rows})
    return [TillOut.of(row, tools().currency, names.get(row.user_id)) for row in rows]
