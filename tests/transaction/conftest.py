"""Users of the endpoint tests, and few new legs, so that all tests read indexed ones and new ones."""

import pytest

from tests.support.suite import Person, Suite
from transaction_service import leg_storage


@pytest.fixture(autouse=True)
def index_legs_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leg_storage, "MAX_NEW_TRANSACTIONS", 3)


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
