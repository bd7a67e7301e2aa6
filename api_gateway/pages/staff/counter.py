"""Pages of the counter: a till, cash for customers, and the count at the end."""

from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from api_gateway.clients.account import Account
from api_gateway.clients.auth import Person
from api_gateway.clients.base import NeedsApproval
from api_gateway.clients.counter import CounterClient, Till
from api_gateway.clients.transaction import Transaction
from api_gateway.pages.common.money_forms import Draft
from api_gateway.pages.common.responses import current_address, form_page, peer, see_other
from api_gateway.pages.common.sections import (
    account_service,
    approval_service,
    customer_service,
    result_or_none,
    start_call,
)
from api_gateway.pages.staff.admin_forms import CashForm, CountForm, TillForm
from api_gateway.web.tools import tools
from shared.web.access import Caller, staff_with

ROWS = 10
FOUND = 5
DEPOSIT, WITHDRAW = "counter:deposit", "counter:withdraw"
counter = Blueprint("counter", __name__)


class Booking(NamedTuple):
    """The effect of a booking: the till and the account before and after it."""

    amount: Decimal
    till_after: Decimal
    balance_after: Decimal


@counter.errorhandler(NeedsApproval)
def _wait(_asked: NeedsApproval) -> Response:
    """Redirect after a withdrawal that a second person has to approve."""
    return see_other(
        "A colleague has to approve this withdrawal. Pay nothing out before that.", url_for("counter.index")
    )


@counter.route("/admin/counter", methods=["GET", "POST"])
@staff_with(DEPOSIT, WITHDRAW)
def index(caller: Caller) -> Any:
    """Open a till. With an open till: find a customer, and show what the till holds."""
    form = TillForm()
    opened = form.submitted(
        lambda: _service().open_till(
            caller.token, form.opening_cash.data, idempotency_key=form.idempotency_key.data or ""
        )
    )
    if opened:
        return see_other("Your till is open.", url_for("counter.index"))
    of_all = start_call(_service().list_tills, caller.token, {"limit": ROWS})
    mine = {"asked_by": str(caller.user_id), "limit": FOUND}
    asked_call = start_call(approval_service("payments").find, caller.token, mine) if caller.may(WITHDRAW) else None
    till, typed = _open_till(caller), request.args.get("q", "").strip()[:100]
    return form_page(
        "counter.html",
        form,
        till=till,
        typed=typed,
        asked=[one for one in asked_call.result().rows if one.action == "withdraw"] if asked_call else [],
        found=_find_accounts(caller, typed) if till and typed else None,
        movements=till and _service().movements(caller.token, till.id, {"limit": ROWS}).rows,
        tills=[one for one in of_all.result().rows if till is None or one.id != till.id],
    )


@counter.route("/admin/counter/<uuid:account_id>/deposit", methods=["GET", "POST"])
@staff_with(DEPOSIT)
def deposit(caller: Caller, account_id: UUID) -> Any:
    """Take in cash: entry, review, confirmation."""
    return _book(caller, account_id, "deposit")


@counter.route("/admin/counter/<uuid:account_id>/withdraw", methods=["GET", "POST"])
@staff_with(WITHDRAW)
def withdraw(caller: Caller, account_id: UUID) -> Any:
    """Pay out cash: entry, review, confirmation."""
    return _book(caller, account_id, "withdraw")


def _book(caller: Caller, account_id: UUID, kind: str) -> Any:
    draft = _draft_in_address(caller)
    form = CashForm(data=draft)
    if request.form.get("confirmed"):
        body = {"account_id": str(account_id), **form.body}
        booked = form.submitted(
            lambda: _service().book(caller.token, kind, body, idempotency_key=form.idempotency_key.data or "")
        )
        if booked:
            return _to_receipt(booked)
    elif form.submitted(lambda: True):
        return redirect(current_address(draft=_sealed(caller, form.draft), change=None), 303)
    account, till = account_service().details(caller.token, account_id), _open_till(caller)
    owner = result_or_none(start_call(customer_service().by_id, caller.token, {account.user_id})) or {}
    is_reviewed = not request.args.get("change") and (not form.errors or form.outcome_is_open)
    return form_page(
        "counter_book.html",
        form,
        kind=kind,
        account=account,
        owner=owner.get(account.user_id),
        till=till,
        booking=_booking(kind, Decimal(draft["amount"]), account, till) if draft and till and is_reviewed else None,
    )


@counter.get("/admin/counter/tills/<uuid:till_id>")
@staff_with(DEPOSIT, WITHDRAW)
def till_page(caller: Caller, till_id: UUID) -> str:
    """Show a till and its movements of cash."""
    query = {"limit": 50, "cursor": request.args.get("cursor")}
    movements = _service().movements(caller.token, till_id, query)
    return render_template("counter_till.html", till=_service().till(caller.token, till_id), movements=movements)


@counter.route("/admin/counter/tills/<uuid:till_id>/close", methods=["GET", "POST"])
@staff_with(DEPOSIT, WITHDRAW)
def close(caller: Caller, till_id: UUID) -> Any:
    """Count a till, look at the difference, and close it."""
    draft = _draft_in_address(caller)
    form = CountForm(data=draft)
    if request.form.get("confirmed"):
        closed = form.submitted(lambda: _service().close_till(caller.token, till_id, form.counted.data))
        if closed:
            return see_other("The till is closed.", url_for("counter.till_page", till_id=till_id))
    elif form.submitted(lambda: True):
        return redirect(current_address(draft=_sealed(caller, {"counted": str(form.counted.data)})), 303)
    till = _service().till(caller.token, till_id)
    if till.status != "open":
        return redirect(url_for("counter.till_page", till_id=till_id), 303)
    counted = Decimal(draft["counted"]) if draft else None
    return form_page("counter_close.html", form, till=till, counted=counted)


def _service() -> CounterClient:
    return CounterClient(peer("transaction-service"))


def _open_till(caller: Caller) -> Till | None:
    mine = {"user_id": str(caller.user_id), "status": "open", "limit": 1}
    return next(iter(_service().list_tills(caller.token, mine).rows), None)


def _find_accounts(caller: Caller, typed: str) -> list[tuple[Account, Person | None]]:
    """Return the open accounts of the customers who fit, or of the account number, with their owners."""
    digits = "".join(typed.split()).replace("-", "").lstrip("•")
    if digits.isascii() and digits.isdigit() and len(digits) <= 10:
        accounts = account_service().list_all(caller.token, {"q": digits, "limit": ROWS}).rows
    else:
        customers = customer_service().find(caller.token, {"q": typed, "limit": FOUND}).rows
        query = {"limit": ROWS}
        calls = [start_call(account_service().list_all, caller.token, query, one.id) for one in customers]
        accounts = [account for call in calls for account in call.result().rows]
    owners = result_or_none(start_call(customer_service().by_id, caller.token, {one.user_id for one in accounts})) or {}
    return [(account, owners.get(account.user_id)) for account in accounts if account.status != "closed"]


def _booking(kind: str, amount: Decimal, account: Account, till: Till) -> Booking:
    cash = amount if kind == "deposit" else -amount
    return Booking(amount, till.expected_cash + cash, account.balance + cash)


def _to_receipt(transaction: Transaction) -> Response:
    """Redirect (303) to the receipt of a booking; while it is pending, to its transaction."""
    is_pending = transaction.status == "pending"
    if is_pending:
        flash("The outcome is not known yet. Cash must not change hands before this says Completed.", "warning")
    else:
        flash("The cash is booked.", "success")
    page = "staff.payment" if is_pending else "staff.receipt"
    return redirect(url_for(page, transaction_id=transaction.id, back=url_for("counter.index")), 303)


def _sealed(caller: Caller, draft: Draft) -> str:
    """Encrypt an entry for the address of its page. Only the same user can open it, and on the same page only."""
    return tools().drafts.seal({"user_id": caller.user_id, "path": request.path, "draft": draft})


def _draft_in_address(caller: Caller) -> Draft | None:
    opened = tools().drafts.open(request.args.get("draft", ""))
    is_mine = opened and (opened["user_id"], opened.get("path")) == (str(caller.user_id), request.path)
    return opened["draft"] if opened and is_mine else None
