"""Pages of the counter: a till, cash for customers, and the count at the end."""

from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from api_gateway.clients.account import Account
from api_gateway.clients.auth import Person
from api_gateway.clients.base import NeedsApproval
from api_gateway.clients.counter import Till
from api_gateway.clients.transaction import Transaction
from api_gateway.pages.common.money_forms import draft_in_address, seal_draft
from api_gateway.pages.common.responses import current_address, form_page, see_other
from api_gateway.pages.common.services import Services, people_by_id, start_call
from api_gateway.pages.staff.admin_forms import CashForm, CountForm, TillForm
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
    message = "A colleague has to approve this withdrawal. Pay nothing out before that."
    return see_other(message, url_for("counter.index"), "warning")


@counter.route("/admin/counter", methods=["GET", "POST"])
@staff_with(DEPOSIT, WITHDRAW)
def index(caller: Caller) -> Any:
    """Open a till. With an open till: find a customer, and show what the till holds."""
    form = TillForm()
    opened = form.submitted(
        lambda: Services(caller).counter.open_till(form.opening_cash.data, idempotency_key=form.key)
    )
    if opened:
        return see_other("Your till is open.", url_for("counter.index"))
    of_all = start_call(Services(caller).counter.list_tills, {"limit": ROWS})
    mine = {"asked_by": str(caller.user_id), "limit": FOUND}
    asked_call = start_call(Services(caller).approvals["payments"].find, mine) if caller.may(WITHDRAW) else None
    till, typed = _open_till(caller), request.args.get("q", "").strip()[:100]
    return form_page(
        "counter.html",
        form,
        till=till,
        typed=typed,
        asked=[one for one in asked_call.result().rows if one.action == "withdraw"] if asked_call else [],
        found=_find_accounts(caller, typed) if till and typed else None,
        movements=till and Services(caller).counter.movements(till.id, {"limit": ROWS}).rows,
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
    draft = draft_in_address(caller, request.path)
    form = CashForm(data=draft)
    if request.form.get("confirmed"):
        body = {"account_id": str(account_id), **form.body}
        booked = form.submitted(lambda: Services(caller).counter.book(kind, body, idempotency_key=form.key))
        if booked:
            return _to_receipt(booked)
    elif form.submitted(lambda: True):
        return redirect(current_address(draft=seal_draft(caller, request.path, form.draft), change=None), 303)
    account, till = Services(caller).accounts.details(account_id), _open_till(caller)
    owner = people_by_id(caller, [account.user_id]).get(account.user_id)
    is_reviewed = not request.args.get("change") and (not form.errors or form.outcome_is_open)
    return form_page(
        "counter_book.html",
        form,
        kind=kind,
        account=account,
        owner=owner,
        till=till,
        booking=_booking(kind, Decimal(draft["amount"]), account, till) if draft and till and is_reviewed else None,
    )


@counter.get("/admin/counter/tills/<uuid:till_id>")
@staff_with(DEPOSIT, WITHDRAW)
def till_page(caller: Caller, till_id: UUID) -> str:
    """Show a till and its movements of cash."""
    query = {"limit": 50, "cursor": request.args.get("cursor")}
    movements = Services(caller).counter.movements(till_id, query)
    return render_template("counter_till.html", till=Services(caller).counter.till(till_id), movements=movements)


@counter.route("/admin/counter/tills/<uuid:till_id>/close", methods=["GET", "POST"])
@staff_with(DEPOSIT, WITHDRAW)
def close(caller: Caller, till_id: UUID) -> Any:
    """Count a till, look at the difference, and close it."""
    draft = draft_in_address(caller, request.path)
    form = CountForm(data=draft)
    if request.form.get("confirmed"):
        closed = form.submitted(lambda: Services(caller).counter.close_till(till_id, form.counted.data))
        if closed:
            return see_other("The till is closed.", url_for("counter.till_page", till_id=till_id))
    elif form.submitted(lambda: True):
        return redirect(
            current_address(draft=seal_draft(caller, request.path, {"counted": str(form.counted.data)})), 303
        )
    till = Services(caller).counter.till(till_id)
    if till.status != "open":
        return redirect(url_for("counter.till_page", till_id=till_id), 303)
    counted = Decimal(draft["counted"]) if draft else None
    return form_page("counter_close.html", form, till=till, counted=counted)


def _open_till(caller: Caller) -> Till | None:
    mine = {"user_id": str(caller.user_id), "status": "open", "limit": 1}
    return next(iter(Services(caller).counter.list_tills(mine).rows), None)


def _find_accounts(caller: Caller, typed: str) -> list[tuple[Account, Person | None]]:
    """Return the open accounts of the customers who fit, or of the account number, with their owners."""
    digits = "".join(typed.split()).replace("-", "").lstrip("•")
    if digits.isascii() and digits.isdigit() and len(digits) <= 10:
        accounts = Services(caller).accounts.list_all({"q": digits, "limit": ROWS}).rows
    else:
        customers = Services(caller).customers.find({"q": typed, "limit": FOUND}).rows
        query = {"limit": ROWS}
        calls = [start_call(Services(caller).accounts.list_all, query, one.id) for one in customers]
        accounts = [account for call in calls for account in call.result().rows]
    owners = people_by_id(caller, (one.user_id for one in accounts))
    return [(account, owners.get(account.user_id)) for account in accounts if account.status != "closed"]


def _booking(kind: str, amount: Decimal, account: Account, till: Till) -> Booking:
    cash = amount if kind == "deposit" else -amount
    return Booking(amount, till.expected_cash + cash, account.balance + cash)


def _to_receipt(transaction: Transaction) -> Response:
    """Redirect (303) to the receipt of a booking; while it is pending, to its transaction."""
    is_pending = transaction.status == "pending"
    page = "staff.payment" if is_pending else "staff.receipt"
    if is_pending:
        flash("The outcome is not known yet. Cash must not change hands before this says Completed.", "warning")
    else:
        flash("The cash is booked.", "success")
    return redirect(url_for(page, transaction_id=transaction.id, back=url_for("counter.index")), 303)
