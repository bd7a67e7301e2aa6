"""Statements on the driver's cursor: same transaction, SQLAlchemy's errors."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from shared.db import driver


@pytest.fixture
def connection(engine_url: str) -> Iterator[Connection]:
    engine = create_engine(engine_url)
    with engine.connect() as connection:
        driver.run(connection, "CREATE TABLE secret (word VARCHAR(9) PRIMARY KEY)")
        yield connection
    engine.dispose()


def mark(connection: Connection) -> str:
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


def test_a_statement_runs_in_the_transaction_of_its_connection(connection: Connection) -> None:
    connection.connection.commit()
    transaction = connection.begin()
    driver.run(connection, f"INSERT INTO secret VALUES ({mark(connection)})", ["sesame"])
    assert driver.run(connection, "SELECT word FROM secret").fetchall() == [("sesame",)]
    transaction.rollback()
    assert driver.run(connection, "SELECT word FROM secret").fetchall() == []
    driver.run(connection, "DROP TABLE secret")
    connection.connection.commit()


def test_an_error_is_sqlalchemys_and_contains_no_values(connection: Connection) -> None:
    command = f"INSERT INTO secret VALUES ({mark(connection)})"
    driver.run(connection, command, ["sesame"])
    with pytest.raises(IntegrityError) as raised:
        driver.run(connection, command, ["sesame"])
    assert raised.value.params is None
    assert raised.value.orig is not None


def test_an_invalid_statement_is_an_error(connection: Connection) -> None:
    with pytest.raises((OperationalError, ProgrammingError)):
        driver.run(connection, "SELEC 1")


def test_a_lost_connection_is_not_reused(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        pytest.skip("a file has no line that can be cut")
    with pytest.raises(OperationalError):
        driver.run(connection, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert connection.invalidated
