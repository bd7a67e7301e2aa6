"""The figures of single payments, such as medians, and of selections equal those of an independent calculation."""

from datetime import datetime, timedelta
from fractions import Fraction
from statistics import median

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from shared.core.clock import now
from shared.core.money import Currency
from tests.transaction.volumes.books import Books, Move, instants, moves, same
from transaction_service.transaction_models import Transaction, TransactionLeg, db
from transaction_service.volumes.amount_storage import AmountStorage, Scope
from transaction_service.volumes.volume_schemas import Flows, FlowStatistics, flow_statistics_of
from transaction_service.volumes.volume_storage import Selection

YEN = Currency.of("JPY")


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
            by_category={},
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


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
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


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
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
