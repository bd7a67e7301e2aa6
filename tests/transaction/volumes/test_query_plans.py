"""Figures of an account read its legs through indexes: on SQLite no view is copied and no large table is scanned."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from shared.core.time_zones import read_zone
from tests.transaction.volumes.books import Books
from transaction_service.transaction_models import db
from transaction_service.volumes.amount_storage import AmountStorage, Scope
from transaction_service.volumes.volume_storage import Selection, Volumes

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
KOLKATA = read_zone("Asia/Kolkata")


@pytest.fixture(scope="module")
def database() -> str:
    return "sqlite"


@contextmanager
def plans() -> Iterator[list[str]]:
    """Collect the steps of the plans of all queries in the block."""
    steps: list[str] = []

    def explain(_connection: Any, cursor: Any, query: str, parameters: Any, *_rest: Any) -> None:
        cursor.execute(f"EXPLAIN QUERY PLAN {query}", parameters)
        steps.extend(row[3] for row in cursor.fetchall())

    engine = db.reader
    event.listen(engine, "before_cursor_execute", explain)
    yield steps
    event.remove(engine, "before_cursor_execute", explain)


def of_account(books: Books, user_id: str, account_id: str) -> Volumes:
    return books.volumes.of_user(user_id, account_id=account_id, since=SINCE, until=UNTIL, zone=KOLKATA)


def of_all(books: Books, user_id: str, _account_id: str) -> Volumes:
    return books.volumes.of_user(user_id, account_id=None, since=SINCE, until=UNTIL, zone=KOLKATA)


def of_selection(books: Books, user_id: str, account_id: str) -> Volumes:
    chosen = Selection((account_id,), ("deposit",))
    return books.volumes.of_selection(user_id, chosen, since=SINCE, until=UNTIL, zone=KOLKATA)


@pytest.mark.parametrize("read", [of_account, of_all, of_selection])
def test_days_of_a_zone_are_read_piece_by_piece(books: Books, read: Callable[[Books, str, str], Volumes]) -> None:
    user_id, account_id = side = books.sides[1] or ("", "")
    books.complete(None, side, at=SINCE + timedelta(hours=20))
    with plans() as steps:
        volumes = read(books, user_id, account_id)
    assert list(volumes.by_day) == ["2026-01-02"]
    assert any(step.startswith("SEARCH transaction_leg USING INDEX leg_by_") for step in steps)
    assert [step for step in steps if "leg" in step and step.startswith(("MATERIALIZE", "SCAN transaction_leg"))] == []


@pytest.mark.usefixtures("books")
def test_reversals_are_found_by_their_index_and_payments_by_their_id() -> None:
    with plans() as steps:
        AmountStorage(db).of_user(f"{7:032x}", Scope(f"{21:032x}", since=SINCE, until=UNTIL))
    assert len([step for step in steps if "leg_by_account" in step]) == 1  # the amounts themselves
    assert any("leg_of_reversal" in step for step in steps)
    assert [step for step in steps if step.startswith(("MATERIALIZE", "SCAN transaction_leg"))] == []
