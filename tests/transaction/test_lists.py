"""Lists, searches and sums of transactions over the real services."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from account_service import ledger_logic
from shared.core.clock import now
from shared.http import users
from shared.http.users import UserClient
from tests.support.suite import BankOptions, Person, Suite
from tests.transaction.endpoints import DEPOSIT, TRANSFER, WITHDRAW, get, post


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


def test_lists_filter_and_page(bank: Suite) -> None:
    person = bank.person()
    first, second = person.open("100.00"), person.open("50.00")
    post(
        bank, TRANSFER, person, from_account_id=first["id"], to_account_id=second["id"], amount="30", description="Rent"
    )
    post(bank, WITHDRAW, person, account_id=second["id"], amount="20", description="100% cash")

    def amounts(query: str) -> list[str]:
        return [row["amount"] for row in get(bank, f"list?{query}", person)["transactions"]]

    assert amounts("") == ["20.00", "30.00", "50.00", "100.00"]
    assert amounts("type=transfer") == ["30.00"]
    assert amounts(f"account_id={second['id']}") == ["20.00", "30.00", "50.00"]
    assert amounts("min=30&max=50") == ["30.00", "50.00"]
    assert amounts("q=rent") == ["30.00"]
    assert amounts("q=%25") == ["20.00"]
    assert amounts("status=failed") == []
    assert amounts("from=2100-01-01") == []
    assert amounts("to=2100-01-01&limit=1") == ["20.00"]
    page = get(bank, "list?limit=3", person)
    rest = get(bank, f"list?limit=3&cursor={page['pagination']['next_cursor']}", person)
    assert [row["amount"] for row in rest["transactions"]] == ["100.00"]
    assert [row["amount"] for row in get(bank, "recent?limit=2", person)["transactions"]] == ["20.00", "30.00"]


def test_staff_list_the_transactions_of_one_customer(bank: Suite) -> None:
    person, other, admin = bank.person(), bank.person(), bank.admin()
    account, theirs = person.open("9.00"), other.open("4.00")
    post(bank, TRANSFER, other, from_account_id=theirs["id"], to_account_id=account["id"], amount="3")
    path = f"user/{person.user_id}"
    assert [row["amount"] for row in get(bank, path, admin)["transactions"]] == ["3.00", "9.00"]
    page = get(bank, f"{path}?limit=1", admin)
    rest = get(bank, f"{path}?type=deposit&cursor={page['pagination']['next_cursor']}", admin)
    assert [row["amount"] for row in rest["transactions"]] == ["9.00"]
    assert get(bank, f"{path}?status=pending", admin)["transactions"] == []
    assert bank.call("transaction", "GET", f"/api/transactions/{path}", person).status_code == 403


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("école", True),
        ("%C3%89COLE", True),
        ("e%CC%81cole", True),
        ("ecole", False),
        ("STRASSE 5", True),
        ("100%25_", True),
        ("100_", False),
    ],
)
def test_a_search_finds_text_whatever_its_case(bank: Suite, ada: Person, query: str, found: bool) -> None:
    account = ada.open()
    post(bank, DEPOSIT, ada, account_id=account["id"], amount="7", description="École, Straße 5, 100%_")
    for address in (f"list?account_id={account['id']}&", f"account/{account['id']}?"):
        assert len(get(bank, f"{address}q={query}", ada)["transactions"]) == found, address


def pages(bank: Suite, person: Person, query: str) -> Iterator[list[str]]:
    """Yield the ids of each page of a list."""
    cursor = ""
    while cursor is not None:
        page = get(bank, f"list?{query}{cursor and f'&cursor={cursor}'}", person)
        yield [row["id"] for row in page["transactions"]]
        cursor = page["pagination"]["next_cursor"]


def test_transactions_of_the_same_instant_are_listed_once(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    person = bank.person()
    account = person.open()
    instant = now()
    monkeypatch.setattr(ledger_logic, "now", lambda: instant)
    made = [post(bank, DEPOSIT, person, account_id=account["id"], amount="1.00").get_json() for _ in range(5)]
    assert len({answer["transaction"]["timestamp"] for answer in made}) == 1
    newest_first = sorted((answer["transaction"]["id"] for answer in made), reverse=True)
    in_pages = [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert list(pages(bank, person, "limit=2")) == in_pages
    assert list(pages(bank, person, f"limit=2&account_id={account['id']}")) == in_pages


@pytest.mark.parametrize(
    "query",
    [
        "type=gift",
        "status=lost",
        "min=x",
        "min=1e3",
        "max=-1",
        "max=NaN",
        "from=soon",
        "to=2026-13-01",
        "limit=0",
        "cursor=%00",
    ],
)
def test_an_invalid_filter_is_refused_by_name(bank: Suite, ada: Person, query: str) -> None:
    answer = bank.call("transaction", "GET", f"/api/transactions/list?{query}", ada)
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, [query.partition("=")[0]])


def test_sums_count_a_transfer_between_own_accounts_once(bank: Suite, bob: Person) -> None:
    person = bank.person()
    first, second, bobs = person.open("100.00"), person.open(), bob.open()
    post(bank, TRANSFER, person, from_account_id=first["id"], to_account_id=second["id"], amount="30")
    post(bank, TRANSFER, person, from_account_id=first["id"], to_account_id=bobs["id"], amount="5")
    post(bank, WITHDRAW, person, account_id=first["id"], amount="1000")
    summary = get(bank, "summary", person)["summary"]
    by_type = {"deposit": {"count": 1, "total": "100.00"}, "transfer": {"count": 2, "total": "35.00"}}
    assert summary["by_type"] == by_type
    totals = {key: summary[key] for key in ("count", "income", "expense", "net", "average", "largest")}
    assert totals == {
        "count": 3,
        "income": "100.00",
        "expense": "5.00",
        "net": "95.00",
        "average": "45.00",
        "largest": "100.00",
    }
    of_second = get(bank, f"summary?account_id={second['id']}", person)["summary"]
    assert (of_second["income"], of_second["expense"], of_second["count"]) == ("30.00", "0.00", 1)
    (day,) = summary["by_day"]
    assert (day["count"], day["total"], day["income"], day["expense"]) == (3, "135.00", "100.00", "5.00")


def test_the_list_of_an_account_has_its_balance_after_each_transaction(
    bank: Suite, ada: Person, bob: Person, admin: Person
) -> None:
    first, second = ada.open("100"), ada.open()
    theirs = bob.open()
    post(bank, TRANSFER, ada, from_account_id=first["id"], to_account_id=second["id"], amount="30")
    post(bank, TRANSFER, ada, from_account_id=first["id"], to_account_id=theirs["id"], amount="5")
    for person in (ada, admin):
        rows = get(bank, f"account/{first['id']}", person)["transactions"]
        assert [row["balance_after"] for row in rows] == ["65.00", "70.00", "100.00"]
        (row,) = get(bank, f"account/{second['id']}?type=transfer", person)["transactions"]
        assert row["balance_after"] == "30.00"
        (row,) = get(bank, f"account/{theirs['id']}", bob)["transactions"]
        assert row["balance_after"] == "5.00"


def test_the_transactions_of_another_customer_are_not_found(
    bank: Suite, ada: Person, bob: Person, admin: Person
) -> None:
    account = ada.open("1.00")
    (transaction,) = get(bank, f"account/{account['id']}", ada)["transactions"]
    for path in (f"details/{transaction['id']}", f"account/{account['id']}", f"summary?account_id={account['id']}"):
        answer = bank.call("transaction", "GET", f"/api/transactions/{path}", bob)
        assert (answer.status_code, answer.get_json()["error_code"]) == (404, "NOT_FOUND")
        get(bank, path, admin)
    assert get(bank, f"list?account_id={account['id']}", bob)["transactions"] == []
    assert bank.call("transaction", "GET", "/api/transactions/all", bob).status_code == 403
    everybody = get(bank, f"all?account_id={account['id']}", admin)["transactions"]
    assert [row["id"] for row in everybody] == [transaction["id"]]


@pytest.fixture(autouse=True)
def unkept_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "KEPT_SECONDS", 0.0)


def named(bank: Suite, full_name: str) -> Person:
    person = bank.person()
    rename(bank, person, full_name)
    return person


def rename(bank: Suite, person: Person, full_name: str) -> None:
    answer = bank.call("auth", "PUT", "/api/auth/users/profile", person, json={"full_name": full_name})
    assert answer.status_code == 200


@pytest.fixture(scope="module")
def paid(bank: Suite) -> tuple[Person, Person, dict[str, Any]]:
    """Ada, Ben and a transfer from Ada to Ben."""
    ada, ben = named(bank, "Ada Martin"), named(bank, "Ben Okafor")
    source, target = ada.open("9.00"), ben.open()
    made = post(bank, TRANSFER, ada, from_account_id=source["id"], to_account_id=target["id"], amount="3")
    return ada, ben, made.get_json()["transaction"]


def names_in(answer: Any) -> list[tuple[str | None, str | None]]:
    rows = answer["transactions"] if "transactions" in answer else [answer["transaction"]]
    return [(row["from_name"], row["to_name"]) for row in rows if row["transaction_type"] == "transfer"]


def test_a_customer_sees_the_other_name_masked_in_every_list_and_the_details(
    bank: Suite, paid: tuple[Person, Person, dict[str, Any]]
) -> None:
    ada, ben, made = paid
    account = made["from_account_id"]
    for path in ("list", "recent", f"account/{account}", f"details/{made['id']}"):
        assert names_in(get(bank, path, ada)) == [(None, "Ben O.")], path
    assert names_in(get(bank, "list", ben)) == [("Ada M.", None)]


def test_staff_see_whole_names_of_both_and_of_the_holder_of_a_deposit(
    bank: Suite, paid: tuple[Person, Person, dict[str, Any]]
) -> None:
    ada, _, made = paid
    admin = bank.admin()
    assert names_in(get(bank, f"details/{made['id']}", admin)) == [("Ada Martin", "Ben Okafor")]
    assert names_in(get(bank, f"user/{ada.user_id}?type=transfer", admin)) == [("Ada Martin", "Ben Okafor")]
    (deposit,) = get(bank, f"user/{ada.user_id}?type=deposit", admin)["transactions"]
    assert (deposit["from_name"], deposit["to_name"]) == (None, "Ada Martin")


def test_a_changed_name_shows_and_without_one_the_username(
    bank: Suite, paid: tuple[Person, Person, dict[str, Any]]
) -> None:
    ada, ben, made = paid
    rename(bank, ben, "Benedict Okafor")
    assert names_in(get(bank, f"details/{made['id']}", ada)) == [(None, "Benedict O.")]
    bank.call("auth", "PUT", "/api/auth/users/profile", ben, json={"full_name": None})
    assert names_in(get(bank, f"details/{made['id']}", bank.admin())) == [("Ada Martin", ben.username)]
    rename(bank, ben, "Ben Okafor")


def test_without_the_auth_service_the_list_comes_without_names(
    bank: Suite, paid: tuple[Person, Person, dict[str, Any]]
) -> None:
    ada, _, _ = paid
    bank.adapters["auth"].down = True
    try:
        assert names_in(get(bank, "list", ada)) == [(None, None)]
    finally:
        bank.adapters["auth"].down = False


def test_a_page_of_one_s_own_money_asks_for_no_names(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    person = bank.person()
    person.open("9.00")
    asked: list[int] = []
    find = UserClient.available_names

    def counted(self: UserClient, user_ids: set[UUID]) -> dict[UUID, str]:
        asked.append(len(user_ids))
        return find(self, user_ids)

    monkeypatch.setattr(UserClient, "available_names", counted)
    get(bank, "list", person)
    assert asked == [0]


def test_the_largest_page_has_all_its_names(bank: Suite) -> None:
    person = bank.person()
    own = person.open("100.00")
    payees = [bank.person() for _ in range(12)]
    for payee in payees:
        target = payee.open()
        post(bank, TRANSFER, person, from_account_id=own["id"], to_account_id=target["id"], amount="1")
    found = get(bank, "list?limit=200&type=transfer", person)["transactions"]
    assert [row["to_name"][0] for row in found] == [payee.username[0] for payee in reversed(payees)]


@pytest.mark.parametrize(
    ("permission", "name", "shows_id"), [("cases:answer", "Dora E.", False), ("customers:read", "Dora Example", True)]
)
def test_who_may_read_customers_sees_whole_names_and_account_ids_in_own_transactions_too(
    bank: Suite, permission: str, name: str, shows_id: bool
) -> None:
    payee, employee = bank.person(), bank.employee(permissions=(permission,))
    profile = {"full_name": "Dora Example"}
    assert bank.call("auth", "PUT", "/api/auth/users/profile", payee, json=profile).status_code == 200
    target, source = payee.open(), employee.open("9.00")
    transfer = {"from_account_id": source["id"], "to_account_number": target["account_number"], "amount": "1.00"}
    paid = employee.pay("transfer", **transfer)["transaction"]
    shown = next(row for row in employee.transactions() if row["id"] == paid["id"])
    assert shown["to_name"] == name
    assert shown["to_account_id"] == paid["to_account_id"] == (target["id"] if shows_id else None)
    assert shown["to_account_number"] == f"••••{target['account_number'][-4:]}"
