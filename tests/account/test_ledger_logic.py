"""The ledger: it decides an order once, and never makes or loses money."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from account_service import account_logic, ledger_logic
from account_service.account_models import SUSPENSE_ACCOUNT_ID, Account, Posting, db
from account_service.ledger_schemas import Order
from shared.core import clock
from tests.account.ledger import OWNER, STRANGER, Ledger, caller, order, with_changes


def test_a_transfer_moves_exactly_its_amount(ledger: Ledger) -> None:
    source, target = ledger.open(balance_minor=10_000), ledger.open(STRANGER)
    posting = ledger.post(order(source=source, to=target, amount=2_500))
    assert (posting.outcome, posting.amount_minor) == ("posted", 2_500)
    assert (posting.from_account_id, posting.from_user_id) == (source.id.hex, OWNER.hex)
    assert (posting.to_account_id, posting.to_user_id) == (target.id.hex, STRANGER.hex)
    assert (posting.from_balance_after_minor, posting.to_balance_after_minor) == (7_500, 2_500)
    assert posting.to_masked_number == f"••••{target.account_number[-4:]}"
    assert (ledger.balance(source), ledger.balance(target)) == (7_500, 2_500)


def test_the_same_order_again_gets_the_first_decision_and_moves_nothing(ledger: Ledger) -> None:
    account = ledger.open()
    deposit = order(to=account)
    first, in_the_same_batch, again = *ledger.decide(deposit, deposit), *ledger.decide(deposit)
    assert [first[0], in_the_same_batch[0], again[0]] == ["decided", "repeated", "repeated"]
    assert first[1] == in_the_same_batch[1] == again[1]
    assert ledger.balance(account) == 100


def test_a_repeated_order_stays_rejected_even_if_it_would_succeed_now(ledger: Ledger) -> None:
    account = ledger.open()
    withdrawal = order(source=account)
    assert ledger.post(withdrawal).reason == "INSUFFICIENT_FUNDS"
    ledger.post(order(to=account, amount=500))
    assert ledger.post(withdrawal).reason == "INSUFFICIENT_FUNDS"
    assert ledger.balance(account) == 500


def test_an_id_with_other_content_is_conflicting_and_the_decision_stands(ledger: Ledger) -> None:
    account = ledger.open()
    deposit = order(to=account)
    ledger.post(deposit)
    for changes in ({"amount_minor": 999}, {"fingerprint": "other"}, {"user_id": STRANGER.hex}):
        ((verdict, posting),) = ledger.decide(with_changes(deposit, **changes))
        assert (verdict, posting.amount_minor) == ("conflicting", 100)
    assert ledger.post(deposit).outcome == "posted"
    assert ledger.balance(account) == 100


def test_a_key_belongs_to_the_first_order_that_has_it_whatever_the_id(ledger: Ledger) -> None:
    account = ledger.open()
    first, again, other = (order(to=account, amount=amount, key="k") for amount in (100, 100, 200))
    decisions = ledger.decide(first, again) + ledger.decide(again) + ledger.decide(other)
    assert [verdict for verdict, _posting in decisions] == ["decided", "repeated", "repeated", "conflicting"]
    assert {posting.transaction_id for _verdict, posting in decisions} == {first["transaction_id"]}
    assert ledger.balance(account) == 100
    anothers = order(to=ledger.open(STRANGER), user=STRANGER, key="k")
    assert ledger.decide(anothers)[0][0] == "decided"


def test_a_conflicting_order_is_answered_with_both_owners_of_the_posting_that_stands(ledger: Ledger) -> None:
    source, target, other = ledger.open(balance_minor=100), ledger.open(STRANGER), ledger.open()
    first = ledger.post(order(source=source, to=target, key="stands"))
    assert ledger.decide(order(to=other, key="stands")) == [("conflicting", first)]


def test_rejections_and_voids_keep_their_key(ledger: Ledger) -> None:
    account = ledger.open()
    refused, given_up = order(source=account, key="refused"), order(to=account, key="given up")
    assert ledger.post(refused).reason == "INSUFFICIENT_FUNDS"
    ledger.void(given_up)
    ledger.post(order(to=account, amount=500))
    again = [with_changes(one, transaction_id=uuid4().hex) for one in (refused, given_up)]
    assert [posting.outcome for posting in ledger.post_all(*again)] == ["rejected", "void"]
    assert ledger.balance(account) == 500


def test_the_feed_returns_all_postings_in_order_and_as_they_were_decided(ledger: Ledger) -> None:
    source, target = ledger.open(balance_minor=100), ledger.open(STRANGER)
    last = ledger.last_sequence()
    transfer = order(source=source, to=target, key="feed", description="rent", request_id="r-1")
    by_number = order(source=source, to_account_number=target.account_number)
    decided = ledger.post_all(transfer, by_number, order(to=source, to_account_number=None, amount=7))
    decided.append(ledger.void(order(to=target, user=STRANGER)))
    decided.append(ledger.post(order(source=target, to=source, user=uuid4(), reverses=transfer["transaction_id"])))
    decided.append(ledger.post(order(source=target, to=source, user=uuid4(), reverses=transfer["transaction_id"])))
    assert ledger.postings(last) == decided
    assert [posting.outcome for posting in decided] == ["posted", "rejected", "posted", "void", "posted", "rejected"]
    assert [posting.sequence for posting in decided] == sorted(posting.sequence for posting in decided)
    assert (decided[0].description, decided[0].idempotency_key, decided[0].request_id) == ("rent", "feed", "r-1")
    assert decided[0].requested_at == transfer["requested_at"]
    assert (decided[1].to_user_id, decided[1].to_masked_number) == (None, f"••••{target.account_number[-4:]}")
    assert (decided[5].from_user_id, decided[5].to_user_id) == (STRANGER.hex, OWNER.hex)


def test_a_posting_without_order_columns_gets_its_order_once(ledger: Ledger) -> None:
    account = ledger.open()
    deposit = order(to=account, key="old", description="first")
    ledger.post(deposit)
    with ledger.storage.transaction():
        old = update(Posting).where(Posting.transaction_id == deposit["transaction_id"])
        db.session.execute(old.values(fingerprint="", idempotency_key=None, description=None))
    assert ledger_logic.describe(ledger.storage, [deposit, order(to=account)]) == 1
    assert ledger_logic.describe(ledger.storage, [with_changes(deposit, description="second")]) == 0
    assert ledger.postings()[-1].description == "first"
    again = with_changes(deposit, transaction_id=uuid4().hex)
    assert ledger.decide(again)[0][0] == "repeated"


def test_a_voided_order_can_never_be_posted(ledger: Ledger) -> None:
    account = ledger.open()
    deposit = order(to=account)
    assert ledger.void(deposit).outcome == "void"
    assert ledger.post(deposit).outcome == "void"
    assert ledger.balance(account) == 0


def test_a_void_after_the_decision_returns_the_decision(ledger: Ledger) -> None:
    account = ledger.open()
    deposit = order(to=account)
    posted = ledger.post(deposit)
    assert ledger.void(deposit) == posted
    assert ledger.balance(account) == 100


def test_the_orders_of_a_batch_are_decided_independently(ledger: Ledger) -> None:
    account, other = ledger.open(balance_minor=100), ledger.open(STRANGER)
    decisions = ledger.post_all(
        order(source=account, amount=60),
        order(source=account, amount=60),
        order(source=account, to=other, amount=40),
        order(source=other, amount=10),
        order(source=account, to=account, amount=1),
    )
    assert [(decision.outcome, decision.reason) for decision in decisions] == [
        ("posted", None),
        ("rejected", "INSUFFICIENT_FUNDS"),
        ("posted", None),
        ("rejected", "ACCOUNT_NOT_FOUND"),
        ("rejected", "SAME_ACCOUNT"),
    ]
    assert (ledger.balance(account), ledger.balance(other)) == (0, 40)


def test_a_payee_is_found_by_number(ledger: Ledger) -> None:
    source, target = ledger.open(balance_minor=100), ledger.open(STRANGER)
    by_number = order(source=source, to_account_number=target.account_number)
    assert ledger.post(by_number).outcome == "posted"
    unknown = with_changes(by_number, transaction_id=uuid4().hex, to_account_number="0000000000")
    assert ledger.post(unknown).reason == "PAYEE_NOT_FOUND"
    assert ledger.balance(target) == 100


@pytest.mark.parametrize("status", ["frozen", "closed"])
def test_no_money_moves_in_or_out_of_an_account_that_is_not_active(ledger: Ledger, status: str) -> None:
    account, other = ledger.open(), ledger.open(balance_minor=100)
    with ledger.accounts.transaction():
        found = ledger.accounts.find_account_to_change(account.id)
        assert found is not None
        found.status = status
    reasons = [
        ledger.post(order(to=account)).reason,
        ledger.post(order(source=account)).reason,
        ledger.post(order(source=other, to=account)).reason,
    ]
    assert reasons == ["ACCOUNT_NOT_ACTIVE", "ACCOUNT_NOT_ACTIVE", "PAYEE_NOT_ACTIVE"]
    assert ledger.balance(other) == 100


def test_a_transaction_is_reversed_once(ledger: Ledger) -> None:
    source, target = ledger.open(balance_minor=100), ledger.open(STRANGER)
    transfer = order(source=source, to=target)
    ledger.post(transfer)
    back = [order(source=target, to=source, user=uuid4(), reverses=transfer["transaction_id"]) for _ in range(3)]
    outcomes = [decision.reason for decision in ledger.post_all(*back[:2])] + [ledger.post(back[2]).reason]
    assert outcomes == [None, "ALREADY_REVERSED", "ALREADY_REVERSED"]
    assert (ledger.balance(source), ledger.balance(target)) == (100, 0)


def suspense(*, source: Account | None = None, to: Account | None = None, reverses: str | None = None) -> Order:
    """Return an order with the suspense account on the side that has no account."""
    return order(
        reverses=reverses,
        from_account_id=source.id.hex if source else SUSPENSE_ACCOUNT_ID if to else None,
        to_account_id=to.id.hex if to else SUSPENSE_ACCOUNT_ID,
    )


@pytest.mark.parametrize("kind", ["transfer", "withdrawal"])
def test_a_reversal_can_leave_its_money_in_suspense_and_be_paid_out_once(ledger: Ledger, kind: str) -> None:
    source, target, other = ledger.open(balance_minor=100), ledger.open(STRANGER), ledger.open()
    before = ledger.storage.entries.sum_of(SUSPENSE_ACCOUNT_ID)
    original = order(source=source, to=target if kind == "transfer" else None)
    ledger.post(original)
    account_logic.close(ledger.accounts, caller(), source.id)
    giver = target if kind == "transfer" else None
    assert ledger.post(order(source=giver, to=source, reverses=original["transaction_id"])).outcome == "rejected"
    held = suspense(source=giver, reverses=original["transaction_id"])
    decision = ledger.post(held)
    assert (decision.outcome, decision.to_account_id, decision.to_user_id) == ("posted", SUSPENSE_ACCOUNT_ID, None)
    assert ledger.post(held) == decision
    assert ledger.post(suspense(source=giver, reverses=original["transaction_id"])).reason == "ALREADY_REVERSED"
    assert ledger.storage.entries.sum_of(SUSPENSE_ACCOUNT_ID) == before + 100
    paid_out = ledger.post(*(suspense(to=other, reverses=held["transaction_id"]) for _ in range(2)))
    assert paid_out.outcome == "posted"
    assert (paid_out.to_account_id, paid_out.to_balance_after_minor) == (other.id.hex, 100)
    assert (ledger.balance(other), ledger.balance(target)) == (100, 0)
    assert ledger.storage.entries.sum_of(SUSPENSE_ACCOUNT_ID) == before


def test_only_a_reversal_reaches_the_suspense_account(ledger: Ledger) -> None:
    account = ledger.open(balance_minor=500)
    assert ledger.post(suspense(source=account)).reason == "PAYEE_NOT_FOUND"
    assert ledger.post(suspense(to=account)).reason == "ACCOUNT_NOT_FOUND"
    assert ledger.post(suspense()).reason == "ACCOUNT_NOT_FOUND"
    assert ledger.balance(account) == 500


def test_a_reversal_that_fails_can_be_tried_again(ledger: Ledger) -> None:
    source, target = ledger.open(balance_minor=100), ledger.open(STRANGER)
    transfer = order(source=source, to=target)
    ledger.post(transfer)
    ledger.post(order(source=target, user=STRANGER))
    assert (
        ledger.post(order(source=target, to=source, reverses=transfer["transaction_id"])).reason == "INSUFFICIENT_FUNDS"
    )
    ledger.post(order(to=target, user=STRANGER))
    assert ledger.post(order(source=target, to=source, reverses=transfer["transaction_id"])).outcome == "posted"


def test_decision_times_never_decrease(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    account = ledger.open(balance_minor=100)
    first = ledger.post(order(to=account)).decided_at
    yesterday = clock.now() - timedelta(days=1)
    monkeypatch.setattr(ledger_logic, "now", lambda: yesterday)
    assert ledger.post(order(to=account)).decided_at >= first
