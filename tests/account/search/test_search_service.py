"""The staff's lists of accounts, on both databases: filters by all that they show."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.http import users
from tests.support.suite import Person, Suite

OPENED = {"Early": "50.00", "Middle": "200.00", "Late": None}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Suite]:
    """A bank that asks for names again in each list."""
    suite = Suite(tmp_path_factory.mktemp("bank"), ("auth", "account", "transaction"), database=database).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "KEPT_SECONDS", 0.0)
        yield suite
    suite.stop()


@pytest.fixture(scope="module")
def accounts(suite: Suite) -> dict[str, Any]:
    """Three accounts of Ada by their nicknames, and one of Bob."""
    ada = suite.person("ada")
    suite.call("auth", "PUT", "/api/auth/users/profile", ada, json={"full_name": "Ada Lovelace"})
    suite.person("bob").open("75.00", nickname="Other")
    return {name: ada.open(amount, nickname=name) for name, amount in OPENED.items()}


def found(suite: Suite, query: str, status: int = 200) -> Any:
    answer = suite.call("account", "GET", f"/api/accounts/all?{query}", suite.admin())
    assert answer.status_code == status, answer.text
    return answer.get_json()


def names(suite: Suite, query: str) -> list[str]:
    return [account["nickname"] for account in found(suite, query)["accounts"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("owner=lovelace", ["Late", "Middle", "Early"]),
        ("owner=ada%20love&sort=oldest", ["Early", "Middle", "Late"]),
        ("owner=nobody", []),
        ("min=50&max=100", ["Early", "Other"]),
        ("max=0", ["Late"]),
        ("from=2000-01-01&to=2000-12-31", []),
        ("to=2000-12-31&tz=Europe/Athens", []),
        ("from=2000-01-01&owner=ada&min=100", ["Middle"]),
    ],
)
def test_accounts_are_found_by_what_the_list_shows(
    suite: Suite, accounts: dict[str, Any], query: str, expected: list[str]
) -> None:
    assert names(suite, query) == expected


def test_each_account_comes_with_its_owner_s_name(suite: Suite, accounts: dict[str, Any]) -> None:
    owners = {account["nickname"]: account["owner_name"] for account in found(suite, "")["accounts"]}
    assert owners == dict.fromkeys(OPENED, "Ada Lovelace") | {"Other": "bob"}
    one = found(suite, f"user_id={accounts['Early']['user_id']}")["accounts"]
    assert [account["nickname"] for account in one] == ["Late", "Middle", "Early"]


def test_pages_in_either_order_show_each_account_once(suite: Suite, accounts: dict[str, Any]) -> None:
    for sort in ("newest", "oldest"):
        shown: list[str] = []
        cursor = ""
        while cursor is not None:
            page = found(suite, f"sort={sort}&limit=1{'&cursor=' + cursor if cursor else ''}")
            shown += [account["nickname"] for account in page["accounts"]]
            cursor = page["pagination"]["next_cursor"]
        assert sorted(shown) == ["Early", "Late", "Middle", "Other"]


@pytest.mark.parametrize(
    "query", ["min=x", "max=-1", "from=yesterday", "sort=up", "owner=", "user_id=me", "currency=EUR"]
)
def test_a_filter_that_can_t_be_read_is_400_and_names_the_field(suite: Suite, query: str) -> None:
    assert list(found(suite, query, 400)["details"]) == [query.partition("=")[0]]


def test_a_name_that_fits_too_many_people_is_400(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("account_service.search.search_logic.MAX_OWNERS", 1)
    assert "enter more" in found(suite, "owner=example.com", 400)["details"]["owner"]


def test_without_the_auth_service_accounts_are_listed_without_names(suite: Suite, accounts: dict[str, Any]) -> None:
    admin: Person = suite.admin()
    suite.adapters["auth"].down = True
    try:
        listed = suite.call("account", "GET", "/api/accounts/all?min=1", admin).get_json()["accounts"]
        searched = suite.call("account", "GET", "/api/accounts/all?owner=ada", admin)
    finally:
        suite.adapters["auth"].down = False
    assert {account["owner_name"] for account in listed} == {None}
    assert searched.status_code == 503
