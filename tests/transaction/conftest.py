"""Users of the endpoint tests."""

import pytest

from tests.support.suite import Person, Suite


@pytest.fixture(scope="module")
def people(bank: Suite) -> dict[str, Person]:
    return {"ada": bank.person("ada"), "bob": bank.person("bob"), "admin": bank.admin()}


@pytest.fixture
def ada(people: dict[str, Person]) -> Person:
    return people["ada"]


@pytest.fixture
def bob(people: dict[str, Person]) -> Person:
    return people["bob"]


@pytest.fixture
def admin(people: dict[str, Person]) -> Person:
    return people["admin"]
