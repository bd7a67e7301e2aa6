"""Many rows in one statement: the same rows as by one statement each, on both databases."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Boolean, Column, Connection, Integer, MetaData, String, Table, Uuid, create_engine, select
from sqlalchemy.exc import IntegrityError

from shared.bulk import Insert
from shared.database import UtcDateTime
from tests.postgres import cluster

metadata = MetaData()
order = Table(
    "order",  # a reserved word, so that names must be quoted
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("status", String(10)),
    Column("amount", Integer),
    Column("paid", Boolean),
    Column("at", UtcDateTime),
)
COLUMNS = ("id", "status", "amount", "paid", "at")
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def row(identity: UUID, status: str = "open", amount: int = 1) -> dict[str, object]:
    return {"id": identity, "status": status, "amount": amount, "paid": False, "at": AT}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with ExitStack() as stack:
        yield stack.enter_context(cluster()) if request.param == "postgresql" else "sqlite://"


@pytest.fixture
def connection(engine_url: str) -> Iterator[Connection]:
    engine = create_engine(engine_url)
    with engine.connect() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


def rows_of(connection: Connection) -> list[tuple[object, ...]]:
    return [tuple(found) for found in connection.execute(select(order).order_by(order.c.amount))]


def test_what_is_written_is_read_back(connection: Connection) -> None:
    ids = [uuid4() for _ in range(130)]
    Insert(order, COLUMNS).execute(connection, [row(identity, amount=place) for place, identity in enumerate(ids)])
    assert rows_of(connection) == [(identity, "open", place, False, AT) for place, identity in enumerate(ids)]


def test_nothing_to_write_is_no_statement(connection: Connection) -> None:
    Insert(order, COLUMNS).execute(connection, [])
    assert rows_of(connection) == []


def test_a_key_that_is_there_is_an_error(connection: Connection) -> None:
    identity = uuid4()
    with pytest.raises(IntegrityError):
        Insert(order, COLUMNS).execute(connection, [row(identity), row(identity)])


def test_only_the_named_columns_are_replaced(connection: Connection) -> None:
    there, new = uuid4(), uuid4()
    Insert(order, COLUMNS).execute(connection, [row(there, amount=1)])
    replacing = Insert(order, COLUMNS, replace=("status",))
    assert replacing.execute(connection, [row(identity, "paid", amount=9) for identity in (there, new)]) == 2
    assert [found[:3] for found in rows_of(connection)] == [(there, "paid", 1), (new, "paid", 9)]


def test_what_is_known_is_skipped_and_not_counted(connection: Connection) -> None:
    there, new = uuid4(), uuid4()
    adding = Insert(order, COLUMNS, skip_known=True)
    assert adding.execute(connection, [row(there, amount=1)]) == 1
    assert adding.execute(connection, [row(there, "paid", amount=9), row(new, amount=2), row(new, amount=3)]) == 1
    assert [found[:3] for found in rows_of(connection)] == [(there, "open", 1), (new, "open", 2)]


def test_a_row_that_is_there_can_be_added_to_and_keep_the_greater_value(connection: Connection) -> None:
    known, new = uuid4(), uuid4()
    total, largest = (
        Insert(order, COLUMNS, add=("amount",)),
        Insert(order, COLUMNS, replace=("status",), greatest=("amount",)),
    )
    for amount in (3, 4):
        total.execute(connection, [row(known, amount=amount)])
    total.execute(connection, [row(known, amount=10), row(new, amount=5)])
    assert [(found[0], found[2]) for found in rows_of(connection)] == [(new, 5), (known, 17)]
    largest.execute(connection, [row(known, "less", amount=16), row(new, "more", amount=6)])
    assert [(found[1], found[2]) for found in rows_of(connection)] == [("more", 6), ("less", 17)]
