"""Databases and revisions for the tests of this folder."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine

from shared.db.sqlite import sqlite3
from tests.shared.db.shelves import Shelf, Shelves, db
from tests.support import postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    with ExitStack() as stack:
        is_sqlite = request.param == "sqlite"
        yield f"sqlite:///{tmp_path / 'old.db'}" if is_sqlite else stack.enter_context(postgres.database())


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """An engine for that database."""
    engine = create_engine(url, **({"module": sqlite3} if url.startswith("sqlite") else {}))
    yield engine
    engine.dispose()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = Flask("warehouse")
    db.connect(app, f"sqlite:///{tmp_path / 'warehouse.db'}")
    with app.app_context(), db.transaction():
        db.session.add(Shelf(id=1, items=10))
    yield app
    db.close()


@pytest.fixture
def shelves() -> Shelves:
    return Shelves(db)
