"""Nobody learns from texts, statuses or times which usernames and e-mail addresses exist."""

import re
import statistics
import time
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.suite import BankOptions, Suite

ROUNDS = 7

pytestmark = pytest.mark.usefixtures("costly_hashes")


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "gateway"))


@pytest.fixture(scope="module")
def known(bank: Suite) -> str:
    for number in range(ROUNDS):
        bank.person(f"known-{number}")
    return bank.person("known").username


def log_in(bank: Suite, username: str) -> TestResponse:
    return bank.call("auth", "POST", "/api/auth/login", json={"username": username, "password": "wrong"})


def test_a_login_answers_a_wrong_password_like_an_unknown_name(bank: Suite, known: str) -> None:
    answers = [log_in(bank, name) for name in (known, "unknown")]
    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].get_json() == answers[1].get_json()
    assert _without_ids(answers[0]) == _without_ids(answers[1])


def test_a_lockout_says_the_same_of_unknown_names(bank: Suite) -> None:
    bank.person("to-be-locked")
    answers = [[log_in(bank, name) for _ in range(6)][-1] for name in ("to-be-locked", "nobody-at-all")]
    assert {answer.status_code for answer in answers} == {429}
    assert answers[0].get_json() == answers[1].get_json()


@pytest.mark.timing
def test_a_login_takes_as_long_for_an_unknown_name(bank: Suite, known: str) -> None:
    def seconds(prefix: str) -> float:
        taken = []
        for number in range(ROUNDS):
            began_at = time.perf_counter()
            log_in(bank, f"{prefix}-{number}")
            taken.append(time.perf_counter() - began_at)
        return statistics.median(taken)

    with_user, without = seconds("known"), seconds("missing")
    assert 0.5 < with_user / without < 2.0, (with_user, without)


def test_a_forgotten_password_says_the_same_of_unknown_addresses(bank: Suite, known: str) -> None:
    def answer(**fields: Any) -> TestResponse:
        return bank.visitor().submit("/forgot-password", **fields)

    field = re.search(r'name="(email|username)"', bank.visitor().get("/forgot-password").text)
    assert field
    first, second = answer(**{field[1]: f"{known}@example.com"}), answer(**{field[1]: "unknown@example.com"})
    assert (first.status_code, first.headers.get("Location")) == (second.status_code, second.headers.get("Location"))


def _without_ids(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in ("X-Request-ID", "Date")}
