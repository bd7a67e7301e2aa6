"""Connections are closed when their database is closed or opened anew."""

import pytest
from flask import Flask
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
