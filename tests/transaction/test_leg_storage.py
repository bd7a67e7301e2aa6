"""Legs are listed in the same order whether they are indexed or new; pending ones wait among the new."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from tests.support.desk import OWNER, Desk, open_desk
from transaction_service import leg_storage
from transaction_service.posting_logic import Outcome
from transaction_service.transaction_models import IndexedLeg, NewLeg, Transaction, TransactionLeg, db
from transaction_service.transaction_storage import Filters

MANY = 10


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("legs"), database) as desk:
        yield desk


@pytest.fixture
def desk(shared_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(leg_storage, "MAX_NEW_TRANSACTIONS", MANY)
    shared_desk.ledger.is_reachable = shared_desk.ledger.responds = True
    shared_desk.restart()
    shared_desk.resend()
    return shared_desk


def ids_in(desk: Desk, leg: type[IndexedLeg] | type[NewLeg] | type[TransactionLeg]) -> list[str]:
    desk.storage.refresh()
    return list(db.session.scalars(select(leg.transaction_id)))


def pages(desk: Desk, limit: int, account_id: str | None, filters: Filters) -> Iterator[Transaction]:
    after = None
    while True:
        page = desk.storage.list_of_user(OWNER.hex, filters, account_id=account_id, limit=limit, after=after)
        yield from page
        if len(page) < limit:
            return
        after = page[-1].timestamp, page[-1].id


def test_new_legs_are_indexed_when_there_are_enough(desk: Desk) -> None:
    account = desk.open()
    for _ in range(5 * MANY // 2):
        desk.deposit(account)
        is_apart = leg_storage.keeps_new_legs(db)
        assert len(ids_in(desk, NewLeg)) < (MANY if is_apart else 1)
    indexed, new, both = (ids_in(desk, leg) for leg in (IndexedLeg, NewLeg, TransactionLeg))
    assert len(set(indexed)) >= 2 * MANY
    assert sorted(indexed + new) == sorted(both) == sorted(set(both))


def test_new_legs_do_not_pile_up_in_a_process_that_is_restarted_often(desk: Desk) -> None:
    account = desk.open()
    for _ in range(6 * MANY):
        desk.deposit(account)
        desk.restart()
    assert len(ids_in(desk, NewLeg)) <= leg_storage.LEGS * MANY


@pytest.mark.parametrize("limit", [1, 4, 100])
def test_pages_have_each_transaction_once_and_in_order(desk: Desk, limit: int) -> None:
    account = desk.open()
    made = [desk.deposit(account).transaction for _ in range(MANY + 3)]
    expected = [row.id for row in sorted(made, key=lambda row: (row.timestamp, row.id), reverse=True)]
    assert [row.id for row in pages(desk, limit, account.id.hex, Filters())] == expected
    since, until = made[2].timestamp, made[-2].timestamp
    within = [row.id for row in made[2:-2]][::-1]
    assert [row.id for row in pages(desk, limit, account.id.hex, Filters(since=since, until=until))] == within
    assert [row.id for row in pages(desk, limit, None, Filters(since=since, until=until))] == within


def test_a_pending_leg_is_new_until_it_is_decided(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_reachable = False
    waiting = desk.deposit(account)
    desk.ledger.is_reachable = True
    for _ in range(MANY + 1):
        desk.deposit(account)
    if leg_storage.keeps_new_legs(db):
        assert waiting.transaction.id in ids_in(desk, NewLeg)
    assert [row.status for row in pages(desk, 5, account.id.hex, Filters(status="pending"))] == ["pending"]
    desk.resend()
    for _ in range(MANY):
        desk.deposit(account)
    assert ids_in(desk, TransactionLeg).count(waiting.transaction.id) == 1
    assert waiting.transaction.id in ids_in(desk, IndexedLeg)
    assert desk.balance(account) == desk.summed(account) == 100 * (2 * MANY + 2)


def test_a_payment_is_remembered_by_its_key_and_its_payee(desk: Desk) -> None:
    account = desk.open()
    outcome: Outcome = desk.deposit(account, key="remembered")
    for _ in range(MANY + 1):
        assert desk.storage.find_recent(OWNER.hex, "remembered") == desk.find(outcome.transaction.id)
        desk.deposit(account)
