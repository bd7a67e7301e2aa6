"""Two customers, for the tests of pages that need no others."""

from typing import Any

import pytest

from tests.support.suite import Person, Suite


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


@pytest.fixture(scope="module")
def bob(bank: Suite) -> Person:
    return bank.person("bob")


@pytest.fixture
def account(ada: Person) -> dict[str, Any]:
    """An account of Ada with 100.00."""
    return ada.open("100.00")


@pytest.fixture
def payee(bob: Person) -> dict[str, Any]:
    """An empty account of Bob."""
    return bob.open()
