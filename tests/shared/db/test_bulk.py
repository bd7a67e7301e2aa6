"""Bulk statements have the same effect as single ones, on both databases."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Uuid,
    create_engine,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.exc import DataError, IntegrityError

from shared.db import driver
from shared.db.bulk import KEYS, Insert, Last, Lookup, Update
from shared.db.columns import HexId, UtcDateTime

metadata = MetaData()
order = Table(
    "order",  # a reserved word, so that names must be quoted
    metadata,
    Column("id", HexId, primary_key=True),
    Column("status", String(10)),
    Column("amount", Integer),
    Column("paid", Boolean),
    Column("at", UtcDateTime),
)
COLUMNS = ("id", "status", "amount", "paid", "at")
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def row(identity: str, status: str = "open", amount: int = 1) -> dict[str, object]:
    return {"id": identity, "status": status, "amount": amount, "paid": False, "at": AT}


@pytest.fixture
def connection(engine_url: str) -> Iterator[Connection]:
    engine = create_engine(engine_url)
    with engine.connect() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


def rows_of(connection: Connection) -> list[tuple[object, ...]]:
    return [tuple(found) for found in connection.execute(select(order).order_by(order.c.amount))]


def test_inserted_rows_are_read_back(connection: Connection) -> None:
    ids = [uuid4().hex for _ in range(130)]
    Insert(order, COLUMNS).execute(connection, [row(identity, amount=place) for place, identity in enumerate(ids)])
    assert rows_of(connection) == [(identity, "open", place, False, AT) for place, identity in enumerate(ids)]


def test_an_empty_batch_runs_no_statement(connection: Connection) -> None:
    Insert(order, COLUMNS).execute(connection, [])
    assert rows_of(connection) == []


def test_an_existing_key_is_an_error(connection: Connection) -> None:
    identity = uuid4().hex
    with pytest.raises(IntegrityError):
        Insert(order, COLUMNS).execute(connection, [row(identity), row(identity)])


def test_only_the_named_columns_are_replaced(connection: Connection) -> None:
    there, new = uuid4().hex, uuid4().hex
    Insert(order, COLUMNS).execute(connection, [row(there, amount=1)])
    replacing = Insert(order, COLUMNS, replace=("status",))
    assert replacing.execute(connection, [row(identity, "paid", amount=9) for identity in (there, new)]) == 2
    assert [found[:3] for found in rows_of(connection)] == [(there, "paid", 1), (new, "paid", 9)]


def test_known_rows_are_skipped_and_not_counted(connection: Connection) -> None:
    there, new = uuid4().hex, uuid4().hex
    adding = Insert(order, COLUMNS, skip_known=True)
    assert adding.execute(connection, [row(there, amount=1)]) == 1
    assert adding.execute(connection, [row(there, "paid", amount=9), row(new, amount=2), row(new, amount=3)]) == 1
    assert [found[:3] for found in rows_of(connection)] == [(there, "open", 1), (new, "open", 2)]


def test_existing_rows_are_added_to_and_keep_the_greater_value(connection: Connection) -> None:
    known, new = uuid4().hex, uuid4().hex
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


def test_rows_are_updated_by_key_if_the_condition_holds(connection: Connection) -> None:
    open_, paid, unknown = uuid4().hex, uuid4().hex, uuid4().hex
    Insert(order, COLUMNS).execute(connection, [row(open_, amount=1), row(paid, "paid", amount=2)])
    update = Update(order, "id", ("status", "amount", "paid", "at"), only_if=("status", "open"))
    later = datetime(2026, 2, 1, tzinfo=UTC)
    changes = [
        {"id": identity, "status": "paid", "amount": amount, "paid": True, "at": later, "more": "is ignored"}
        for amount, identity in enumerate((open_, paid, unknown), 10)
    ]
    assert update.execute(connection, changes) == {open_}
    assert rows_of(connection) == [(paid, "paid", 2, False, AT), (open_, "paid", 10, True, later)]
    assert update.execute(connection, []) == set()


def test_the_condition_of_an_update_is_an_escaped_literal(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = driver.run
    given: list[object] = []

    def noting(on: Connection, command: str, values: Sequence[object] = ()) -> Any:
        given[:] = values
        return run(on, command, values)

    monkeypatch.setattr(driver, "run", noting)
    strange = "5 % 'a' ?"
    there, other = uuid4().hex, uuid4().hex
    Insert(order, COLUMNS).execute(connection, [row(there, strange), row(other)])
    update = Update(order, "id", ("amount",), only_if=("status", strange))
    assert update.execute(connection, [{"id": identity, "amount": 7} for identity in (there, other)]) == {there}
    assert strange not in given


def test_an_update_may_set_null(connection: Connection) -> None:
    first, second = uuid4().hex, uuid4().hex
    Insert(order, COLUMNS).execute(connection, [row(first, amount=1), row(second, amount=2)])
    changes: list[dict[str, object]] = [
        {"id": first, "at": None, "status": None},
        {"id": second, "at": AT, "status": "paid"},
    ]
    assert Update(order, "id", ("at", "status")).execute(connection, changes) == {first, second}
    assert [found[1::3] for found in rows_of(connection)] == [(None, None), ("paid", AT)]


def test_long_text_is_refused_rather_than_truncated(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        pytest.skip("SQLite has no lengths")
    there = uuid4().hex
    Insert(order, COLUMNS).execute(connection, [row(there)])
    with pytest.raises(DataError):
        Update(order, "id", ("status",)).execute(connection, [{"id": there, "status": "x" * 11}])


@pytest.mark.parametrize("lock", [False, True])
def test_rows_are_looked_up_in_the_order_of_their_keys(connection: Connection, lock: bool) -> None:
    ids = sorted(uuid4().hex for _ in range(70))
    Insert(order, COLUMNS).execute(connection, [row(identity) for identity in reversed(ids)])
    lookup = Lookup(order, "id", ("id", "at", "status"), lock=lock)
    found = list(lookup.execute(connection, {*ids[:60], uuid4().hex}))
    assert found == [(identity, AT, "open") for identity in ids[:60]]
    assert list(lookup.execute(connection, [])) == []


def test_the_result_of_a_query_for_keys_is_copied(connection: Connection) -> None:
    first, second, third = (uuid4().hex for _ in range(3))
    Insert(order, COLUMNS).execute(connection, [row(first, amount=1), row(second, amount=3), row(third, amount=4)])
    of_some = select(*order.c).where(order.c.id.in_(KEYS))
    limit: ColumnElement[int] = literal_column("4")
    found = union_all(of_some.where(order.c.amount < limit), of_some.where(order.c.amount >= limit))
    adding = Insert(order, tuple(column.name for column in order.c), add=("amount",))
    adding.copy(connection, found, [first, third])
    assert [(each[0], each[2]) for each in rows_of(connection)] == [(first, 2), (second, 3), (third, 8)]
    adding.copy(connection, found, [])


def test_the_last_row_is_the_one_with_the_greatest_value(connection: Connection) -> None:
    last = Last(order, "amount", ("id", "at"))
    assert last.execute(connection) is None
    newest = uuid4().hex
    Insert(order, COLUMNS).execute(
        connection, [row(uuid4().hex, amount=1), row(newest, amount=3), row(uuid4().hex, amount=2)]
    )
    assert last.execute(connection) == (newest, AT)


def test_ids_of_any_column_type_are_hexadecimal_digits(connection: Connection) -> None:
    plain = Table("plain", MetaData(), Column("id", Uuid, primary_key=True), Column("other", HexId))
    plain.create(connection)
    row_id, other = uuid4().hex, uuid4().hex
    written = Insert(plain, ("id", "other")).returning(connection, [{"id": row_id, "other": other}], ("id", "other"))
    assert written == [(row_id, other)] == [*Lookup(plain, "id", ("id", "other")).execute(connection, [row_id])]
    assert connection.execute(select(plain)).one() == (UUID(row_id), other)
