"""The ledger: decided once, exact, never negative, and the same under forty threads."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import update

from account_service import account_logic, ledger_logic
from account_service.account_models import SUSPENSE_ACCOUNT_ID, Account, Posting, db
from account_service.account_schemas import NewAccount, StatusChange
from account_service.account_storage import AccountStorage
from account_service.ledger_schemas import Decision, Order
from account_service.ledger_storage import LedgerStorage
from shared.core import clock
from shared.core.errors import AppError
from shared.web.access import Caller
from tests.support.desk import money_made
from tests.support.suite import Suite

OWNER, STRANGER = uuid4(), uuid4()
Posted = SimpleNamespace
"""A posting as others read it: the fields of its order and of its result."""


class Bank:
    """The account service's rules on a real database, without the network."""

    def __init__(self, app: Flask) -> None:
        self.accounts: AccountStorage = app.extensions["tools"].accounts
        self.ledger: LedgerStorage = app.extensions["tools"].ledger
        self.app = app
        self.is_sqlite = db.writer.dialect.name == "sqlite"

    def open(self, owner: UUID = OWNER, balance_minor: int = 0) -> Account:
        account = account_logic.open_account(self.accounts, owner, NewAccount(account_type="checking"))
        if balance_minor:
            assert self.post(order(to=account, amount=balance_minor, user=owner)).outcome == "posted"
        return account

    def post(self, *orders: Order) -> Posted:
        return self.post_all(*orders)[0]

    def post_all(self, *orders: Order) -> list[Posted]:
        return [posting for _verdict, posting in self.decide(*orders)]

    def decide(self, *orders: Order) -> list[tuple[str, Posted]]:
        """What is said to each order, and its posting."""
        return _heard(orders, ledger_logic.post(self.ledger, list(orders)))

    def void(self, order: Order) -> Posted:
        return _heard([order], ledger_logic.void(self.ledger, [order]))[0][1]

    def last_sequence(self) -> int:
        return max((posting.sequence for posting in self.postings()), default=0)

    def postings(self, after: int = 0) -> list[Posted]:
        """All that the feed tells, read page by page."""
        found: list[Posted] = []
        while page := ledger_logic.list_after(self.ledger, found[-1].sequence if found else after, 20):
            found += [Posted(**{**posting["order"], **posting["result"]}) for posting in page]
        return found

    def balance(self, account: Account) -> int:
        self.accounts.refresh()
        found = self.accounts.find_account(account.id)
        assert found is not None
        assert found.balance_minor == self.ledger.sum_of_entries(account.id.hex)
        return found.balance_minor


def _heard(orders: Sequence[Order], decisions: list[Decision]) -> list[tuple[str, Posted]]:
    return [
        (decision["verdict"], Posted(**{**(decision["order"] or order), **decision["result"]}))
        for order, decision in zip(orders, decisions, strict=True)
    ]


def order(
    *,
    source: Account | None = None,
    to: Account | None = None,
    amount: int = 100,
    user: UUID = OWNER,
    reverses: str | None = None,
    key: str | None = None,
    **more: Any,
) -> Order:
    content: dict[str, Any] = {
        "transaction_type": "reversal" if reverses else "transfer",
        "user_id": user.hex,
        "amount_minor": amount,
        "from_account_id": source.id.hex if source else None,
        "to_account_id": to.id.hex if to else None,
        "to_account_number": None,
        "reverses_id": reverses,
        "description": None,
        "request_id": None,
        **more,
    }
    fingerprint = sha256(repr(sorted(content.items())).encode()).hexdigest()
    mark = {"transaction_id": uuid4().hex, "fingerprint": fingerprint, "idempotency_key": key}
    return cast(Order, {**content, **mark, "requested_at": clock.now()})


def with_changes(order: Order, **changes: Any) -> Order:
    return cast(Order, {**order, **changes})


def caller(user_id: UUID = OWNER) -> Caller:
    return Caller(user_id, "somebody", "customer", uuid4(), "")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Flask]:
    suite = Suite(tmp_path_factory.mktemp("ledger"), names=("account",), database=database)
    yield suite.apps["account"]
    suite.stop()


@pytest.fixture
def bank(app: Flask) -> Iterator[Bank]:
    with app.app_context():
        bank = Bank(app)
        yield bank
        bank.accounts.refresh()
        assert money_made(bank.ledger) == 0


def test_a_transfer_moves_exactly_its_amount(bank: Bank) -> None:
    source, target = bank.open(balance_minor=10_000), bank.open(STRANGER)
    posting = bank.post(order(source=source, to=target, amount=2_500))
    assert (posting.outcome, posting.amount_minor) == ("posted", 2_500)
    assert (posting.from_account_id, posting.from_user_id) == (source.id.hex, OWNER.hex)
    assert (posting.to_account_id, posting.to_user_id) == (target.id.hex, STRANGER.hex)
    assert (posting.from_balance_after_minor, posting.to_balance_after_minor) == (7_500, 2_500)
    assert posting.to_masked_number == f"••••{target.account_number[-4:]}"
    assert (bank.balance(source), bank.balance(target)) == (7_500, 2_500)


def test_the_same_order_again_gets_the_first_decision_and_moves_nothing(bank: Bank) -> None:
    account = bank.open()
    deposit = order(to=account)
    first, in_the_same_batch, again = *bank.decide(deposit, deposit), *bank.decide(deposit)
    assert [first[0], in_the_same_batch[0], again[0]] == ["decided", "repeated", "repeated"]
    assert first[1] == in_the_same_batch[1] == again[1]
    assert bank.balance(account) == 100


def test_a_rejection_is_remembered_though_it_would_succeed_now(bank: Bank) -> None:
    account = bank.open()
    withdrawal = order(source=account)
    assert bank.post(withdrawal).reason == "INSUFFICIENT_FUNDS"
    bank.post(order(to=account, amount=500))
    assert bank.post(withdrawal).reason == "INSUFFICIENT_FUNDS"
    assert bank.balance(account) == 500


def test_the_same_id_with_other_content_is_refused_and_the_decision_stands(bank: Bank) -> None:
    account = bank.open()
    deposit = order(to=account)
    bank.post(deposit)
    for changes in ({"amount_minor": 999}, {"fingerprint": "other"}, {"user_id": STRANGER.hex}):
        ((verdict, posting),) = bank.decide(with_changes(deposit, **changes))
        assert (verdict, posting.amount_minor) == ("conflicting", 100)
    assert bank.post(deposit).outcome == "posted"
    assert bank.balance(account) == 100


def test_a_key_belongs_to_what_was_first_ordered_by_it_whatever_the_id(bank: Bank) -> None:
    account = bank.open()
    first, again, other = (order(to=account, amount=amount, key="k") for amount in (100, 100, 200))
    decisions = bank.decide(first, again) + bank.decide(again) + bank.decide(other)
    assert [verdict for verdict, _posting in decisions] == ["decided", "repeated", "repeated", "conflicting"]
    assert {posting.transaction_id for _verdict, posting in decisions} == {first["transaction_id"]}
    assert bank.balance(account) == 100
    anothers = order(to=bank.open(STRANGER), user=STRANGER, key="k")
    assert bank.decide(anothers)[0][0] == "decided"


def test_a_conflicting_order_is_answered_with_both_owners_of_the_posting_that_stands(bank: Bank) -> None:
    source, target, other = bank.open(balance_minor=100), bank.open(STRANGER), bank.open()
    first = bank.post(order(source=source, to=target, key="stands"))
    assert bank.decide(order(to=other, key="stands")) == [("conflicting", first)]


def test_a_key_is_kept_by_a_rejection_and_by_a_void(bank: Bank) -> None:
    account = bank.open()
    refused, given_up = order(source=account, key="refused"), order(to=account, key="given up")
    assert bank.post(refused).reason == "INSUFFICIENT_FUNDS"
    bank.void(given_up)
    bank.post(order(to=account, amount=500))
    again = [with_changes(one, transaction_id=uuid4().hex) for one in (refused, given_up)]
    assert [posting.outcome for posting in bank.post_all(*again)] == ["rejected", "void"]
    assert bank.balance(account) == 500


def test_one_key_at_once_is_decided_once(bank: Bank) -> None:
    accounts = [bank.open() for _ in range(8)]
    orders = [order(to=account, key=f"at once {uuid4()}") for account in accounts[:1]] * 8
    orders = [with_changes(one, transaction_id=uuid4().hex) for one in orders]
    told = in_parallel(bank, *[lambda one=one: bank.post(one).transaction_id for one in orders])
    assert len(set(told)) == 1
    assert bank.balance(accounts[0]) == 100


def test_the_feed_tells_all_that_was_decided_in_order_and_as_it_was_told(bank: Bank) -> None:
    source, target = bank.open(balance_minor=100), bank.open(STRANGER)
    last = bank.last_sequence()
    transfer = order(source=source, to=target, key="feed", description="rent", request_id="r-1")
    by_number = order(source=source, to_account_number=target.account_number)
    told = bank.post_all(transfer, by_number, order(to=source, to_account_number=None, amount=7))
    told.append(bank.void(order(to=target, user=STRANGER)))
    told.append(bank.post(order(source=target, to=source, user=uuid4(), reverses=transfer["transaction_id"])))
    told.append(bank.post(order(source=target, to=source, user=uuid4(), reverses=transfer["transaction_id"])))
    assert bank.postings(last) == told
    assert [posting.outcome for posting in told] == ["posted", "rejected", "posted", "void", "posted", "rejected"]
    assert [posting.sequence for posting in told] == sorted(posting.sequence for posting in told)
    assert (told[0].description, told[0].idempotency_key, told[0].request_id) == ("rent", "feed", "r-1")
    assert told[0].requested_at == transfer["requested_at"]
    assert (told[1].to_user_id, told[1].to_masked_number) == (None, f"••••{target.account_number[-4:]}")
    assert (told[5].from_user_id, told[5].to_user_id) == (STRANGER.hex, OWNER.hex)


def test_the_feed_waits_for_what_is_being_written(bank: Bank) -> None:
    """A sequence that is given out and not committed must not be passed over."""
    account, other = bank.open(), bank.open(STRANGER)
    last, is_open, may_end = bank.last_sequence(), threading.Event(), threading.Event()

    def post_slowly() -> str:
        set_balances = bank.ledger.set_balances

        def slow(accounts: Any) -> None:
            is_open.set()
            may_end.wait(5)
            set_balances(accounts)

        bank.ledger.set_balances = slow  # type: ignore[method-assign]  # this one commits late
        return str(bank.post(order(to=account)).outcome)

    def post_meanwhile_and_read() -> list[int | None]:
        is_open.wait(5)
        del bank.ledger.set_balances
        if bank.is_sqlite:  # where nobody else can write meanwhile
            may_end.set()
        bank.post(order(to=other, user=STRANGER, amount=2))
        threading.Timer(0.2, may_end.set).start()
        return [posting.amount_minor for posting in bank.postings(last)]

    slowly, read = in_parallel(bank, post_slowly, post_meanwhile_and_read)
    assert (slowly, read) == ("posted", [100, 2])


def test_what_was_decided_before_orders_were_kept_gets_its_order_once(bank: Bank) -> None:
    account = bank.open()
    deposit = order(to=account, key="old", description="first")
    bank.post(deposit)
    with bank.ledger.transaction():
        old = update(Posting).where(Posting.transaction_id == deposit["transaction_id"])
        db.session.execute(old.values(fingerprint="", idempotency_key=None, description=None))
    assert ledger_logic.describe(bank.ledger, [deposit, order(to=account)]) == 1
    assert ledger_logic.describe(bank.ledger, [with_changes(deposit, description="second")]) == 0
    assert bank.postings()[-1].description == "first"
    again = with_changes(deposit, transaction_id=uuid4().hex)
    assert bank.decide(again)[0][0] == "repeated"


def test_a_void_keeps_a_late_order_out_for_ever(bank: Bank) -> None:
    account = bank.open()
    deposit = order(to=account)
    assert bank.void(deposit).outcome == "void"
    assert bank.post(deposit).outcome == "void"
    assert bank.balance(account) == 0


def test_a_void_that_comes_too_late_answers_what_was_decided(bank: Bank) -> None:
    account = bank.open()
    deposit = order(to=account)
    posted = bank.post(deposit)
    assert bank.void(deposit) == posted
    assert bank.balance(account) == 100


def test_each_order_of_a_batch_succeeds_or_fails_alone(bank: Bank) -> None:
    account, other = bank.open(balance_minor=100), bank.open(STRANGER)
    decisions = bank.post_all(
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
    assert (bank.balance(account), bank.balance(other)) == (0, 40)


def test_a_payee_is_found_by_number(bank: Bank) -> None:
    source, target = bank.open(balance_minor=100), bank.open(STRANGER)
    by_number = order(source=source, to_account_number=target.account_number)
    assert bank.post(by_number).outcome == "posted"
    unknown = with_changes(by_number, transaction_id=uuid4().hex, to_account_number="0000000000")
    assert bank.post(unknown).reason == "PAYEE_NOT_FOUND"
    assert bank.balance(target) == 100


@pytest.mark.parametrize("status", ["frozen", "closed"])
def test_no_money_moves_in_or_out_of_an_account_that_is_not_active(bank: Bank, status: str) -> None:
    account, other = bank.open(), bank.open(balance_minor=100)
    with bank.accounts.transaction():
        found = bank.accounts.find_account_to_change(account.id)
        assert found is not None
        found.status = status
    reasons = [
        bank.post(order(to=account)).reason,
        bank.post(order(source=account)).reason,
        bank.post(order(source=other, to=account)).reason,
    ]
    assert reasons == ["ACCOUNT_NOT_ACTIVE", "ACCOUNT_NOT_ACTIVE", "PAYEE_NOT_ACTIVE"]
    assert bank.balance(other) == 100


def test_a_transaction_is_reversed_once(bank: Bank) -> None:
    source, target = bank.open(balance_minor=100), bank.open(STRANGER)
    transfer = order(source=source, to=target)
    bank.post(transfer)
    back = [order(source=target, to=source, user=uuid4(), reverses=transfer["transaction_id"]) for _ in range(3)]
    outcomes = [decision.reason for decision in bank.post_all(*back[:2])] + [bank.post(back[2]).reason]
    assert outcomes == [None, "ALREADY_REVERSED", "ALREADY_REVERSED"]
    assert (bank.balance(source), bank.balance(target)) == (100, 0)


def suspense(*, source: Account | None = None, to: Account | None = None, reverses: str | None = None) -> Order:
    """An order with the suspense account on the side that has no account."""
    return order(
        reverses=reverses,
        from_account_id=source.id.hex if source else SUSPENSE_ACCOUNT_ID if to else None,
        to_account_id=to.id.hex if to else SUSPENSE_ACCOUNT_ID,
    )


@pytest.mark.parametrize("kind", ["transfer", "withdrawal"])
def test_a_reversal_can_leave_its_money_in_suspense_and_be_paid_out_once(bank: Bank, kind: str) -> None:
    source, target, other = bank.open(balance_minor=100), bank.open(STRANGER), bank.open()
    before = bank.ledger.sum_of_entries(SUSPENSE_ACCOUNT_ID)
    original = order(source=source, to=target if kind == "transfer" else None)
    bank.post(original)
    account_logic.close(bank.accounts, caller(), source.id)
    giver = target if kind == "transfer" else None
    assert bank.post(order(source=giver, to=source, reverses=original["transaction_id"])).outcome == "rejected"
    held = suspense(source=giver, reverses=original["transaction_id"])
    decision = bank.post(held)
    assert (decision.outcome, decision.to_account_id, decision.to_user_id) == ("posted", SUSPENSE_ACCOUNT_ID, None)
    assert bank.post(held) == decision
    assert bank.post(suspense(source=giver, reverses=original["transaction_id"])).reason == "ALREADY_REVERSED"
    assert bank.ledger.sum_of_entries(SUSPENSE_ACCOUNT_ID) == before + 100
    paid_out = bank.post(*(suspense(to=other, reverses=held["transaction_id"]) for _ in range(2)))
    assert paid_out.outcome == "posted"
    assert (paid_out.to_account_id, paid_out.to_balance_after_minor) == (other.id.hex, 100)
    assert (bank.balance(other), bank.balance(target)) == (100, 0)
    assert bank.ledger.sum_of_entries(SUSPENSE_ACCOUNT_ID) == before


def test_only_a_reversal_reaches_the_suspense_account(bank: Bank) -> None:
    account = bank.open(balance_minor=500)
    assert bank.post(suspense(source=account)).reason == "PAYEE_NOT_FOUND"
    assert bank.post(suspense(to=account)).reason == "ACCOUNT_NOT_FOUND"
    assert bank.post(suspense()).reason == "ACCOUNT_NOT_FOUND"
    assert bank.balance(account) == 500


def test_a_reversal_that_fails_can_be_tried_again(bank: Bank) -> None:
    source, target = bank.open(balance_minor=100), bank.open(STRANGER)
    transfer = order(source=source, to=target)
    bank.post(transfer)
    bank.post(order(source=target, user=STRANGER))
    assert (
        bank.post(order(source=target, to=source, reverses=transfer["transaction_id"])).reason == "INSUFFICIENT_FUNDS"
    )
    bank.post(order(to=target, user=STRANGER))
    assert bank.post(order(source=target, to=source, reverses=transfer["transaction_id"])).outcome == "posted"


def test_booking_times_never_run_backwards(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    account = bank.open(balance_minor=100)
    first = bank.post(order(to=account)).decided_at
    yesterday = clock.now() - timedelta(days=1)
    monkeypatch.setattr(ledger_logic, "now", lambda: yesterday)
    assert bank.post(order(to=account)).decided_at >= first


def in_parallel(bank: Bank, *tasks: object) -> list[object]:
    """Run the tasks at once, each in a thread of its own; an AppError is a result."""
    barrier = threading.Barrier(len(tasks))

    def run(task: object) -> object:
        with bank.app.app_context():
            barrier.wait()
            try:
                return task()  # type: ignore[operator]  # lambdas with defaults have no type
            except AppError as error:
                return error.code

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def test_forty_withdrawals_of_1_00_from_10_00_ten_succeed(bank: Bank) -> None:
    account = bank.open(balance_minor=1_000)
    outcomes = in_parallel(bank, *[lambda: bank.post(order(source=account, amount=100)).outcome] * 40)
    assert Counter(outcomes) == {"posted": 10, "rejected": 30}
    assert bank.balance(account) == 0


def test_closing_races_with_a_deposit_and_no_money_is_left_in_a_closed_account(bank: Bank) -> None:
    for _ in range(20):
        account = bank.open()
        closing, deposit = in_parallel(
            bank,
            lambda account=account: account_logic.close(bank.accounts, caller(), account.id).status,
            lambda account=account: bank.post(order(to=account)).outcome,
        )
        assert (closing, deposit) in {("closed", "rejected"), ("NON_ZERO_BALANCE", "posted")}


def test_freezing_races_with_a_withdrawal_and_one_of_them_is_first(bank: Bank) -> None:
    freeze = StatusChange(status="frozen", reason="suspicious")
    for _ in range(20):
        account = bank.open(balance_minor=100)
        _, outcome = in_parallel(
            bank,
            lambda account=account: account_logic.change_status(bank.accounts, caller(), account.id, freeze).status,
            lambda account=account: bank.post(order(source=account)).outcome,
        )
        assert bank.balance(account) == (0 if outcome == "posted" else 100)


def test_a_void_races_with_its_order_and_both_hear_the_same(bank: Bank) -> None:
    account = bank.open()
    for _ in range(20):
        deposit = order(to=account, amount=1)
        voided, posted = in_parallel(
            bank,
            lambda deposit=deposit: bank.void(deposit).outcome,
            lambda deposit=deposit: bank.post(deposit).outcome,
        )
        assert voided == posted


class LedgerAgainstAModel(RuleBasedStateMachine):
    """Whatever is ordered, in whatever batches and however often: the ledger agrees with a plain dictionary."""

    bank: Bank

    @initialize(balances=st.lists(st.integers(0, 300), min_size=3, max_size=3))
    def open_accounts(self, balances: list[int]) -> None:
        self.accounts = [self.bank.open(balance_minor=balance) for balance in balances]
        self.model = dict(enumerate(balances))
        self.known: list[tuple[Order, str]] = []
        self.since = self.bank.last_sequence()

    sides = st.one_of(st.none(), st.integers(0, 2))

    @rule(moves=st.lists(st.tuples(sides, sides, st.integers(1, 200)), min_size=1, max_size=4))
    def post_a_batch(self, moves: list[tuple[int | None, int | None, int]]) -> None:
        orders, expected = [], []
        for source, target, amount in moves:
            if source is None and target is None:
                continue
            allowed = source != target and (source is None or self.model[source] >= amount)
            if allowed and source is not None:
                self.model[source] -= amount
            if allowed and target is not None:
                self.model[target] += amount
            from_account = None if source is None else self.accounts[source]
            to_account = None if target is None else self.accounts[target]
            orders.append(order(source=from_account, to=to_account, amount=amount, key=str(uuid4())))
            expected.append("posted" if allowed else "rejected")
        if orders:
            assert [decision.outcome for decision in self.bank.post_all(*orders)] == expected
            self.known += zip(orders, expected, strict=True)

    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        if self.known:
            earlier, outcome = data.draw(st.sampled_from(self.known))
            again = with_changes(earlier, **({"transaction_id": uuid4().hex} if data.draw(st.booleans()) else {}))
            verdict, posting = self.bank.decide(again)[0]
            assert (verdict, posting.outcome) == ("repeated", outcome)
            assert posting.transaction_id == earlier["transaction_id"]

    @rule()
    def void_and_post_late(self) -> None:
        late = order(to=self.accounts[0], key=str(uuid4()))
        self.bank.void(late)
        self.known.append((late, "void"))

    @rule()
    def read_all(self) -> None:
        """The feed has each order once, as it was decided, and nothing else of these accounts."""
        theirs = {account.id.hex for account in self.accounts}
        told = {
            posting.transaction_id: posting.outcome
            for posting in self.bank.postings(self.since)
            if posting.idempotency_key and {posting.from_account_id, posting.to_account_id} & theirs
        }
        assert told == {known["transaction_id"]: outcome for known, outcome in self.known}

    @invariant()
    def balances_agree(self) -> None:
        if hasattr(self, "accounts"):
            assert {place: self.bank.balance(account) for place, account in enumerate(self.accounts)} == self.model


def test_the_ledger_agrees_with_a_plain_model(bank: Bank) -> None:
    LedgerAgainstAModel.bank = bank
    machine = LedgerAgainstAModel
    machine.TestCase.settings = settings(
        max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case = machine.TestCase()
    case.runTest()
