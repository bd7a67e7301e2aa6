"""Fixtures for all tests."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.suite import Suite


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """All services, started, on fresh databases; shared by the tests of one module, so each makes its own people."""
    data_dir: Path = tmp_path_factory.mktemp("bank")
    suite = Suite(data_dir).start()
    yield suite
    suite.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database to run on, for `Suite`: what uses this runs on both."""
    return str(request.param)


@pytest.fixture(scope="module")
def engine_url(database: str) -> Iterator[str]:
    """An empty database of each kind; the tests that need PostgreSQL are skipped where there is none."""
    with ExitStack() as stack:
        yield stack.enter_context(postgres.database()) if database == "postgresql" else "sqlite://"
