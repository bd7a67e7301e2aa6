"""Fixtures: the auth and the account service for the tests of each file, a customer and the admin."""

import pytest

from tests.support.suite import BankOptions, Person, Suite


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account"), database)


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Person:
    return bank.admin()
