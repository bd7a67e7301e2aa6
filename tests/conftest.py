"""Fixtures for all tests."""

from collections.abc import Iterator
from contextlib import ExitStack

import hypothesis
import pytest

from shared.security import passwords
from tests.support import postgres
from tests.support.suite import BankOptions, Suite

# Example counts limit the time of a test. A deadline for each example would fail when the machine stands still.
hypothesis.settings.register_profile("bank", deadline=None)
hypothesis.settings.load_profile("bank")


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[str]:
    """Hash passwords of the banks in this process with little work, and yield the method of production.

    Most tests register people and log them in, which would take a tenth of a second each time.
    """
    method = passwords.METHOD
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "METHOD", "scrypt:256:8:1")
        yield method


@pytest.fixture(scope="module")
def costly_hashes(cheap_hashes: str) -> Iterator[None]:
    """Hash passwords as in production, for a module that measures or checks this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "METHOD", cheap_hashes)
        yield


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    """What the bank of a module is made of; a module or a folder that needs something else overrides it."""
    return BankOptions()


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, bank_options: BankOptions) -> Iterator[Suite]:
    """A bank in one process on fresh databases, shared by the tests of one module, so each makes its own people."""
    options = bank_options
    bank = Suite(tmp_path_factory.mktemp("bank"), options.services, database=options.database, **options.variables)
    if options.is_started:
        bank.start()
    yield bank
    bank.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database to run on, for `Suite`: what uses this runs on both."""
    return str(request.param)


@pytest.fixture(scope="module")
def engine_url(database: str) -> Iterator[str]:
    """An empty database of each kind; the tests that need PostgreSQL are skipped where there is none."""
    with ExitStack() as stack:
        yield stack.enter_context(postgres.database()) if database == "postgresql" else "sqlite://"
