"""The posting protocol: a crash between any two of its steps, an answer that is lost, a request that comes twice."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import update

from account_service import account_logic, ledger_logic
from account_service.account_models import Account
from account_service.account_schemas import NewAccount
from account_service.account_storage import AccountStorage
from account_service.ledger_schemas import Decision as LedgerDecision
from account_service.ledger_schemas import PostingOrder
from account_service.ledger_storage import LedgerStorage
from shared.access import Caller
from shared.batching import Batcher
from shared.errors import ServiceUnavailable
from shared.http_client import NoAnswer
from shared.money import Currency
from shared.periods import now
from tests.suite import Suite
from transaction_service import posting_logic, transaction_logic
from transaction_service.posting_logic import VOID_AFTER, IdempotencyKeyReused, Outcome, PostingPipeline
from transaction_service.transaction_clients import Decision, LedgerClient, Order
from transaction_service.transaction_logic import Origin
from transaction_service.transaction_models import Transaction, TransactionRow, db
from transaction_service.transaction_schemas import OwnMovement
from transaction_service.transaction_storage import TransactionStorage

OWNER = uuid4()
CALLER = Caller(OWNER, "owner", "customer", uuid4(), "")
USD = Currency.of("USD")


class Crash(BaseException):
    """The process dies here: nothing after this line of it happens."""


class Ledger(LedgerClient):
    """The real ledger, over a line that can be cut before it hears or before it is heard."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.storage: LedgerStorage = app.extensions["ledger_storage"]
        self.hears = self.is_heard = True

    def post(self, orders: list[Order]) -> list[Decision]:
        asked = [PostingOrder.model_validate(order) for order in orders]
        return [self._answer(decision) for decision in self._call(lambda: ledger_logic.post(self.storage, asked))]

    def void(self, transaction_ids: list[UUID], request_ids: list[str]) -> list[Decision]:
        return [
            self._answer(row)
            for row in self._call(lambda: ledger_logic.void(self.storage, transaction_ids, request_ids))
        ]

    def _call(self, function: Callable[[], list[LedgerDecision]]) -> list[LedgerDecision]:
        if not self.hears:
            raise NoAnswer(may_have_arrived=False)
        with self._app.app_context():
            result = function()
        if not self.is_heard:
            raise NoAnswer(may_have_arrived=True)
        return result

    def _answer(self, decision: object) -> Decision:
        return Decision.model_validate(decision, from_attributes=True)


class Desk:
    """Both services' rules, with the wire between them in the test's hands."""

    def __init__(self, suite: Suite) -> None:
        self.app = suite.apps["transaction"]
        self.account_app = suite.apps["account"]
        self.storage: TransactionStorage = self.app.extensions["transaction_storage"]
        self.ledger = Ledger(self.account_app)
        self._accounts: AccountStorage = self.account_app.extensions["account_storage"]

    def open(self) -> Account:
        with self.account_app.app_context():
            return account_logic.open_account(self._accounts, OWNER, NewAccount(account_type="checking"))

    def balance(self, account: Account) -> int:
        with self.account_app.app_context():
            found = self._accounts.find_account(account.id)
            assert found is not None
            return found.balance_minor

    def deposit(self, account: Account, key: str | None = None, amount: str = "1.00") -> Outcome | Exception:
        """One deposit through the protocol, without the pipeline's threads."""
        new = OwnMovement(account_id=account.id, amount=Decimal(amount))
        transaction = transaction_logic.deposit(USD, CALLER, new, Origin(key))
        (outcome,) = posting_logic.process(self.storage, self.ledger, [transaction])
        return outcome

    def status(self, outcome: Outcome | Exception) -> str:
        assert isinstance(outcome, Outcome)
        self.storage.refresh()
        found = self.storage.find_transaction(outcome.transaction.id)
        assert found is not None
        return found.status

    def recover(self) -> int:
        return posting_logic.recover(self.storage, self.ledger)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Suite]:
    data_dir: Path = tmp_path_factory.mktemp("posting")
    suite = Suite(data_dir, names=("account", "transaction"), database=database)
    yield suite
    suite.stop()


@pytest.fixture
def desk(both: Suite) -> Iterator[Desk]:
    with both.apps["transaction"].app_context():
        desk = Desk(both)
        yield desk
        desk.ledger.hears = desk.ledger.is_heard = True
        desk.recover()


def make_old(desk: Desk, outcome: Outcome | Exception) -> None:
    """Let time pass over a pending transaction."""
    assert isinstance(outcome, Outcome)
    long_ago = now() - VOID_AFTER - timedelta(seconds=1)
    with desk.storage.transaction():
        this_one = update(TransactionRow).where(TransactionRow.id == outcome.transaction.id)
        db.session.execute(this_one.values(created_at=long_ago, lease_until=None))


def test_a_deposit_is_completed_and_booked(desk: Desk) -> None:
    account = desk.open()
    outcome = desk.deposit(account)
    assert desk.status(outcome) == "completed"
    assert desk.balance(account) == 100


def test_a_ledger_that_does_not_hear_leaves_it_pending_and_recovery_completes_it(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.hears = False
    outcome = desk.deposit(account)
    assert desk.status(outcome) == "pending"
    assert desk.recover() == 0
    assert desk.status(outcome) == "pending"
    desk.ledger.hears = True
    assert desk.recover() == 1
    assert desk.status(outcome) == "completed"
    assert desk.balance(account) == 100


def test_a_lost_answer_leaves_it_pending_and_recovery_moves_nothing_twice(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_heard = False
    outcome = desk.deposit(account)
    assert desk.status(outcome) == "pending"
    assert desk.balance(account) == 100
    desk.ledger.is_heard = True
    desk.recover()
    assert desk.status(outcome) == "completed"
    assert desk.balance(account) == 100


def test_an_old_one_that_never_arrived_is_given_up_for_good(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.hears = False
    outcome = desk.deposit(account)
    make_old(desk, outcome)
    desk.ledger.hears = True
    desk.recover()
    assert desk.status(outcome) == "failed"
    assert isinstance(outcome, Outcome)
    late = [PostingOrder.model_validate(posting_logic._order(outcome.transaction))]
    with desk.account_app.app_context():
        assert ledger_logic.post(desk.ledger.storage, late)[0].outcome == "void"
    assert desk.balance(account) == 0


def test_an_old_one_that_was_posted_is_completed_not_given_up(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_heard = False
    outcome = desk.deposit(account)
    make_old(desk, outcome)
    desk.ledger.is_heard = True
    desk.recover()
    assert desk.status(outcome) == "completed"
    assert desk.balance(account) == 100


@pytest.mark.parametrize("step", ["claim", "_decisions", "settle"])
def test_a_crash_before_or_after_any_step_loses_and_doubles_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    for moment in ("before", "after"):
        account = desk.open()
        original = getattr(posting_logic, step)

        def dies(*args: object, moment: str = moment, original: Callable[..., object] = original) -> None:
            if moment == "after":
                original(*args)
            raise Crash

        with monkeypatch.context() as patch:
            patch.setattr(posting_logic, step, dies)
            with pytest.raises(Crash):
                desk.deposit(account, key=f"{step}-{moment}-{account.id}")
        existed = not (step == "claim" and moment == "before")
        with desk.storage.transaction():  # the lease of the dead process runs out
            for row in desk.storage.take_pending(now=now() + timedelta(hours=1), lease_until=now(), limit=9):
                row.lease_until = None
        assert desk.recover() == (1 if existed and not (step == "settle" and moment == "after") else 0)
        assert desk.balance(account) == (100 if existed else 0)
        again = desk.deposit(account, key=f"{step}-{moment}-{account.id}")
        assert desk.status(again) == "completed"
        assert desk.balance(account) == 100


def test_nothing_is_sent_again_while_somebody_is_at_work_on_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    account = desk.open()

    def dies(*_args: object) -> None:
        raise Crash

    monkeypatch.setattr(posting_logic, "_decisions", dies)
    with pytest.raises(Crash):
        desk.deposit(account)
    monkeypatch.undo()
    assert desk.recover() == 0


def test_a_lease_given_before_the_clock_was_set_back_counts_as_over(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.hears = False
    outcome = desk.deposit(account)
    assert isinstance(outcome, Outcome)
    with desk.storage.transaction():
        found = desk.storage.find_transaction(outcome.transaction.id)
        assert found is not None
        found.lease_until = now() + timedelta(hours=1)
    desk.ledger.hears = True
    assert desk.recover() == 1
    assert desk.status(outcome) == "completed"


def test_the_same_key_gives_the_same_transaction(desk: Desk) -> None:
    account = desk.open()
    first, again = desk.deposit(account, key="k"), desk.deposit(account, key="k")
    assert isinstance(first, Outcome)
    assert isinstance(again, Outcome)
    assert again.transaction.id == first.transaction.id
    assert (first.replayed, again.replayed) == (False, True)
    assert desk.balance(account) == 100


def test_the_same_key_for_something_else_is_refused(desk: Desk) -> None:
    account = desk.open()
    desk.deposit(account, key="one")
    assert isinstance(desk.deposit(account, key="one", amount="2.00"), IdempotencyKeyReused)
    assert desk.balance(account) == 100


def test_the_same_key_at_once_has_one_effect_and_all_hear_of_it(desk: Desk) -> None:
    account = desk.open()

    def process(batch: list[Transaction]) -> list[Outcome | Exception]:
        with desk.app.app_context():
            return posting_logic.process(desk.storage, desk.ledger, batch)

    batches = Batcher(process, name="posting", max_size=2)
    batches.start()
    pipeline = PostingPipeline(desk.storage, process, batches)
    new = OwnMovement(account_id=account.id, amount=Decimal("1.00"))

    def ask(_number: int) -> tuple[UUID, str]:
        with desk.app.app_context():
            outcome = pipeline.carry_out(transaction_logic.deposit(USD, CALLER, new, Origin("at once")))
            return outcome.transaction.id, outcome.transaction.status

    with ThreadPoolExecutor(12) as pool:
        answers = set(pool.map(ask, range(12)))
    batches.stop()
    assert len(answers) == 1
    assert {status for _, status in answers} == {"completed"}
    assert desk.balance(account) == 100


def test_when_gathered_requests_can_not_be_begun_each_hears_why() -> None:
    def process(_batch: list[Transaction]) -> list[Outcome | Exception]:
        raise ServiceUnavailable

    pipeline = PostingPipeline(TransactionStorage(db), process, Batcher(process, name="posting"))
    new = OwnMovement(account_id=uuid4(), amount=Decimal("1.00"))
    asked = [transaction_logic.deposit(USD, CALLER, new, Origin()) for _ in range(2)]
    assert [type(outcome) for outcome in pipeline.carry_out_all(asked)] == [ServiceUnavailable] * 2


def test_nothing_gathered_is_nothing_to_carry_out() -> None:
    def process(_batch: list[Transaction]) -> list[Outcome | Exception]:
        raise AssertionError

    pipeline = PostingPipeline(TransactionStorage(db), process, Batcher(process, name="posting"))
    assert pipeline.carry_out_all([]) == []


def test_a_result_that_can_not_be_written_is_pending_not_a_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    account = desk.open()

    def full_disk(*_args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(desk.storage, "settle", full_disk)
    outcome = desk.deposit(account)
    monkeypatch.undo()
    assert isinstance(outcome, Outcome)
    assert outcome.transaction.status == "pending"
    make_old(desk, outcome)
    desk.recover()
    assert desk.status(outcome) == "completed"
    assert desk.balance(account) == 100


def test_a_long_outage_is_settled_in_one_go(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.hears = False
    outcomes = [desk.deposit(account) for _ in range(posting_logic.BATCH_SIZE + 10)]
    for outcome in outcomes[:3]:
        make_old(desk, outcome)
    desk.ledger.hears = True
    assert desk.recover() == len(outcomes)
    assert desk.balance(account) == 100 * (len(outcomes) - 3)


def test_a_decision_on_other_content_is_left_for_a_person(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    account = desk.open()
    desk.ledger.hears = False
    outcome = desk.deposit(account)
    assert isinstance(outcome, Outcome)
    other = PostingOrder.model_validate({**posting_logic._order(outcome.transaction), "amount_minor": 999})
    with desk.account_app.app_context():
        ledger_logic.post(desk.ledger.storage, [other])
    desk.ledger.hears = True
    assert desk.recover() == 0
    assert desk.status(outcome) == "pending"
    assert "other content" in caplog.text
    with desk.storage.transaction():  # so that the tests after this one find nothing pending
        desk.storage.settle([replace_status(outcome.transaction)])


def replace_status(transaction: Transaction) -> Transaction:
    transaction.status = "failed"
    return transaction
