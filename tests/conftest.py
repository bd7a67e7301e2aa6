"""Fixtures for all tests."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.postgres import database
from tests.suite import Suite


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """All services, started, on fresh databases; shared by the tests of one module, so each makes its own people."""
    data_dir: Path = tmp_path_factory.mktemp("bank")
    suite = Suite(data_dir).start()
    yield suite
    suite.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of each kind; the tests that need PostgreSQL are skipped where there is none."""
    with ExitStack() as stack:
        yield stack.enter_context(database()) if request.param == "postgresql" else "sqlite://"
