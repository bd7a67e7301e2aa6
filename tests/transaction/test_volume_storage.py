"""The stored sums by day equal the sums of the legs, after completions, rejections, reversals and repetitions.

So do the figures of single payments, such as medians.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from statistics import median
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from shared.core.clock import now
from shared.core.ids import new_ids
from shared.core.money import Currency
from tests.support.suite import BankOptions, Suite
from transaction_service.amount_storage import AmountStorage, Scope
from transaction_service.transaction_models import Transaction, TransactionLeg, db
from transaction_service.transaction_storage import TransactionStorage
from transaction_service.volume_schemas import Flows, FlowStatistics, flow_statistics_of
from transaction_service.volume_storage import Selection, Volume, Volumes, VolumeStorage

YEN = Currency.of("JPY")
FIRST = datetime(2026, 1, 30, tzinfo=UTC)
Side = tuple[str, str] | None
InTime = Callable[[datetime], bool]
Move = tuple[int, int, int, int, bool]
instants = st.one_of(
    st.none(),
    st.integers(-1, 5).map(lambda days: FIRST + timedelta(days=days)),
    st.integers(0, 5 * 24 * 4).map(lambda quarters: FIRST + timedelta(minutes=15 * quarters)),
)


class Books:
    """The storage of the transaction service, and transactions in the form in which the ledger decides them."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.storage: TransactionStorage = app.extensions["tools"].transactions
        self.volumes: VolumeStorage = app.extensions["tools"].volumes
        users = [uuid4().hex for _ in range(3)]
        self.users = users
        self.sides: list[Side] = [None, *((user, uuid4().hex) for user in users), (users[0], uuid4().hex)]

    def decided(
        self,
        source: Side,
        target: Side,
        amount_minor: int = 100,
        at: datetime = FIRST,
        *,
        is_posted: bool = True,
        reverses: Transaction | None = None,
    ) -> Transaction:
        """Return a decided transaction between two sides, without storing it."""
        user_id, _ = source or target or (None, None)
        assert user_id
        kind = "transfer" if source and target else "withdrawal" if source else "deposit"
        is_payee = target and (is_posted or not source)
        return Transaction(
            id=new_ids(1)[0],
            user_id=user_id,
            transaction_type="reversal" if reverses else kind,
            amount_minor=amount_minor,
            status="completed" if is_posted else "failed",
            reason=None if is_posted else "INSUFFICIENT_FUNDS",
            from_user_id=source and source[0],
            from_account_id=source and source[1],
            to_user_id=target[0] if target and is_payee else None,
            to_account_id=target and target[1],
            reverses_id=reverses.id if reverses else None,
            fingerprint="",
            created_at=FIRST,
            timestamp=at,
        )

    def project(self, *transactions: Transaction) -> None:
        with self.storage.transaction(durable=False):
            self.storage.project(list(transactions))

    def move(self, source: int, target: int, amount_minor: int, minutes: int, is_posted: bool) -> Transaction:
        """Store a decided transaction between two of the sides."""
        at = FIRST + timedelta(minutes=minutes)
        return self.decided(self.sides[source], self.sides[target], amount_minor, at, is_posted=is_posted)

    def undo(self, transaction: Transaction, at: datetime) -> Transaction:
        """Store the reversal of a transaction, and return it."""
        source, target = (
            (user_id, account_id) if user_id and account_id else None
            for user_id, account_id in (
                (transaction.to_user_id, transaction.to_account_id),
                (transaction.from_user_id, transaction.from_account_id),
            )
        )
        reversal = self.decided(source, target, transaction.amount_minor, at, reverses=transaction)
        self.project(reversal)
        return reversal

    def complete(self, source: Side, target: Side, amount_minor: int = 100, at: datetime = FIRST) -> None:
        self.project(self.decided(source, target, amount_minor, at))

    def summed(self, account_id: str | None, user_id: str, in_time: InTime) -> Volumes:
        """Return the sums of a user's legs."""
        rows = []
        for leg in self._legs():
            wanted = leg.account_id == account_id if account_id else not (leg.internal and leg.direction == "in")
            if leg.user_id == user_id and wanted and in_time(leg.timestamp):
                goes_out = leg.direction == "out" and (account_id is not None or not leg.internal)
                way = (leg.direction == "in", goes_out)
                rows.append((leg, *(map(int, way) if leg.transaction_type != "reversal" else (-way[1], -way[0]))))
        return volumes_of(rows)

    def balance_change(self, account_id: str | None, user_id: str, in_time: InTime) -> int:
        """Return the change of the balance of a user's accounts, or of one of them."""
        return sum(
            leg.amount_minor if leg.direction == "in" else -leg.amount_minor
            for leg in self._legs()
            if leg.user_id == user_id and account_id in (None, leg.account_id) and in_time(leg.timestamp)
        )

    def summed_of_all(self, in_time: InTime) -> Volumes:
        """Return the sums of all transactions. A transaction with two sides counts once."""
        once = {leg.transaction_id: leg for leg in self._legs() if in_time(leg.timestamp)}
        return volumes_of([(leg, 0, 0) for leg in once.values()])

    def check(self, since: datetime | None = None, until: datetime | None = None) -> None:
        """Assert that all stored sums equal the sums of the legs."""
        self.storage.refresh()

        def in_time(at: datetime) -> bool:
            return (since is None or at >= since) and (until is None or at < until)

        for user_id in self.users:
            for account_id in (None, *(side[1] for side in self.sides if side)):
                kept = self.volumes.of_user(user_id, account_id=account_id, since=since, until=until)
                assert same(kept, self.summed(account_id, user_id, in_time))
                net = sum(day.income_minor - day.expense_minor for day in kept.by_day.values())
                assert net == self.balance_change(account_id, user_id, in_time)
        of_all, by_day_and_type = self.summed_of_all(in_time), self.volumes.by_day_and_type(since=since, until=until)
        assert same(self.volumes.of_all(since=since, until=until), of_all)
        for groups, place in ((of_all.by_day, 0), (of_all.by_type, 1)):
            counts = {name: [0, 0] for name in groups}
            for day, kinds in by_day_and_type.items():
                for kind, volume in kinds.items():
                    sums = counts[(day, kind)[place]]
                    sums[:] = sums[0] + volume.count, sums[1] + volume.total_minor
            assert counts == {name: [volume.count, volume.total_minor] for name, volume in groups.items()}

    def _legs(self) -> list[TransactionLeg]:
        return list(db.session.scalars(select(TransactionLeg).where(TransactionLeg.status == "completed")))


def volumes_of(rows: list[tuple[TransactionLeg, int, int]]) -> Volumes:
    """Sum up legs by day and type. Each has a factor (1, 0 or -1) for income and one for expense."""
    by_day: dict[str, Volume] = {}
    by_type: dict[str, Volume] = {}
    for leg, income, expense in rows:
        day, amount = str(leg.timestamp.date()), leg.amount_minor
        volume = Volume(day, 1, amount, amount * income, amount * expense, amount)
        for groups, name in ((by_day, day), (by_type, leg.transaction_type)):
            groups[name] = groups[name].with_more(volume) if name in groups else volume
    return Volumes(
        *(dict(sorted(group.items(), key=lambda one: (one[1].first_day, one[0]))) for group in (by_day, by_type))
    )


def same(one: Volumes, other: Volumes) -> bool:
    """Return whether both have the same groups in the same order."""
    assert one == other
    return (list(one.by_day), list(one.by_type)) == (list(other.by_day), list(other.by_type))


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("transaction",), database, is_started=False)


@pytest.fixture
def books(bank: Suite) -> Iterator[Books]:
    with bank.apps["transaction"].app_context():
        yield Books(bank.apps["transaction"])


moves = st.tuples(
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(1, 9),
    st.integers(0, 5 * 24 * 60),
    st.sampled_from([True, True, False]),
).filter(lambda move: move[0] != move[1])


@pytest.mark.timeout(300)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    batches=st.lists(st.lists(moves, min_size=1, max_size=8), min_size=1, max_size=4),
    undone=st.integers(0, 8),
    since=instants,
    until=instants,
)
def test_stored_sums_equal_the_sums_of_the_legs(
    books: Books, batches: list[list[Move]], undone: int, since: datetime | None, until: datetime | None
) -> None:
    done = []
    for batch in batches:
        decided = [books.move(*move) for move in batch]
        books.project(*decided)
        done += decided
    books.project(*done[:5])
    for transaction in done[:undone]:
        if transaction.status == "completed":
            books.undo(transaction, transaction.timestamp + timedelta(days=1))
    books.check()
    books.check(since, until)


def test_a_posting_that_is_projected_again_after_a_restart_counts_once(books: Books, bank: Suite) -> None:
    transaction = books.decided(None, books.sides[1])
    for _ in range(3):
        books.project(transaction)
    (volume,) = books.volumes.of_user(books.users[0], account_id=None, since=None, until=None).by_day.values()
    assert (volume.count, volume.total_minor, volume.largest_minor) == (1, 100, 100)


def test_a_range_may_begin_and_end_within_a_day(books: Books) -> None:
    noon = timedelta(hours=12)
    for days in range(4):
        books.complete(None, books.sides[1], 10**days, FIRST + timedelta(days=days) + noon)
    later, user_id = timedelta(microseconds=1), books.users[0]

    def total(since: datetime | None, until: datetime | None) -> int:
        volumes = books.volumes.of_user(user_id, account_id=None, since=since, until=until)
        return sum(volume.total_minor for volume in volumes.by_day.values())

    second, last = FIRST + timedelta(days=1) + noon, FIRST + timedelta(days=3) + noon
    assert total(None, None) == 1111
    assert total(second, last) == 110
    assert total(second + later, last + later) == 1100
    assert total(second, second + later) == 10
    assert total(second + later, second) == 0
    assert total(second.replace(hour=0), None) == 1110
    assert total(None, last.replace(hour=0)) == 111
    assert total(datetime.max.replace(tzinfo=UTC), None) == 0
    assert total(None, datetime.min.replace(tzinfo=UTC)) == 0
    assert total(None, datetime.min.replace(tzinfo=UTC) + later) == 0
    assert total(None, datetime.min.replace(tzinfo=UTC)) == 0


def test_concurrent_processes_lose_no_update_of_the_same_sums(
    books: Books, bank: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, back = (books.sides[1], books.sides[2]), (books.sides[2], books.sides[1])
    processes = iter(range(1_000_000))
    monkeypatch.setattr("transaction_service.volume_storage.getpid", lambda: next(processes))

    def work(number: int) -> None:
        with bank.apps["transaction"].app_context():
            for _ in range(5):
                ways = [there, back] if number % 2 else [back, there]
                books.project(*(books.decided(*way) for way in ways))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    volumes = books.volumes.of_user(books.users[0], account_id=None, since=None, until=None)
    assert volumes.by_type == {"transfer": Volume(str(FIRST.date()), 80, 8000, 4000, 4000, 100)}
    books.check()


def kept(books: Books, user_id: str, account_id: str | None, since: datetime | None, until: datetime | None) -> Flows:
    volumes = books.volumes
    with volumes.snapshot():
        return Flows(
            volumes=volumes.of_user(user_id, account_id=account_id, since=since, until=until),
            amounts=AmountStorage(db).of_user(user_id, Scope(account_id, since=since, until=until)),
            opening_minor=volumes.of_user(user_id, account_id=account_id, since=None, until=since).net_minor
            if since
            else 0,
            later_minor=0,
            has_balances=True,
            previous=None,
            as_of=now(),
        )


def payments(
    done: list[Transaction],
    legs: list[TransactionLeg],
    direction: str,
    account_id: str | None,
) -> list[int]:
    """Return the amounts of the payments in one direction that no reversal among the legs gave back."""
    reverses = {row.id: row.reverses_id for row in done if row.reverses_id}
    returned = {(reverses[leg.transaction_id], leg.direction) for leg in legs if leg.transaction_id in reverses}
    opposite = "out" if direction == "in" else "in"
    return [
        leg.amount_minor
        for leg in legs
        if leg.direction == direction
        and leg.transaction_type != "reversal"
        and (account_id or not leg.internal)
        and (leg.transaction_id, opposite) not in returned
    ]


def check(
    books: Books, done: list[Transaction], user: int, account: int | None, span: tuple[datetime | None, datetime | None]
) -> None:
    since, until = span
    user_id, side = books.users[user], books.sides[account] if account else None
    account_id = side[1] if side else None
    if side and side[0] != user_id:
        return
    legs = [
        leg
        for leg in db.session.scalars(select(TransactionLeg).where(TransactionLeg.user_id == user_id))
        if leg.status == "completed"
        and account_id in (None, leg.account_id)
        and (since is None or leg.timestamp >= since)
        and (until is None or leg.timestamp < until)
    ]
    found: FlowStatistics = flow_statistics_of(kept(books, user_id, account_id, since, until), YEN)
    for direction, spread, flow in (("in", found.money_in, found.income), ("out", found.money_out, found.expense)):
        amounts = payments(done, legs, direction, account_id)
        assert (spread.count, int(spread.total)) == (len(amounts), sum(amounts))
        assert int(spread.largest) == max(amounts, default=0)
        assert int(spread.mean) == half_up(Fraction(sum(amounts), len(amounts) or 1))
        assert int(spread.median) == half_up(Fraction(median(amounts)) if amounts else Fraction(0))
        assert int(spread.total) - int(spread.reversed) == int(flow)
    net = sum(leg.amount_minor if leg.direction == "in" else -leg.amount_minor for leg in legs)
    assert int(found.closing_balance or 0) - int(found.opening_balance or 0) == net


def half_up(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    moved=st.lists(moves, min_size=1, max_size=20),
    undone=st.lists(st.integers(0, 3), max_size=8),
    since=instants,
    until=instants,
)
def test_figures_of_payments_equal_those_of_an_independent_calculation(
    books: Books, moved: list[Move], undone: list[int], since: datetime | None, until: datetime | None
) -> None:
    books = Books(books.app)  # each example has people of its own
    done = [books.move(*move) for move in moved]
    books.project(*done)
    for transaction, days in zip(list(done), undone, strict=False):
        if transaction.status == "completed":
            done.append(books.undo(transaction, transaction.timestamp + timedelta(days=days)))
    books.storage.refresh()
    for user in range(3):
        for account in (None, 1, 2, 3, 4):
            check(books, done, user, account, (since, until))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(moved=st.lists(moves, min_size=1, max_size=20), undone=st.lists(st.integers(0, 3), max_size=8), since=instants)
def test_a_selection_of_accounts_counts_what_these_accounts_count(
    books: Books, moved: list[Move], undone: list[int], since: datetime | None
) -> None:
    books = Books(books.app)
    done = [books.move(*move) for move in moved]
    books.project(*done)
    for transaction, days in zip(done, undone, strict=False):
        if transaction.status == "completed":
            books.undo(transaction, transaction.timestamp + timedelta(days=days))
    books.storage.refresh()
    user_id, accounts = books.users[0], tuple(side[1] for side in books.sides if side and side[0] == books.users[0])
    volumes, amounts = books.volumes, AmountStorage(db)
    everything = volumes.of_user(user_id, account_id=None, since=since, until=None)
    assert same(volumes.of_selection(user_id, Selection(accounts), since=since, until=None), everything)
    assert amounts.of_user(user_id, Scope(selection=Selection(accounts), since=since)) == amounts.of_user(
        user_id, Scope(since=since)
    )
    for account_id in accounts:
        one = Selection((account_id,))
        alone = volumes.of_user(user_id, account_id=account_id, since=since, until=None)
        assert same(volumes.of_selection(user_id, one, since=since, until=None), alone)
        assert amounts.of_user(user_id, Scope(selection=one, since=since)) == amounts.of_user(
            user_id, Scope(account_id, since=since)
        )
    for kind in ("deposit", "transfer", "reversal"):
        typed = volumes.of_selection(user_id, Selection(types=(kind,)), since=since, until=None)
        assert typed.by_type == {name: volume for name, volume in everything.by_type.items() if name == kind}


def test_money_that_waited_in_suspense_nets_against_its_payment(books: Books) -> None:
    ada, bob = books.sides[1], books.sides[2]
    transfer = books.decided(ada, bob, 700)
    books.project(transfer)
    held = books.decided(bob, None, 700, reverses=transfer)
    books.project(held)
    books.project(books.decided(None, ada, 700, reverses=held))
    for user in books.users[:2]:
        found = flow_statistics_of(kept(books, user, None, None, None), YEN)
        assert (found.money_in.count, found.money_out.count, found.net) == (0, 0, "0")
