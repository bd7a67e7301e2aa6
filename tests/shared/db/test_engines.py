"""Connections are closed when their database is closed or opened anew, and errors hide values."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase

from shared.db.database import Database
from tests.support import postgres


@pytest.fixture
def db() -> Database:
    return Database(type("Base", (DeclarativeBase,), {}))


def test_opening_a_database_anew_closes_the_connections_of_before(db: Database) -> None:
    with postgres.database() as url:
        db.connect(Flask("first"), url)
        first = db.reader.connect()
        driver_connection = first.connection.driver_connection
        first.close()
        db.connect(Flask("second"), url)
        assert driver_connection is not None
        assert driver_connection.closed
        db.close()


def test_a_connection_that_is_in_use_when_its_database_is_closed_is_closed_on_return(db: Database) -> None:
    with postgres.database() as url:
        db.connect(Flask("bank"), url)
        in_use = db.reader.connect()
        driver_connection = in_use.connection.driver_connection
        db.close()
        assert driver_connection is not None
        assert not driver_connection.closed
        in_use.close()
        assert driver_connection.closed


def test_connections_of_an_earlier_app_are_closed_with_those_of_the_last(db: Database) -> None:
    with postgres.database() as url:
        first = Flask("first")
        db.connect(first, url)
        db.close()
        db.connect(Flask("second"), url)
        with first.app_context():
            driver_connection = db.session.connection().connection.driver_connection
            db.session.remove()
        assert driver_connection is not None
        assert not driver_connection.closed
        db.close()
        assert driver_connection.closed


def test_errors_hide_the_values_of_a_statement(db: Database, engine_url: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bank.db" if engine_url.startswith("sqlite") else engine_url
    db.connect(Flask("bank"), url)
    for engine in (db.reader, db.writer):
        with engine.connect() as connection, pytest.raises(DBAPIError) as raised:
            connection.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": "a private name"})
        assert "a private name" not in str(raised.value)
    db.close()
