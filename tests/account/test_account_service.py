"""The endpoints of the account service, over the real services."""

from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from werkzeug.test import TestResponse

from shared.core.check_digits import is_valid
from tests.support.suite import BankOptions, Person, Suite

MISSING = "/api/accounts/details/00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


@pytest.fixture(scope="module")
def bob(bank: Suite) -> Person:
    return bank.person("bob")


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Person:
    return bank.admin()


def deposit(bank: Suite, person: Person, account: dict[str, Any], amount: str) -> None:
    body = {"account_id": account["id"], "amount": amount}
    assert bank.call("transaction", "POST", "/api/transactions/deposit", person, json=body).status_code == 201


def test_a_new_account_is_empty_active_and_has_a_number_with_a_check_digit(ada: Person) -> None:
    account = ada.open(account_type="fixed_deposit", nickname="House")
    assert is_valid(account["account_number"])
    assert len(account["account_number"]) == 10
    expected = {"user_id": ada.user_id, "account_type": "fixed_deposit", "nickname": "House", "balance": "0.00"}
    assert account == {**account, **expected, "currency": "USD", "status": "active"}
    assert account["created_at"].endswith("Z")


@pytest.mark.parametrize("by_staff", [False, True])
def test_a_key_opens_one_account(bank: Suite, ada: Person, bob: Person, admin: Person, by_staff: bool) -> None:
    def ask(owner: Person, nickname: str = "Once") -> TestResponse:
        path, person = (f"user/{owner.user_id}", admin) if by_staff else ("create", owner)
        body, headers = {"account_type": "savings", "nickname": nickname}, {"Idempotency-Key": f"once-{by_staff}"}
        return bank.call("account", "POST", f"/api/accounts/{path}", person, json=body, headers=headers)

    first, again, of_bob = ask(ada), ask(ada), ask(bob)
    assert first.status_code == again.status_code == 201
    assert first.get_json() == again.get_json()
    assert of_bob.get_json()["account"]["id"] != first.get_json()["account"]["id"]
    other = ask(ada, "Twice")
    assert (other.status_code, other.get_json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "account_type"),
        ({"account_type": "gold"}, "account_type"),
        ({"account_type": None}, "account_type"),
        ({"account_type": "savings", "nickname": "x" * 51}, "nickname"),
        ({"account_type": "savings", "nickname": "two\nlines"}, "nickname"),
        ({"account_type": "savings", "balance": "1000.00"}, "balance"),
        ({"account_type": "savings", "user_id": str(uuid4())}, "user_id"),
    ],
)
def test_an_invalid_body_is_refused_by_field(bank: Suite, ada: Person, body: dict[str, Any], field: str) -> None:
    answer = bank.call("account", "POST", "/api/accounts/create", ada, json=body)
    assert answer.status_code == 400
    assert list(answer.get_json()["details"]) == [field]


def test_the_whole_number_is_shown_to_the_owner_alone_and_never_in_lists(
    bank: Suite, ada: Person, admin: Person
) -> None:
    account = ada.open()
    path = f"/api/accounts/details/{account['id']}"
    assert bank.call("account", "GET", path, ada).get_json()["account"] == account
    masked = "••••" + account["account_number"][-4:]
    assert bank.call("account", "GET", path, admin).get_json()["account"]["account_number"] == masked
    for person, listing in ((ada, "/api/accounts/list"), (admin, "/api/accounts/all")):
        accounts = bank.call("account", "GET", listing, person).get_json()["accounts"]
        assert {row["account_number"] for row in accounts if row["id"] == account["id"]} == {masked}


def test_the_account_of_another_customer_is_not_found(bank: Suite, ada: Person, bob: Person) -> None:
    account = ada.open()
    missing = bank.call("account", "GET", MISSING, bob)
    for method, path in (
        ("GET", f"/api/accounts/details/{account['id']}"),
        ("GET", f"/api/accounts/history/{account['id']}"),
        ("DELETE", f"/api/accounts/close/{account['id']}"),
    ):
        answer = bank.call("account", method, path, bob)
        assert (answer.status_code, answer.get_json()) == (404, missing.get_json())


def test_closed_accounts_come_last_and_pages_follow_on(bank: Suite) -> None:
    person = bank.person()
    ids = [person.open()["id"] for _ in range(5)]
    assert bank.call("account", "DELETE", f"/api/accounts/close/{ids[1]}", person).status_code == 200
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
        body = bank.call("account", "GET", f"/api/accounts/list{query}", person).get_json()
        seen += [account["id"] for account in body["accounts"]]
        cursor = body["pagination"]["next_cursor"]
    assert seen == [ids[0], ids[2], ids[3], ids[4], ids[1]]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=201", "cursor=abc", "cursor=WzFd"])
def test_an_unreadable_page_is_refused(bank: Suite, ada: Person, query: str) -> None:
    answer = bank.call("account", "GET", f"/api/accounts/list?{query}", ada)
    assert answer.status_code == 400
    assert list(answer.get_json()["details"]) == [query.partition("=")[0]]


def test_only_an_empty_active_account_can_be_closed_and_only_once(bank: Suite, ada: Person) -> None:
    account = ada.open()
    deposit(bank, ada, account, "0.01")
    path = f"/api/accounts/close/{account['id']}"
    answer = bank.call("account", "DELETE", path, ada)
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, "NON_ZERO_BALANCE")
    body = {"account_id": account["id"], "amount": "0.01"}
    assert bank.call("transaction", "POST", "/api/transactions/withdraw", ada, json=body).status_code == 201
    assert bank.call("account", "DELETE", path, ada).get_json()["account"]["status"] == "closed"
    answer = bank.call("account", "DELETE", path, ada)
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, "ACCOUNT_NOT_ACTIVE")


def test_staff_freeze_and_unfreeze_an_account_with_a_reason(bank: Suite, ada: Person, admin: Person) -> None:
    account = ada.open()
    path = f"/api/accounts/update/{account['id']}"
    assert bank.call("account", "PUT", path, admin, json={"status": "frozen"}).status_code == 400
    frozen = bank.call("account", "PUT", path, admin, json={"status": "frozen", "reason": "a lost card"})
    assert frozen.get_json()["account"]["status"] == "frozen"
    body = {"account_id": account["id"], "amount": "1.00"}
    answer = bank.call("transaction", "POST", "/api/transactions/deposit", ada, json=body)
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, "ACCOUNT_NOT_ACTIVE")
    bank.call("account", "PUT", path, admin, json={"status": "active", "reason": "the card was found"})
    assert bank.call("transaction", "POST", "/api/transactions/deposit", ada, json=body).status_code == 201


def test_customers_may_not_call_staff_endpoints(bank: Suite, ada: Person) -> None:
    account = ada.open()
    for method, path, body in (
        ("GET", "/api/accounts/all", None),
        ("GET", f"/api/accounts/user/{ada.user_id}", None),
        ("POST", f"/api/accounts/user/{ada.user_id}", {"account_type": "savings"}),
        ("PUT", f"/api/accounts/update/{account['id']}", {"status": "frozen", "reason": "x"}),
    ):
        answer = bank.call("account", method, path, ada, json=body)
        assert (answer.status_code, answer.get_json()["error_code"]) == (403, "FORBIDDEN")


def test_the_status_history_says_who_when_and_why(bank: Suite, ada: Person, admin: Person) -> None:
    account = ada.open()
    path = f"/api/accounts/status_history/{account['id']}"
    assert bank.call("account", "GET", path, admin).get_json()["status_history"] == []
    for status, reason in (("frozen", "a lost card"), ("frozen", "police asked"), ("active", "card was found")):
        body = {"status": status, "reason": reason}
        answer = bank.call("account", "PUT", f"/api/accounts/update/{account['id']}", admin, json=body)
        assert answer.status_code == 200
    bank.call("account", "DELETE", f"/api/accounts/close/{account['id']}", ada)
    first = bank.call("account", "GET", f"{path}?limit=3", admin).get_json()
    rest = bank.call("account", "GET", f"{path}?cursor={first['pagination']['next_cursor']}", admin).get_json()
    rows = first["status_history"] + rest["status_history"]
    assert [(row["from_status"], row["to_status"], row["reason"], row["changed_by"]) for row in rows] == [
        ("active", "closed", None, ada.user_id),
        ("frozen", "active", "card was found", admin.user_id),
        ("frozen", "frozen", "police asked", admin.user_id),
        ("active", "frozen", "a lost card", admin.user_id),
    ]
    assert sorted((row["changed_at"] for row in rows), reverse=True) == [row["changed_at"] for row in rows]
    assert rest["pagination"]["next_cursor"] is None


def test_the_status_history_of_a_customer_covers_all_their_accounts(bank: Suite, admin: Person) -> None:
    person, other = bank.person(), bank.person()
    accounts = [owner.open()["id"] for owner in (person, person, other)]
    for account_id in accounts:
        body = {"status": "frozen", "reason": f"of {account_id}"}
        bank.call("account", "PUT", f"/api/accounts/update/{account_id}", admin, json=body)
    path = f"/api/accounts/user/{person.user_id}/status_history"
    first = bank.call("account", "GET", f"{path}?limit=1", admin).get_json()
    rest = bank.call("account", "GET", f"{path}?cursor={first['pagination']['next_cursor']}", admin).get_json()
    rows = first["status_history"] + rest["status_history"]
    assert [(row["account_id"], row["reason"]) for row in rows] == [(one, f"of {one}") for one in accounts[1::-1]]
    assert bank.call("account", "GET", path, person).status_code == 403
    own = bank.call("account", "GET", f"/api/accounts/user/{admin.user_id}/status_history", admin)
    assert own.status_code == 403


def freeze_of(bank: Suite, person: Person, account_id: str) -> Any:
    return bank.call("account", "GET", f"/api/accounts/freeze/{account_id}", person).get_json()["freeze"]


def test_the_owner_sees_why_when_and_by_whom_the_account_is_frozen(bank: Suite, ada: Person, admin: Person) -> None:
    account = ada.open()["id"]
    assert freeze_of(bank, ada, account) is None
    path = f"/api/accounts/update/{account}"
    for body, reason in (
        ({"status": "frozen", "reason": "A card was lost"}, "A card was lost"),
        ({"status": "frozen", "reason": "suspicion of fraud", "show_reason": False}, None),
    ):
        assert bank.call("account", "PUT", path, admin, json=body).status_code == 200
        freeze = freeze_of(bank, ada, account)
        assert (freeze["reason"], freeze["frozen_by"]) == (reason, "admin")
        assert freeze["frozen_at"].endswith("Z")
    bank.call("account", "PUT", path, admin, json={"status": "active", "reason": "Found"})
    assert freeze_of(bank, ada, account) is None
    wrong = {"status": "frozen", "reason": "x", "show_reason": "yes"}
    assert bank.call("account", "PUT", path, admin, json=wrong).status_code == 400
    assert bank.call("account", "GET", f"/api/accounts/freeze/{account}", admin).status_code == 404


def test_the_freeze_is_shown_without_a_name_while_auth_is_unavailable(bank: Suite, ada: Person, admin: Person) -> None:
    account = ada.open()["id"]
    body = {"status": "frozen", "reason": "A card was lost"}
    bank.call("account", "PUT", f"/api/accounts/update/{account}", admin, json=body)
    bank.adapters["auth"].down = True
    try:
        freeze = freeze_of(bank, ada, account)
    finally:
        bank.adapters["auth"].down = False
    assert (freeze["reason"], freeze["frozen_by"]) == ("A card was lost", None)


def test_customers_never_see_the_status_history(bank: Suite, ada: Person, admin: Person) -> None:
    account = ada.open()
    body = {"status": "frozen", "reason": "suspicion of fraud"}
    assert bank.call("account", "PUT", f"/api/accounts/update/{account['id']}", admin, json=body).status_code == 200
    path = f"/api/accounts/status_history/{account['id']}"
    assert bank.call("account", "GET", path, ada).status_code == 403
    for other in (f"details/{account['id']}", "list"):
        assert "fraud" not in bank.call("account", "GET", f"/api/accounts/{other}", ada).text
    own = admin.open()
    assert bank.call("account", "GET", f"/api/accounts/status_history/{own['id']}", admin).status_code == 403
    assert bank.call("account", "GET", f"/api/accounts/status_history/{uuid4()}", admin).status_code == 404


@pytest.mark.parametrize("role", ["employee", "admin"])
def test_staff_can_not_change_the_status_of_their_own_account(bank: Suite, admin: Person, role: str) -> None:
    person = bank.person()
    bank.call("auth", "PUT", f"/api/auth/users/{person.user_id}", admin, json={"role": role})
    clerk = bank.log_in(person.username)
    own = clerk.open()
    path = f"/api/accounts/update/{own['id']}"

    def refused(status: str) -> bool:
        answer = bank.call("account", "PUT", path, clerk, json={"status": status, "reason": "mine"})
        body = answer.get_json()
        assert "your own account" in body["message"]
        return (answer.status_code, body["error_code"]) == (403, "FORBIDDEN")

    assert refused("frozen")
    assert bank.call("account", "PUT", path, admin, json={"status": "frozen", "reason": "x"}).status_code == 200
    assert refused("active")
    assert refused("frozen")
    assert bank.call("account", "GET", f"/api/accounts/details/{own['id']}", clerk).get_json()["account"]["status"] == (
        "frozen"
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/internal/postings"),
        ("POST", "/internal/postings/void"),
        ("GET", "/internal/statistics"),
    ],
)
def test_no_user_may_call_the_internal_endpoints(bank: Suite, admin: Person, method: str, path: str) -> None:
    assert bank.call("account", method, path).status_code == 401
    assert bank.call("account", method, path, admin).status_code == 403


def test_a_payee_is_masked_and_a_mistyped_number_is_refused(bank: Suite, ada: Person, bob: Person) -> None:
    number = bob.open()["account_number"]
    answer = bank.call("account", "GET", f"/api/accounts/lookup?account_number={number}", ada)
    assert answer.get_json()["account"] == {"account_number": "••••" + number[-4:], "owner_name": "b••"}
    mistyped = number[:-1] + str((int(number[-1]) + 1) % 10)
    answer = bank.call("account", "GET", f"/api/accounts/lookup?account_number={mistyped}", ada)
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, ["account_number"])
    answer = bank.call("account", "GET", "/api/accounts/lookup?account_number=1000000008", ada)
    assert answer.status_code == 404


def test_staff_open_an_account_for_an_existing_customer(bank: Suite, bob: Person, admin: Person) -> None:
    path = f"/api/accounts/user/{bob.user_id}"
    account = bank.call("account", "POST", path, admin, json={"account_type": "savings"}).get_json()["account"]
    assert account["user_id"] == bob.user_id
    listed = bank.call("account", "GET", path + "?account_type=savings", admin).get_json()["accounts"]
    assert account["id"] in [row["id"] for row in listed]
    nobody = f"/api/accounts/user/{uuid4()}"
    assert bank.call("account", "POST", nobody, admin, json={"account_type": "savings"}).status_code == 404


def test_the_history_has_every_balance_newest_first(bank: Suite, ada: Person) -> None:
    account = ada.open()
    for amount in ("10.00", "20.00", "30.00"):
        deposit(bank, ada, account, amount)
    path = f"/api/accounts/history/{account['id']}"
    body = bank.call("account", "GET", f"{path}?limit=2", ada).get_json()
    rest = bank.call("account", "GET", f"{path}?limit=2&cursor={body['pagination']['next_cursor']}", ada).get_json()
    rows = [(row["amount"], row["balance_after"]) for row in body["history"] + rest["history"]]
    assert rows == [("30.00", "60.00"), ("20.00", "30.00"), ("10.00", "10.00")]
    assert rest["pagination"]["next_cursor"] is None
    assert set(body["history"][0]) == {"amount", "balance_after", "transaction_id", "timestamp"}
    last = body["history"][0]["timestamp"]
    assert len(bank.call("account", "GET", f"{path}?to={last}", ada).get_json()["history"]) == 3
    assert bank.call("account", "GET", f"{path}?from=2100-01-01", ada).get_json()["history"] == []
    assert bank.call("account", "GET", f"{path}?from=yesterday", ada).status_code == 400


@pytest.mark.parametrize("name", ["history", "entries"])
def test_the_days_of_a_history_are_those_of_the_zone(bank: Suite, ada: Person, name: str) -> None:
    account = ada.open()
    deposit(bank, ada, account, "10.00")
    path = f"/api/accounts/{name}/{account['id']}"
    (entry,) = bank.call("account", "GET", path, ada).get_json()[name]
    booked_at = datetime.fromisoformat(entry["timestamp"])
    zones = ("Pacific/Kiritimati", "Pacific/Pago_Pago")  # 25 hours apart, so their days always differ
    days = [booked_at.astimezone(ZoneInfo(zone)).date() for zone in zones]
    found = [
        len(bank.call("account", "GET", f"{path}?from={day}&to={day}&tz={zone}", ada).get_json()[name])
        for day in days
        for zone in zones
    ]
    assert found == [1, 0, 0, 1]
    assert "tz" in bank.call("account", "GET", f"{path}?tz=Mars/Base", ada).get_json()["details"]


def test_the_entries_are_complete_and_oldest_first(bank: Suite, ada: Person) -> None:
    account, other = ada.open(), ada.open()
    for amount in ("10.00", "20.00", "30.00"):
        deposit(bank, ada, account, amount)
    body = {"from_account_id": account["id"], "to_account_id": other["id"], "amount": "5.00", "description": "Savings"}
    assert bank.call("transaction", "POST", "/api/transactions/transfer", ada, json=body).status_code == 201
    path, rows, cursor = f"/api/accounts/entries/{account['id']}", [], ""
    while cursor is not None:
        page = bank.call("account", "GET", f"{path}?limit=1{cursor and f'&cursor={cursor}'}", ada).get_json()
        rows += page["entries"]
        cursor = page["pagination"]["next_cursor"]
    assert [(row["amount"], row["balance_after"]) for row in rows] == [
        ("10.00", "10.00"),
        ("20.00", "30.00"),
        ("30.00", "60.00"),
        ("-5.00", "55.00"),
    ]
    last = rows[-1]
    assert (last["transaction_type"], last["description"]) == ("transfer", "Savings")
    assert last["other_account_number"] == f"••••{other['account_number'][-4:]}"
    assert rows[0]["other_account_number"] is None
    whole = bank.call("account", "GET", f"{path}?limit=1000&to={last['timestamp']}", ada).get_json()["entries"]
    assert whole == rows
    assert bank.call("account", "GET", f"{path}?from=2100-01-01", ada).get_json()["entries"] == []
    assert bank.call("account", "GET", f"{path}?limit=1001", ada).status_code == 400
    assert bank.call("account", "GET", path, bank.person()).status_code == 404


def test_health_reports_an_unreachable_auth_service(bank: Suite) -> None:
    assert bank.call("account", "GET", "/api/health").get_json() == {
        "status": "healthy",
        "service": "account-service",
    }
    bank.adapters["auth"].down = True
    try:
        answer = bank.call("account", "GET", "/api/health")
        assert (answer.status_code, answer.get_json()["details"]) == (503, {"auth-service": "unavailable"})
    finally:
        bank.adapters["auth"].down = False


def test_staff_close_an_empty_account_for_its_owner_with_a_reason(bank: Suite, ada: Person, admin: Person) -> None:
    full, empty, own = ada.open("1.00")["id"], ada.open()["id"], admin.open()["id"]
    body = {"reason": "She asked for it at the branch"}

    def close(account: str, person: Person = admin, **sent: Any) -> TestResponse:
        return bank.call("account", "POST", f"/api/accounts/close/{account}", person, json=sent or body)

    for account, expected in (
        (full, (400, "NON_ZERO_BALANCE")),
        (own, (403, "FORBIDDEN")),
        (str(uuid4()), (404, "NOT_FOUND")),
    ):
        answer = close(account)
        assert (answer.status_code, answer.get_json()["error_code"]) == expected
    assert close(empty, ada).status_code == 403
    assert close(empty, reason=" ").get_json()["details"].keys() == {"reason"}
    assert close(empty).get_json()["account"]["status"] == "closed"
    assert close(empty).get_json()["error_code"] == "ACCOUNT_NOT_ACTIVE"
    path = f"/api/accounts/status_history/{empty}"
    (change,) = bank.call("account", "GET", path, admin).get_json()["status_history"]
    assert (change["to_status"], change["reason"], change["changed_by"]) == ("closed", body["reason"], admin.user_id)
