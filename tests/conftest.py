"""Fixtures for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.suite import Suite


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """All services, started, on fresh databases; shared by the tests of one module, so each makes its own people."""
    data_dir: Path = tmp_path_factory.mktemp("bank")
    suite = Suite(data_dir).start()
    yield suite
    suite.stop()
