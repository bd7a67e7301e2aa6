"""The projection: after missed, repeated, late or lost postings it ends as the ledger has decided."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import delete, insert, select, update

from account_service.account_models import Posting
from account_service.account_models import db as account_db
from shared.core.errors import AppError
from tests.support.desk import Desk, open_desk
from transaction_service import projection_logic
from transaction_service.posting_logic import Outcome
from transaction_service.projection_logic import LedgerMismatch, Projection
from transaction_service.transaction_clients import Order
from transaction_service.transaction_models import IndexedLeg, NewLeg, Progress, TransactionLeg, db

TABLES = [table for table in reversed(db.metadata.sorted_tables) if table.name not in ("alembic_version", "currency")]
Content = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("projection"), database) as desk:
        yield desk


@pytest.fixture
def desk(both: Desk) -> Desk:
    both.ledger.is_reachable = both.ledger.responds = True
    both.restart()
    both.resend()
    return both


def content(desk: Desk) -> Content:
    """Return all rows of the transaction database, without progress and without the parts of the bank's sums.

    Legs are returned together, whether they are indexed or new.
    """
    desk.storage.refresh()
    found: Content = {}
    legs = IndexedLeg.__table__, NewLeg.__table__
    for table in (TransactionLeg.__table__, *(table for table in TABLES if table not in legs)):
        rows = [dict(row) for row in db.session.execute(select(table)).mappings()]
        if table.name == "bank_volume":
            rows = [row | {"part": None} for row in rows]
        if table.name != "progress":
            found[table.name] = sorted(rows, key=str)
    return found


def snapshot(desk: Desk) -> Content:
    """Return a backup of the transaction database."""
    desk.storage.refresh()
    return {table.name: [dict(row) for row in db.session.execute(select(table)).mappings()] for table in TABLES}


def restore(desk: Desk, backup: Content) -> None:
    """Restore a backup of the transaction database."""
    with desk.storage.transaction():
        for table in TABLES:
            db.session.execute(delete(table))
        for table in reversed(TABLES):
            if rows := backup[table.name]:
                db.session.execute(insert(table), rows)


def lose(desk: Desk) -> None:
    """Empty the transaction database."""
    empty: Content = {table.name: [] for table in TABLES}
    restore(desk, empty | {"progress": [{"id": 1, "sequence": 0, "transaction_id": None, "hands_over": False}]})


def to_nobody(order: Order) -> Order:
    return cast(Order, {**order, "to_account_id": uuid4().hex})


def sequence(desk: Desk) -> int:
    return desk.progress.find().sequence


def some_history(desk: Desk) -> None:
    account = desk.open()
    for amount in ("3.00", "4.00"):
        desk.deposit(account, key=str(uuid4()), amount=amount)
    desk.carry_out(to_nobody(desk.order(account)))  # rejected
    desk.ledger.is_reachable = False
    given_up = desk.deposit(account)
    desk.ledger.is_reachable = True
    desk.make_old(given_up)
    desk.resend()


def test_a_lost_database_is_projected_again_from_the_ledger(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection_logic, "PAGE", 3)
    some_history(desk)
    before = content(desk)
    lose(desk)
    assert not any(content(desk).values())
    desk.projection.catch_up()
    assert content(desk) == before
    assert desk.ledger.list_after(sequence(desk), 1) == []


def test_a_restored_backup_gets_the_postings_decided_since(desk: Desk) -> None:
    some_history(desk)
    backup = snapshot(desk)
    account = desk.open()
    desk.deposit(account, key="since the backup")
    some_history(desk)
    before = content(desk)
    restore(desk, backup)
    desk.restart()
    assert content(desk) == before
    assert desk.deposit(account, key="since the backup").replayed
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_repeated_or_late_posting_has_one_effect(desk: Desk) -> None:
    last = sequence(desk)
    some_history(desk)
    before = content(desk)
    postings = desk.ledger.list_after(last, 100)
    lose(desk)
    for some in (postings[2:], postings[:3], postings, postings[1:2]):
        desk.projection.project(some)
    desk.projection.catch_up()
    assert content(desk) == before


def test_rejections_and_voids_count_in_no_sum(desk: Desk) -> None:
    account = desk.open()
    (outcome,) = desk.carry_out(to_nobody(desk.order(account)))
    assert isinstance(outcome, Outcome)
    assert (desk.status(outcome), desk.summed(account)) == ("failed", 0)
    statuses = select(TransactionLeg.status).where(TransactionLeg.transaction_id == outcome.transaction.id)
    assert list(db.session.scalars(statuses)) == ["failed"]


def test_progress_moves_over_contiguous_sequences_when_batches_are_written_out_of_order(desk: Desk) -> None:
    account, first = desk.open(), sequence(desk)
    decided = [desk.ledger.post([desk.order(account), desk.order(account)]) for _ in range(3)]
    reached = []
    for batch in (decided[1], decided[2], decided[0]):
        desk.projection.project(batch)
        reached.append(sequence(desk) - first)
    assert reached == [0, 0, 6]
    assert desk.progress.find().transaction_id == decided[2][1]["order"]["transaction_id"]
    desk.projection.project(desk.ledger.post([desk.order(account)]))
    assert sequence(desk) == first + 7


def test_a_posting_that_another_instance_did_not_project_is_not_skipped(desk: Desk) -> None:
    account = desk.open()
    missed = desk.ledger.post([desk.order(account)])  # by an instance that died before it projected this
    seen = desk.deposit(account)
    assert desk.status(seen) == "completed"
    assert sequence(desk) < missed[0]["result"]["sequence"]
    desk.projection.catch_up()
    assert desk.balance(account) == desk.summed(account) == 200


def test_concurrent_instances_count_each_posting_once(desk: Desk) -> None:
    account, begun_at = desk.open(), sequence(desk)
    for _ in range(40):
        desk.ledger.post([desk.order(account)])
    postings = desk.ledger.list_after(begun_at, 100)
    instances = [Projection(desk.storage, desk.progress, desk.ledger) for _ in range(4)]

    def work(number: int) -> None:
        with desk.app.app_context():
            for place in range(0, 40, 5):
                instances[number].project(postings[place : place + 5][:: 1 if number % 2 else -1])
            instances[number].catch_up()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert desk.balance(account) == desk.summed(account) == 4000
    assert sequence(desk) == postings[-1]["result"]["sequence"]


def test_a_ledger_that_is_older_than_the_projection_is_refused(desk: Desk) -> None:
    account = desk.open()
    for ending in ("is gone", "is another"):
        last = desk.deposit(account)
        with desk.account_app.app_context(), account_db.transaction():
            of_last = Posting.transaction_id == last.transaction.id
            (row,) = account_db.session.execute(select(Posting.__table__).where(of_last)).mappings()
            if ending == "is gone":
                account_db.session.execute(delete(Posting).where(of_last))
        if ending == "is another":
            with desk.storage.transaction():
                db.session.execute(update(Progress).values(transaction_id=uuid4().hex))
        with pytest.raises(LedgerMismatch, match=f"posting {row['sequence']} is projected here"):
            desk.projection.catch_up()
        with pytest.raises(AppError):
            desk.deposit(account)
        with desk.account_app.app_context(), account_db.transaction():
            if ending == "is gone":
                account_db.session.execute(insert(Posting), [dict(row)])
        with desk.storage.transaction():
            db.session.execute(update(Progress).values(transaction_id=last.transaction.id))
        desk.projection.catch_up()


def forget_orders(desk: Desk) -> None:
    """Bring both databases to the state right after the upgrade from a ledger without order columns."""
    with desk.account_app.app_context(), account_db.transaction():
        bare = {"fingerprint": "", "description": None, "idempotency_key": None, "request_id": None}
        account_db.session.execute(update(Posting).values(**bare, requested_at=None))
        undone = update(Posting).where(Posting.outcome != "posted")
        account_db.session.execute(undone.values(user_id=None, transaction_type="", amount_minor=0))
    with desk.storage.transaction():
        db.session.execute(update(Progress).values(sequence=0, transaction_id=None, hands_over=True))


def test_keys_of_payments_from_before_the_upgrade_are_known_to_the_ledger(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection_logic, "HANDOVER_BATCH", 3)
    account = desk.open()
    old = desk.deposit(account, key="from before")
    some_history(desk)
    before = content(desk)
    forget_orders(desk)
    desk.restart()
    again = desk.deposit(account, key="from before")
    assert (again.transaction, again.replayed) == (old.transaction, True)
    assert content(desk) == before
    assert not desk.progress.find().hands_over
    lose(desk)
    desk.projection.catch_up()
    assert content(desk) == before


def test_a_ledger_from_before_the_upgrade_is_enough_to_project_its_payments(desk: Desk) -> None:
    account = desk.open()
    desk.deposit(account)
    (refused,) = desk.carry_out(to_nobody(desk.order(account)))
    assert isinstance(refused, Outcome)
    backup = snapshot(desk)
    forget_orders(desk)
    lose(desk)
    desk.projection.catch_up()
    assert desk.balance(account) == desk.summed(account) == 100
    assert desk.find(refused.transaction.id) is None
    restore(desk, backup)
    forget_orders(desk)
    desk.restart()


class ProjectionAgainstTheLedger(RuleBasedStateMachine):
    """Repeated requests, lost responses, crashes, restores and losses in any order end as the ledger has decided.

    A completed or failed outcome never changes, a key has one effect, and the sums are those of the transactions.
    """

    desk: Desk

    @initialize()
    def begin(self) -> None:
        self.desk.ledger.is_reachable = self.desk.ledger.responds = True
        self.desk.restart()
        self.desk.resend()
        self.account = self.desk.open()
        self.outcomes: dict[str, tuple[str, str]] = {}
        self.pending: set[str] = set()
        self.names = [str(uuid4()) for _ in range(4)]
        self.backups = [snapshot(self.desk)]

    @rule(is_reachable=st.booleans(), responds=st.booleans())
    def cut_or_mend_the_wire(self, is_reachable: bool, responds: bool) -> None:
        self.desk.ledger.is_reachable, self.desk.ledger.responds = is_reachable, responds

    @rule(keys=st.lists(st.integers(0, 3), min_size=1, max_size=3))
    def ask(self, keys: list[int]) -> None:
        orders = [self.desk.order(self.account, self.names[key]) for key in keys]
        for key, outcome in zip(keys, self.desk.carry_out(*orders), strict=True):
            if isinstance(outcome, Outcome):
                self.hear(self.names[key], outcome)
            else:
                assert isinstance(outcome, AppError)

    def hear(self, key: str, outcome: Outcome) -> None:
        transaction = outcome.transaction
        if transaction.status == "pending":
            self.pending.add(transaction.id)
        else:
            assert self.outcomes.setdefault(key, (transaction.id, transaction.status)) == (
                transaction.id,
                transaction.status,
            )

    @rule(key=st.integers(0, 3))
    def another_instance_asks_and_dies(self, key: int) -> None:
        if self.desk.ledger.is_reachable and self.desk.ledger.responds:
            self.desk.ledger.post([self.desk.order(self.account, self.names[key])])

    @rule()
    def die(self) -> None:
        self.catching_up(self.desk.restart)

    @rule()
    def catch_up(self) -> None:
        self.catching_up(self.desk.projection.catch_up)
        self.catching_up(self.desk.resend)

    def catching_up(self, step: Any) -> None:
        try:
            step()
        except AppError:
            assert not (self.desk.ledger.is_reachable and self.desk.ledger.responds)

    @rule()
    def grow_old(self) -> None:
        for row in self.desk.storage.list_pending(None, 100):
            self.desk.make_old(Outcome(row))

    @rule()
    def back_up(self) -> None:
        self.backups.append(snapshot(self.desk))

    @rule(which=st.integers(0, 9))
    def restore_or_lose(self, which: int) -> None:
        """Lose the database: pending transactions that are not in the backup are lost, since the ledger lacks them."""
        if which < len(self.backups):
            restore(self.desk, self.backups[which])
        else:
            lose(self.desk)
        self.pending.clear()
        self.catching_up(self.desk.restart)

    def teardown(self) -> None:
        self.desk.ledger.is_reachable = self.desk.ledger.responds = True
        self.desk.restart()
        self.desk.resend()
        assert not self.desk.storage.list_pending(None, 100)
        assert self.desk.balance(self.account) == self.desk.summed(self.account)
        completed = set()
        for key in self.names:
            (outcome,) = self.desk.carry_out(self.desk.order(self.account, key))
            assert isinstance(outcome, Outcome)
            self.hear(key, outcome)
            if outcome.transaction.status == "completed":
                completed.add(outcome.transaction.id)
        assert self.desk.balance(self.account) == self.desk.summed(self.account) == 100 * len(completed)
        for transaction_id in self.pending:
            found = self.desk.find(transaction_id)
            assert found
            assert found.status != "pending"
        before = content(self.desk)
        before.pop("told_id")
        lose(self.desk)
        self.desk.restart()
        after = content(self.desk)
        after.pop("told_id")
        assert after == before


def test_the_projection_ends_as_the_ledger_has_decided(desk: Desk) -> None:
    machine = ProjectionAgainstTheLedger
    machine.desk = desk
    machine.TestCase.settings = settings(
        max_examples=25, stateful_step_count=15, suppress_health_check=list(HealthCheck)
    )
    machine.TestCase().runTest()
