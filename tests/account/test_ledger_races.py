"""The ledger under concurrent orders: one decision, exact balances, a feed without gaps."""

import threading
from collections import Counter
from typing import Any
from uuid import uuid4

from account_service import account_logic
from account_service.account_models import Account
from account_service.account_schemas import StatusChange
from tests.account.ledger import STRANGER, Ledger, caller, in_parallel, order, with_changes


def test_concurrent_orders_with_one_key_are_decided_once(ledger: Ledger) -> None:
    accounts = [ledger.open() for _ in range(8)]
    orders = [order(to=account, key=f"at once {uuid4()}") for account in accounts[:1]] * 8
    orders = [with_changes(one, transaction_id=uuid4().hex) for one in orders]
    decided_ids = in_parallel(ledger, *[lambda one=one: ledger.post(one).transaction_id for one in orders])
    assert len(set(decided_ids)) == 1
    assert ledger.balance(accounts[0]) == 100


def test_the_feed_waits_for_uncommitted_postings(ledger: Ledger) -> None:
    """A sequence that is assigned and not committed yet must not be skipped."""
    account, other = ledger.open(), ledger.open(STRANGER)
    last, is_open, may_end = ledger.last_sequence(), threading.Event(), threading.Event()

    def post_slowly() -> str:
        set_balances = ledger.storage.set_balances

        def slow(accounts: Any) -> None:
            is_open.set()
            may_end.wait(5)
            set_balances(accounts)

        ledger.storage.set_balances = slow  # type: ignore[method-assign]  # makes this commit late
        return str(ledger.post(order(to=account)).outcome)

    def post_meanwhile_and_read() -> list[int | None]:
        is_open.wait(5)
        del ledger.storage.set_balances
        if ledger.is_sqlite:  # SQLite has one writer, so the other order must wait for this commit
            may_end.set()
        ledger.post(order(to=other, user=STRANGER, amount=2))
        threading.Timer(0.2, may_end.set).start()
        return [posting.amount_minor for posting in ledger.postings(last)]

    slowly, read = in_parallel(ledger, post_slowly, post_meanwhile_and_read)
    assert (slowly, read) == ("posted", [100, 2])


def test_ten_of_forty_concurrent_withdrawals_of_1_00_from_10_00_succeed(ledger: Ledger) -> None:
    account = ledger.open(balance_minor=1_000)
    outcomes = in_parallel(ledger, *[lambda: ledger.post(order(source=account, amount=100)).outcome] * 40)
    assert Counter(outcomes) == {"posted": 10, "rejected": 30}
    assert ledger.balance(account) == 0


def test_closing_and_depositing_concurrently_leaves_no_money_in_a_closed_account(ledger: Ledger) -> None:
    for _ in range(20):
        account = ledger.open()
        closing, deposit = in_parallel(
            ledger,
            lambda account=account: account_logic.close(ledger.accounts, caller(), account.id).status,
            lambda account=account: ledger.post(order(to=account)).outcome,
        )
        assert (closing, deposit) in {("closed", "rejected"), ("NON_ZERO_BALANCE", "posted")}


def test_freezing_and_withdrawing_concurrently_have_an_order(ledger: Ledger) -> None:
    def freeze(account: Account) -> str:
        change = StatusChange(status="frozen", reason="suspicious")
        with ledger.accounts.transaction():
            return account_logic.carry_out(ledger.accounts, caller(), account.id, change).status

    for _ in range(20):
        account = ledger.open(balance_minor=100)
        _, outcome = in_parallel(
            ledger,
            lambda account=account: freeze(account),
            lambda account=account: ledger.post(order(source=account)).outcome,
        )
        assert ledger.balance(account) == (0 if outcome == "posted" else 100)


def test_voiding_and_posting_an_order_concurrently_return_the_same_decision(ledger: Ledger) -> None:
    account = ledger.open()
    for _ in range(20):
        deposit = order(to=account, amount=1)
        voided, posted = in_parallel(
            ledger,
            lambda deposit=deposit: ledger.void(deposit).outcome,
            lambda deposit=deposit: ledger.post(deposit).outcome,
        )
        assert voided == posted
