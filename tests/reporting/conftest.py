"""The reporting service alone on each kind of database, with the sources of `Books`."""

from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
import requests
from flask import Flask

from reporting_service import reporting_logic
from reporting_service.reporting_logic import Sources
from reporting_service.reporting_models import db
from reporting_service.reporting_service import ReportingSettings, create_app
from reporting_service.reporting_storage import ReportStorage
from shared.concurrency.context_pool import ContextPool
from shared.web.access import Caller
from shared.web.application import Lifecycle
from shared.web.parts import part
from tests.reporting.books import NOON, Accounts, Books, People, Transactions
from tests.support.postgres import database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Return the reporting service on each kind of database."""
    variables = {"BANK_DATA_DIR": str(tmp_path_factory.mktemp("reporting")), "REPORTING_SERVICE_SECRET": "s" * 32}
    with ExitStack() as stack:
        if request.param == "postgresql":
            variables["REPORTING_DATABASE_URL"] = stack.enter_context(database())
        app = create_app(ReportingSettings.load(**variables), requests.Session())
        stack.callback(part(Lifecycle, app).stop)
        yield app


@pytest.fixture
def storage(app: Flask) -> Iterator[ReportStorage]:
    with app.app_context():
        yield ReportStorage(db)


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Books:
    monkeypatch.setattr(reporting_logic, "now", lambda: NOON)
    monkeypatch.setattr(reporting_logic, "READING_PAUSES_SECONDS", (0, 0, 0))
    return Books()


@pytest.fixture
def sources(books: Books) -> Iterator[Sources]:
    context_pool = ContextPool("test", workers=4)
    yield Sources(People(books), Accounts(books), Transactions(books), context_pool)
    context_pool.close()


@pytest.fixture
def caller() -> Caller:
    return Caller(uuid4(), "ada", "customer", uuid4(), "a token")
