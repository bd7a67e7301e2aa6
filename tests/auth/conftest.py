"""Fixtures on both databases: two services with a customer and an admin, and the rules without HTTP."""

from collections.abc import Iterator

import pytest
from flask import Flask

from auth_service.auth_logic import Tools
from tests.support.auth_rules import Rules, auth_app
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


@pytest.fixture(scope="module")
def app(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The auth service alone, without users and background tasks."""
    with auth_app(database, tmp_path_factory.mktemp("auth")) as app:
        yield app


@pytest.fixture
def rules(app: Flask) -> Iterator[Rules]:
    """The rules of `app`, inside its context."""
    with app.app_context():
        yield Rules(app)


@pytest.fixture
def tools(rules: Rules) -> Tools:
    return rules.tools
