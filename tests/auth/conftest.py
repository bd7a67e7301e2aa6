"""A bank of the auth and the account service for the tests of each file, its first customer, and its admin."""

from collections.abc import Iterator

import pytest

from tests.support.suite import Person, Suite


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Suite]:
    suite = Suite(tmp_path_factory.mktemp("bank"), names=("auth", "account"), database=database).start()
    yield suite
    suite.stop()


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Person:
    return bank.admin()
