"""The posting protocol: crashes between any two steps, lost responses, repeated requests."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast
from uuid import uuid4

import pytest

from account_service import ledger_logic
from account_service.ledger_schemas import Order as OrderHeard
from shared.core.errors import OutcomeUnknown, ServiceUnavailable
from tests.support.desk import CALLER, USD, Crash, Desk, open_desk, origin
from transaction_service import posting_logic, transaction_logic
from transaction_service.posting_logic import IdempotencyKeyReused, Outcome
from transaction_service.projection_logic import Projection, to_order
from transaction_service.transaction_clients import LedgerClient
from transaction_service.transaction_schemas import NewTransfer
from transaction_service.transaction_storage import TransactionStorage


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("posting"), database) as desk:
        yield desk


@pytest.fixture
def desk(both: Desk) -> Iterator[Desk]:
    yield both
    both.ledger.is_reachable = both.ledger.responds = True
    both.restart()
    both.resend()


def test_a_deposit_is_completed_and_booked(desk: Desk) -> None:
    account = desk.open()
    assert desk.status(desk.deposit(account)) == "completed"
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_decided_payment_is_never_stored_as_pending_and_its_commit_is_not_durable(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, durably = desk.open(), []
    transaction = desk.storage.transaction

    def noted(*, durable: bool = True) -> object:
        durably.append(durable)
        return transaction(durable=durable)

    monkeypatch.setattr(desk.storage, "transaction", noted)
    desk.deposit(account)
    assert durably == [False]
    desk.ledger.is_reachable = False
    desk.deposit(account)
    assert durably == [False, True]


def test_an_order_that_did_not_reach_the_ledger_is_pending_and_sent_again(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_reachable = False
    outcome = desk.deposit(account)
    assert (desk.status(outcome), desk.resend()) == ("pending", 0)
    assert desk.status(outcome) == "pending"
    desk.ledger.is_reachable = True
    assert desk.resend() == 1
    assert desk.status(outcome) == "completed"
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_lost_response_leaves_the_payment_pending_and_moves_nothing_twice(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.responds = False
    outcome = desk.deposit(account)
    assert (desk.status(outcome), desk.balance(account)) == ("pending", 100)
    desk.ledger.responds = True
    desk.resend()
    assert desk.status(outcome) == "completed"
    assert desk.balance(account) == desk.summed(account) == 100


def test_an_old_pending_transaction_that_never_arrived_is_voided_for_good(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_reachable = False
    outcome = desk.deposit(account, key="given up")
    desk.make_old(outcome)
    desk.ledger.is_reachable = True
    desk.resend()
    assert desk.status(outcome) == "failed"
    late = desk.ledger.post([to_order(outcome.transaction)])
    assert late[0]["result"]["outcome"] == "void"
    again = desk.deposit(account, key="given up")
    assert (again.transaction.id, again.transaction.reason, again.replayed) == (outcome.transaction.id, "EXPIRED", True)
    assert desk.balance(account) == desk.summed(account) == 0


def test_an_old_pending_transaction_that_was_posted_is_completed(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.responds = False
    outcome = desk.deposit(account)
    desk.make_old(outcome)
    desk.ledger.responds = True
    desk.resend()
    assert desk.status(outcome) == "completed"
    assert desk.balance(account) == desk.summed(account) == 100


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("owner", "step", "ledger_is_reachable"),
    [
        (LedgerClient, "post", True),
        (Projection, "project", True),
        (TransactionStorage, "project", True),
        (posting_logic, "store_pending", False),
    ],
)
def test_a_crash_before_or_after_any_step_loses_and_doubles_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, owner: object, step: str, ledger_is_reachable: bool, moment: str
) -> None:
    account, key = desk.open(), str(uuid4())
    original: Callable[..., object] = getattr(owner, step)

    def dies(*args: object) -> None:
        if moment == "after":
            original(*args)
        raise Crash

    desk.ledger.is_reachable = ledger_is_reachable
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, dies)
        with pytest.raises(Crash):
            desk.deposit(account, key)
    desk.ledger.is_reachable = True
    desk.restart()
    desk.resend()
    happened = (step, moment) not in {("post", "before"), ("store_pending", "before")}
    assert desk.balance(account) == desk.summed(account) == (100 if happened else 0)
    again = desk.deposit(account, key)
    assert (again.transaction.status, again.replayed) == ("completed", happened)
    assert desk.balance(account) == desk.summed(account) == 100


def test_the_same_key_gives_the_same_transaction(desk: Desk) -> None:
    account = desk.open()
    first, again = desk.deposit(account, key="k"), desk.deposit(account, key="k")
    assert again.transaction == first.transaction
    assert (first.replayed, again.replayed) == (False, True)
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_repeated_request_gets_its_rejection_even_if_it_would_succeed_now(desk: Desk) -> None:
    account, other = desk.open(), desk.open()

    def transfer() -> Outcome:
        new = NewTransfer.model_validate({"from_account_id": account.id, "to_account_id": other.id, "amount": "1.00"})
        (outcome,) = desk.carry_out(transaction_logic.transfer(USD, CALLER, new, origin("refused")))
        assert isinstance(outcome, Outcome)
        return outcome

    first = transfer()
    desk.deposit(account)
    again = transfer()
    assert first.transaction == again.transaction
    assert (again.transaction.status, again.transaction.reason) == ("failed", "INSUFFICIENT_FUNDS")
    assert (again.replayed, desk.balance(other)) == (True, 0)


def test_a_key_with_other_content_is_refused(desk: Desk) -> None:
    account = desk.open()
    desk.deposit(account, key="one")
    assert [type(one) for one in desk.carry_out(desk.order(account, "one", "2.00"))] == [IdempotencyKeyReused]
    desk.ledger.is_reachable = False
    desk.deposit(account, key="two")
    for amount, key in (("2.00", "one"), ("2.00", "two")):
        assert [type(one) for one in desk.carry_out(desk.order(account, key, amount))] == [IdempotencyKeyReused]
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_ledger_without_answer_leaves_one_pending_transaction_for_each_key(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_reachable = False
    same_batch = desk.carry_out(desk.order(account, "outage"), desk.order(account, "outage"))
    outcomes = [*same_batch, desk.deposit(account, "outage")]
    ids = {outcome.transaction.id for outcome in outcomes if isinstance(outcome, Outcome)}
    assert (len(outcomes), len(ids)) == (3, 1)
    desk.ledger.is_reachable = True
    again = desk.deposit(account, "outage")
    assert (again.transaction.id, again.transaction.status, again.replayed) == (ids.pop(), "completed", True)
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_known_outcome_is_returned_while_the_ledger_does_not_answer(desk: Desk) -> None:
    account = desk.open()
    first = desk.deposit(account, key="known")
    desk.ledger.is_reachable = False
    again = desk.deposit(account, key="known")
    assert (again.transaction, again.replayed) == (first.transaction, True)


def test_a_decision_that_was_projected_before_the_call_failed_is_returned(desk: Desk) -> None:
    account = desk.open()
    order = desk.order(account)
    desk.ledger.post([order])
    desk.projection.catch_up()
    (kept,) = posting_logic.store_pending(desk.storage, [order])
    assert kept.status == "completed"
    assert desk.summed(account) == 100


def test_a_pending_transaction_whose_key_was_decided_under_another_id_is_found_by_both(desk: Desk) -> None:
    """Two instances got the request: one got the decision, the other answered with status pending."""
    account = desk.open()
    desk.ledger.is_reachable = False
    pending = desk.deposit(account, key="twice")
    desk.ledger.is_reachable = True
    other = desk.order(account, "twice")
    desk.ledger.post([other])
    desk.projection.catch_up()
    assert desk.resend() == 1
    found = desk.find(pending.transaction.id)
    assert found
    assert (found.id, found.status) == (other["transaction_id"], "completed")
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_pending_transaction_whose_key_was_used_for_something_else_fails(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_reachable = False
    pending = desk.deposit(account, key="taken")
    desk.ledger.is_reachable = True
    desk.ledger.post([desk.order(account, "taken", "2.00")])
    desk.resend()
    found = desk.find(pending.transaction.id)
    assert found
    assert (found.status, found.reason) == ("failed", "IDEMPOTENCY_KEY_REUSED")
    assert desk.balance(account) == desk.summed(account) == 200


def test_concurrent_orders_with_one_key_have_one_effect_and_one_outcome(desk: Desk) -> None:
    account = desk.open()

    def ask(_number: int) -> tuple[str, str]:
        with desk.app.app_context():
            outcome = desk.deposit(account, "at once")
        return outcome.transaction.id, outcome.transaction.status

    with ThreadPoolExecutor(12) as pool:
        answers = set(pool.map(ask, range(12)))
    assert {status for _, status in answers} == {"completed"}
    assert len(answers) == 1
    assert desk.balance(account) == desk.summed(account) == 100


def test_each_order_gets_the_error_when_none_can_be_sent(desk: Desk) -> None:
    account, desk.projection.works = desk.open(), False
    outcomes = desk.carry_out(desk.order(account), desk.order(account))
    assert [type(outcome) for outcome in outcomes] == [ServiceUnavailable] * 2


def test_an_empty_batch_is_carried_out_without_a_call(desk: Desk) -> None:
    desk.projection.works = False
    assert desk.carry_out() == []


def full_disk(*_args: object) -> None:
    raise OSError("no space left on device")


def test_a_failed_projection_makes_the_outcome_unknown_and_stops_payments_until_it_works(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = desk.open()
    with monkeypatch.context() as patch:
        patch.setattr(desk.storage, "project", full_disk)
        with pytest.raises(OutcomeUnknown):
            desk.deposit(account, key="full")
        for _ in range(2):
            with pytest.raises(ServiceUnavailable) as refused:
                desk.deposit(account, key="not sent")
            assert not isinstance(refused.value, OutcomeUnknown)
        with pytest.raises(OSError, match="no space"):
            desk.projection.catch_up()
        assert not desk.projection.works
    assert desk.balance(account) == 100
    desk.projection.catch_up()
    assert desk.summed(account) == 100
    assert desk.deposit(account, key="full").replayed
    assert not desk.deposit(account, key="not sent").replayed


def test_a_pending_transaction_that_can_not_be_stored_makes_the_outcome_unknown(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = desk.open()
    desk.ledger.responds = False
    monkeypatch.setattr(desk.storage, "add_pending", full_disk)
    with pytest.raises(OutcomeUnknown):
        desk.deposit(account)
    desk.ledger.responds = True
    monkeypatch.undo()
    desk.projection.catch_up()
    assert desk.summed(account) == 100


def test_the_pending_transactions_of_a_long_outage_are_settled_by_one_resend(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_reachable = False
    outcomes = [desk.deposit(account) for _ in range(posting_logic.BATCH_SIZE + 10)]
    for outcome in outcomes[:3]:
        desk.make_old(outcome)
    desk.ledger.is_reachable = True
    assert desk.resend() == len(outcomes)
    assert desk.balance(account) == desk.summed(account) == 100 * (len(outcomes) - 3)


def test_a_posting_with_other_content_is_projected_as_it_was_decided(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    account = desk.open()
    desk.ledger.is_reachable = False
    outcome = desk.deposit(account)
    desk.ledger.is_reachable = True
    other = cast(OrderHeard, {**to_order(outcome.transaction), "amount_minor": 999})
    with desk.account_app.app_context():
        ledger_logic.post(desk.ledger.storage, [other])
    desk.resend()
    assert "other content" in caplog.text
    found = desk.find(outcome.transaction.id)
    assert found
    assert (found.status, found.amount_minor) == ("completed", 999)
    assert desk.balance(account) == desk.summed(account) == 999
