"""The posting protocol: a crash between any two of its steps, an answer that is lost, a request that comes twice."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast
from uuid import uuid4

import pytest

from account_service import ledger_logic
from account_service.ledger_schemas import Order as OrderHeard
from shared.core.errors import OutcomeUnknown, ServiceUnavailable
from tests.support.desk import CALLER, USD, Crash, Desk, made_desk, origin
from transaction_service import posting_logic, transaction_logic
from transaction_service.posting_logic import IdempotencyKeyReused, Outcome
from transaction_service.projection_logic import Projection, to_order
from transaction_service.transaction_clients import LedgerClient
from transaction_service.transaction_schemas import NewTransfer
from transaction_service.transaction_storage import TransactionStorage


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Desk]:
    with made_desk(tmp_path_factory.mktemp("posting"), database) as desk:
        yield desk


@pytest.fixture
def desk(both: Desk) -> Iterator[Desk]:
    yield both
    both.ledger.hears = both.ledger.is_heard = True
    both.restart()
    both.resend()


def test_a_deposit_is_completed_and_booked(desk: Desk) -> None:
    account = desk.open()
    assert desk.status(desk.deposit(account)) == "completed"
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_decided_payment_is_never_pending_and_waits_for_no_disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    account, durably = desk.open(), []
    transaction = desk.storage.transaction

    def noted(*, durable: bool = True) -> object:
        durably.append(durable)
        return transaction(durable=durable)

    monkeypatch.setattr(desk.storage, "transaction", noted)
    desk.deposit(account)
    assert durably == [False]
    desk.ledger.hears = False
    desk.deposit(account)
    assert durably == [False, True]


def test_a_ledger_that_does_not_hear_leaves_it_pending_and_it_is_sent_again(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.hears = False
    outcome = desk.deposit(account)
    assert (desk.status(outcome), desk.resend()) == ("pending", 0)
    assert desk.status(outcome) == "pending"
    desk.ledger.hears = True
    assert desk.resend() == 1
    assert desk.status(outcome) == "completed"
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_lost_answer_leaves_it_pending_and_nothing_moves_twice(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_heard = False
    outcome = desk.deposit(account)
    assert (desk.status(outcome), desk.balance(account)) == ("pending", 100)
    desk.ledger.is_heard = True
    desk.resend()
    assert desk.status(outcome) == "completed"
    assert desk.balance(account) == desk.summed(account) == 100


def test_an_old_one_that_never_arrived_is_given_up_for_good(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.hears = False
    outcome = desk.deposit(account, key="given up")
    desk.make_old(outcome)
    desk.ledger.hears = True
    desk.resend()
    assert desk.status(outcome) == "failed"
    late = desk.ledger.post([to_order(outcome.transaction)])
    assert late[0].posting.result["outcome"] == "void"
    again = desk.deposit(account, key="given up")
    assert (again.transaction.id, again.transaction.reason, again.replayed) == (outcome.transaction.id, "EXPIRED", True)
    assert desk.balance(account) == desk.summed(account) == 0


def test_an_old_one_that_was_posted_is_completed_not_given_up(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_heard = False
    outcome = desk.deposit(account)
    desk.make_old(outcome)
    desk.ledger.is_heard = True
    desk.resend()
    assert desk.status(outcome) == "completed"
    assert desk.balance(account) == desk.summed(account) == 100


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("owner", "step", "ledger_hears"),
    [
        (LedgerClient, "post", True),
        (Projection, "project", True),
        (TransactionStorage, "project", True),
        (posting_logic, "store_pending", False),
    ],
)
def test_a_crash_before_or_after_any_step_loses_and_doubles_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, owner: object, step: str, ledger_hears: bool, moment: str
) -> None:
    account, key = desk.open(), str(uuid4())
    original: Callable[..., object] = getattr(owner, step)

    def dies(*args: object) -> None:
        if moment == "after":
            original(*args)
        raise Crash

    desk.ledger.hears = ledger_hears
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, dies)
        with pytest.raises(Crash):
            desk.deposit(account, key)
    desk.ledger.hears = True
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


def test_a_refusal_is_given_again_though_it_would_succeed_now(desk: Desk) -> None:
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


def test_the_same_key_for_something_else_is_refused(desk: Desk) -> None:
    account = desk.open()
    desk.deposit(account, key="one")
    assert [type(one) for one in desk.carry_out(desk.order(account, "one", "2.00"))] == [IdempotencyKeyReused]
    desk.ledger.hears = False
    desk.deposit(account, key="two")
    for amount, key in (("2.00", "one"), ("2.00", "two")):
        assert [type(one) for one in desk.carry_out(desk.order(account, key, amount))] == [IdempotencyKeyReused]
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_silent_ledger_leaves_one_pending_transaction_for_each_key(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.hears = False
    same_batch = desk.carry_out(desk.order(account, "outage"), desk.order(account, "outage"))
    outcomes = [*same_batch, desk.deposit(account, "outage")]
    ids = {outcome.transaction.id for outcome in outcomes if isinstance(outcome, Outcome)}
    assert (len(outcomes), len(ids)) == (3, 1)
    desk.ledger.hears = True
    again = desk.deposit(account, "outage")
    assert (again.transaction.id, again.transaction.status, again.replayed) == (ids.pop(), "completed", True)
    assert desk.balance(account) == desk.summed(account) == 100


def test_what_is_known_is_told_again_while_the_ledger_is_silent(desk: Desk) -> None:
    account = desk.open()
    first = desk.deposit(account, key="known")
    desk.ledger.hears = False
    again = desk.deposit(account, key="known")
    assert (again.transaction, again.replayed) == (first.transaction, True)


def test_a_decision_that_was_projected_before_its_silence_is_noticed_is_told(desk: Desk) -> None:
    account = desk.open()
    order = desk.order(account)
    desk.ledger.post([order])
    desk.projection.catch_up()
    (kept,) = posting_logic.store_pending(desk.storage, [order])
    assert kept.status == "completed"
    assert desk.summed(account) == 100


def test_a_pending_transaction_whose_key_was_decided_under_another_id_is_found_by_both(desk: Desk) -> None:
    """Two instances were asked at once: one heard the ledger, the other has told its customer that it is pending."""
    account = desk.open()
    desk.ledger.hears = False
    told = desk.deposit(account, key="twice")
    desk.ledger.hears = True
    other = desk.order(account, "twice")
    desk.ledger.post([other])
    desk.projection.catch_up()
    assert desk.resend() == 1
    found = desk.find(told.transaction.id)
    assert found
    assert (found.id, found.status) == (other["transaction_id"], "completed")
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_pending_transaction_whose_key_was_used_for_something_else_fails(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.hears = False
    told = desk.deposit(account, key="taken")
    desk.ledger.hears = True
    desk.ledger.post([desk.order(account, "taken", "2.00")])
    desk.resend()
    found = desk.find(told.transaction.id)
    assert found
    assert (found.status, found.reason) == ("failed", "IDEMPOTENCY_KEY_REUSED")
    assert desk.balance(account) == desk.summed(account) == 200


def test_the_same_key_at_once_has_one_effect_and_all_hear_of_it(desk: Desk) -> None:
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


def test_when_orders_can_not_be_begun_each_hears_why(desk: Desk) -> None:
    account, desk.projection.works = desk.open(), False
    outcomes = desk.carry_out(desk.order(account), desk.order(account))
    assert [type(outcome) for outcome in outcomes] == [ServiceUnavailable] * 2


def test_no_orders_are_nothing_to_carry_out(desk: Desk) -> None:
    desk.projection.works = False
    assert desk.carry_out() == []


def full_disk(*_args: object) -> None:
    raise OSError("no space left on device")


def test_what_can_not_be_written_is_unknown_and_nothing_is_sent_until_it_can(
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


def test_silence_that_can_not_be_written_down_is_unknown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    account = desk.open()
    desk.ledger.is_heard = False
    monkeypatch.setattr(desk.storage, "add_pending", full_disk)
    with pytest.raises(OutcomeUnknown):
        desk.deposit(account)
    desk.ledger.is_heard = True
    monkeypatch.undo()
    desk.projection.catch_up()
    assert desk.summed(account) == 100


def test_a_long_outage_is_settled_in_one_go(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.hears = False
    outcomes = [desk.deposit(account) for _ in range(posting_logic.BATCH_SIZE + 10)]
    for outcome in outcomes[:3]:
        desk.make_old(outcome)
    desk.ledger.hears = True
    assert desk.resend() == len(outcomes)
    assert desk.balance(account) == desk.summed(account) == 100 * (len(outcomes) - 3)


def test_what_was_decided_with_other_content_is_told_as_it_was_decided(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    account = desk.open()
    desk.ledger.hears = False
    outcome = desk.deposit(account)
    desk.ledger.hears = True
    other = cast(OrderHeard, {**to_order(outcome.transaction), "amount_minor": 999})
    with desk.account_app.app_context():
        ledger_logic.post(desk.ledger.storage, [other])
    desk.resend()
    assert "other content" in caplog.text
    found = desk.find(outcome.transaction.id)
    assert found
    assert (found.status, found.amount_minor) == ("completed", 999)
    assert desk.balance(account) == desk.summed(account) == 999
