"""The endpoints of the transaction service, over the real services."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from account_service import ledger_logic
from shared.core.clock import now
from tests.support.processes import eventually
from tests.support.suite import BankOptions, Person, Suite
from transaction_service import transaction_logic

DEPOSIT, WITHDRAW, TRANSFER = (f"/api/transactions/{name}" for name in ("deposit", "withdraw", "transfer"))


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


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


def open_account(bank: Suite, person: Person, balance: str | None = None) -> dict[str, Any]:
    body = {"account_type": "checking"}
    account: dict[str, Any] = bank.call("account", "POST", "/api/accounts/create", person, json=body).get_json()[
        "account"
    ]
    if balance:
        post(bank, DEPOSIT, person, account_id=account["id"], amount=balance)
    return account


def reverse(bank: Suite, admin: Person, transaction: dict[str, Any]) -> TestResponse:
    return bank.call("transaction", "POST", f"/api/transactions/reverse/{transaction['id']}", admin)


def post(bank: Suite, path: str, person: Person, key: str | None = None, **body: Any) -> TestResponse:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return bank.call("transaction", "POST", path, person, json=body, headers=headers)


def get(bank: Suite, path: str, person: Person) -> Any:
    answer = bank.call("transaction", "GET", f"/api/transactions/{path}", person)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def balance(bank: Suite, person: Person, account: dict[str, Any]) -> str:
    path = f"/api/accounts/details/{account['id']}"
    found: str = bank.call("account", "GET", path, person).get_json()["account"]["balance"]
    return found


def test_the_first_day_of_a_customer(bank: Suite, ada: Person, bob: Person) -> None:
    first, second, bobs = open_account(bank, ada), open_account(bank, ada), open_account(bank, bob)
    deposited = post(bank, DEPOSIT, ada, account_id=first["id"], amount="100.00", description="a start")
    assert deposited.status_code == 201
    expected = {"transaction_type": "deposit", "amount": "100.00", "currency": "USD", "status": "completed"}
    transaction = deposited.get_json()["transaction"]
    assert transaction == {**transaction, **expected, "account_id": first["id"], "balance_after": "100.00"}
    to_own = post(bank, TRANSFER, ada, from_account_id=first["id"], to_account_id=second["id"], amount=25.00)
    assert to_own.get_json()["transaction"]["balance_after"] is None
    to_bob = post(bank, TRANSFER, ada, from_account_id=first["id"], to_account_number=bobs["account_number"], amount=10)
    transaction = to_bob.get_json()["transaction"]
    assert (transaction["to_account_id"], transaction["to_account_number"]) == (
        None,
        "••••" + bobs["account_number"][-4:],
    )
    assert transaction["balance_after"] == "65.00"
    assert [balance(bank, ada, first), balance(bank, ada, second), balance(bank, bob, bobs)] == [
        "65.00",
        "25.00",
        "10.00",
    ]
    (seen,) = get(bank, f"account/{bobs['id']}", bob)["transactions"]
    assert (seen["id"], seen["from_account_id"], seen["balance_after"]) == (transaction["id"], None, "10.00")


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "0.00",
        "-1",
        "1.001",
        "10000000000.01",
        "NaN",
        "Infinity",
        "1e3",
        "",
        " 1",
        "1,00",
        "٣",
        True,
        None,
        [1],
        {},
    ],
)
def test_an_amount_that_is_none_is_refused_and_changes_nothing(bank: Suite, ada: Person, amount: Any) -> None:
    account = open_account(bank, ada)
    answer = post(bank, DEPOSIT, ada, account_id=account["id"], amount=amount)
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, ["amount"])
    assert balance(bank, ada, account) == "0.00"


@pytest.mark.parametrize("raw", ["1e3", "NaN", "Infinity", "-Infinity", "1E2", "-1", "0", "0.001", "1e400"])
def test_a_json_number_that_is_no_amount_is_refused(bank: Suite, ada: Person, raw: str) -> None:
    account = open_account(bank, ada)
    data = f'{{"account_id": "{account["id"]}", "amount": {raw}}}'
    answer = bank.call("transaction", "POST", DEPOSIT, ada, data=data, content_type="application/json")
    assert answer.status_code == 400
    assert balance(bank, ada, account) == "0.00"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"amount": 1, "amount": 2}', 400),
        ("[]", 400),
        ("null", 400),
        ("", 400),
        ("{", 400),
        ("\xff", 400),
        ('{"account_id": "x", "amount": 1}', 400),
    ],
)
def test_a_body_that_is_no_object_is_refused(bank: Suite, ada: Person, body: str, status: int) -> None:
    answer = bank.call(
        "transaction", "POST", DEPOSIT, ada, data=body.encode("latin-1"), content_type="application/json"
    )
    assert answer.status_code == status
    assert set(answer.get_json()) == {"success", "message", "error_code", "details"}


def test_numbers_are_read_exactly(bank: Suite, ada: Person) -> None:
    account = open_account(bank, ada)
    for raw in ("0.1", "0.2", "4503599627.37"):
        data = f'{{"account_id": "{account["id"]}", "amount": {raw}}}'
        bank.call("transaction", "POST", DEPOSIT, ada, data=data, content_type="application/json")
    assert balance(bank, ada, account) == "4503599627.67"


def test_what_does_not_fit_the_rules_has_its_own_code(bank: Suite, ada: Person, bob: Person) -> None:
    account, other, bobs = open_account(bank, ada, "5.00"), open_account(bank, ada), open_account(bank, bob)
    refusals = [
        post(bank, WITHDRAW, ada, account_id=account["id"], amount="5.01"),
        post(bank, TRANSFER, ada, from_account_id=account["id"], to_account_id=account["id"], amount="1"),
        post(bank, WITHDRAW, ada, account_id=bobs["id"], amount="1"),
        post(bank, DEPOSIT, ada, account_id=bobs["id"], amount="1"),
        post(bank, TRANSFER, ada, from_account_id=bobs["id"], to_account_id=account["id"], amount="1"),
        post(bank, TRANSFER, ada, from_account_id=account["id"], to_account_id=str(uuid4()), amount="1"),
        post(bank, TRANSFER, ada, from_account_id=account["id"], to_account_number="1000000008", amount="1"),
        post(bank, TRANSFER, ada, from_account_id=account["id"], to_account_number="1000000009", amount="1"),
        post(bank, TRANSFER, ada, from_account_id=account["id"], amount="1"),
    ]
    assert [(answer.status_code, answer.get_json()["error_code"]) for answer in refusals] == [
        (400, "INSUFFICIENT_FUNDS"),
        (400, "SAME_ACCOUNT"),
        (404, "NOT_FOUND"),
        (404, "NOT_FOUND"),
        (404, "NOT_FOUND"),
        (404, "NOT_FOUND"),
        (404, "NOT_FOUND"),
        (400, "INVALID_REQUEST"),
        (400, "INVALID_REQUEST"),
    ]
    assert [balance(bank, ada, account), balance(bank, ada, other)] == ["5.00", "0.00"]
    failed = get(bank, "list?status=failed&limit=1", ada)["transactions"][0]
    assert failed["failure_code"] == "NOT_FOUND"


def test_the_same_key_answers_the_same_again(bank: Suite, ada: Person) -> None:
    account = open_account(bank, ada)
    body = {"account_id": account["id"], "amount": "7.00"}
    first, again = (post(bank, DEPOSIT, ada, "the-key", **body) for _ in range(2))
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert balance(bank, ada, account) == "7.00"
    other = post(bank, DEPOSIT, ada, "the-key", **{**body, "amount": "8.00"})
    assert (other.status_code, other.get_json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    refused, refused_again = (post(bank, WITHDRAW, ada, "too-much", **{**body, "amount": "99"}) for _ in range(2))
    assert (refused_again.status_code, refused_again.data) == (refused.status_code, refused.data)
    assert refused_again.headers["Idempotent-Replayed"] == "true"


def test_the_same_key_at_once_moves_the_money_once_and_all_hear_the_same(bank: Suite, ada: Person) -> None:
    account = open_account(bank, ada, "10.00")
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda _: post(bank, WITHDRAW, ada, "at-once", account_id=account["id"], amount="1.00"), range(16))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_json()["transaction"]["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 15
    assert balance(bank, ada, account) == "9.00"


def test_keys_are_each_persons_own(bank: Suite, ada: Person, bob: Person) -> None:
    for person in (ada, bob):
        account = open_account(bank, person)
        assert post(bank, DEPOSIT, person, "shared", account_id=account["id"], amount="1").status_code == 201
        assert balance(bank, person, account) == "1.00"


@pytest.mark.parametrize("key", ["", "a key", "x" * 256, "k\x7f"])
def test_a_key_that_is_no_key_is_refused(bank: Suite, ada: Person, key: str) -> None:
    account = open_account(bank, ada)
    answer = post(bank, DEPOSIT, ada, key, account_id=account["id"], amount="1")
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, ["Idempotency-Key"])


def test_a_key_is_remembered_through_a_restart(bank: Suite, ada: Person) -> None:
    account = open_account(bank, ada)
    first = post(bank, DEPOSIT, ada, "before", account_id=account["id"], amount="3.00")
    bank.restart("transaction")
    again = post(bank, DEPOSIT, ada, "before", account_id=account["id"], amount="3.00")
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert balance(bank, ada, account) == "3.00"


def test_forty_parallel_withdrawals_of_1_00_from_10_00(bank: Suite, ada: Person) -> None:
    account = open_account(bank, ada, "10.00")
    with ThreadPoolExecutor(40) as pool:
        answers = pool.map(
            lambda _: post(bank, WITHDRAW, ada, account_id=account["id"], amount="1.00").status_code, range(40)
        )
    assert Counter(answers) == {201: 10, 400: 30}
    assert balance(bank, ada, account) == "0.00"


def test_without_the_account_service_it_is_pending_and_settles_when_that_is_back(bank: Suite, ada: Person) -> None:
    account = open_account(bank, ada)
    bank.adapters["account"].down = True
    try:
        answer = post(bank, DEPOSIT, ada, "k", account_id=account["id"], amount="4.00")
    finally:
        bank.adapters["account"].down = False
    assert (answer.status_code, answer.get_json()["transaction"]["status"]) == (202, "pending")
    path = f"details/{answer.get_json()['transaction']['id']}"
    eventually(lambda: get(bank, path, ada)["transaction"]["status"] != "pending")
    assert get(bank, path, ada)["transaction"]["status"] == "completed"
    assert balance(bank, ada, account) == "4.00"
    replayed = post(bank, DEPOSIT, ada, "k", account_id=account["id"], amount="4.00")
    assert (replayed.status_code, replayed.headers["Idempotent-Replayed"]) == (201, "true")


def test_lists_filter_and_page(bank: Suite) -> None:
    person = bank.person()
    first, second = open_account(bank, person, "100.00"), open_account(bank, person, "50.00")
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
    account = open_account(bank, ada)
    post(bank, DEPOSIT, ada, account_id=account["id"], amount="7", description="École, Straße 5, 100%_")
    for address in (f"list?account_id={account['id']}&", f"account/{account['id']}?"):
        assert len(get(bank, f"{address}q={query}", ada)["transactions"]) == found, address


def pages(bank: Suite, person: Person, query: str) -> Iterator[list[str]]:
    """The ids of a list, a page at a time."""
    cursor = ""
    while cursor is not None:
        page = get(bank, f"list?{query}{cursor and f'&cursor={cursor}'}", person)
        yield [row["id"] for row in page["transactions"]]
        cursor = page["pagination"]["next_cursor"]


def test_what_was_booked_at_the_same_instant_is_listed_once(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    person = bank.person()
    account = open_account(bank, person)
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
def test_a_filter_that_can_not_be_read_is_named(bank: Suite, ada: Person, query: str) -> None:
    answer = bank.call("transaction", "GET", f"/api/transactions/list?{query}", ada)
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, [query.partition("=")[0]])


def test_sums_count_what_moved_between_own_accounts_once(bank: Suite, bob: Person) -> None:
    person = bank.person()
    first, second, bobs = open_account(bank, person, "100.00"), open_account(bank, person), open_account(bank, bob)
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


def test_an_admin_reverses_a_transaction_once(bank: Suite, ada: Person, bob: Person, admin: Person) -> None:
    source, target = open_account(bank, ada, "10.00"), open_account(bank, bob)
    sent = post(bank, TRANSFER, ada, from_account_id=source["id"], to_account_id=target["id"], amount="6")
    path = f"/api/transactions/reverse/{sent.get_json()['transaction']['id']}"
    assert bank.call("transaction", "POST", path, ada).status_code == 403
    reversed_ = bank.call("transaction", "POST", path, admin)
    transaction = reversed_.get_json()["transaction"]
    assert (reversed_.status_code, transaction["transaction_type"], transaction["amount"]) == (201, "reversal", "6.00")
    assert [balance(bank, ada, source), balance(bank, bob, target)] == ["10.00", "0.00"]
    again = bank.call("transaction", "POST", path, admin)
    assert (again.status_code, again.get_json()["error_code"]) == (409, "ALREADY_REVERSED")
    of_reversal = bank.call("transaction", "POST", f"/api/transactions/reverse/{transaction['id']}", admin)
    assert (of_reversal.status_code, of_reversal.get_json()["error_code"]) == (400, "NOT_REVERSIBLE")
    assert [row["transaction_type"] for row in get(bank, "recent?limit=1", bob)["transactions"]] == ["reversal"]
    assert bank.call("transaction", "POST", f"/api/transactions/reverse/{uuid4()}", admin).status_code == 404


def test_a_reversal_nets_against_what_it_reverses(bank: Suite, admin: Person) -> None:
    eve, fay = bank.person(), bank.person()
    first, second, hers = open_account(bank, eve, "100"), open_account(bank, eve), open_account(bank, fay)
    post(bank, WITHDRAW, eve, account_id=first["id"], amount="10")
    post(bank, TRANSFER, eve, from_account_id=first["id"], to_account_id=second["id"], amount="20")
    post(bank, TRANSFER, eve, from_account_id=first["id"], to_account_id=hers["id"], amount="30")
    for made in get(bank, "list", eve)["transactions"]:
        if made["transaction_type"] != "deposit":
            assert reverse(bank, admin, made).status_code == 201
    (deposit,) = get(bank, "list?type=deposit", eve)["transactions"]
    assert reverse(bank, admin, deposit).status_code == 201
    for person in (eve, fay):
        summary = get(bank, "summary", person)["summary"]
        assert (summary["income"], summary["expense"], summary["net"]) == ("0.00", "0.00", "0.00")
    assert get(bank, "summary", eve)["summary"]["by_type"] == {
        "deposit": {"count": 1, "total": "100.00"},
        "transfer": {"count": 2, "total": "50.00"},
        "withdrawal": {"count": 1, "total": "10.00"},
        "reversal": {"count": 4, "total": "160.00"},
    }
    for account, turnover in ((first, "0.00"), (second, "0.00")):
        of_one = get(bank, f"summary?account_id={account['id']}", eve)["summary"]
        assert (of_one["income"], of_one["expense"]) == (turnover, turnover)


def test_money_out_of_suspense_nets_against_what_was_reversed(bank: Suite, admin: Person) -> None:
    eve = bank.person()
    closed, other = open_account(bank, eve, "10"), open_account(bank, eve)
    drawn = post(bank, WITHDRAW, eve, account_id=closed["id"], amount="10").get_json()["transaction"]
    bank.call("account", "DELETE", f"/api/accounts/close/{closed['id']}", eve)
    held = post(bank, f"/api/transactions/reverse/{drawn['id']}", admin, to_suspense=True).get_json()["transaction"]
    summary = get(bank, "summary", eve)["summary"]
    assert (summary["income"], summary["expense"]) == ("10.00", "10.00")
    paid_out = post(bank, f"/api/transactions/pay_out/{held['id']}", admin, to_account_id=other["id"])
    assert paid_out.status_code == 201
    summary = get(bank, "summary", eve)["summary"]
    assert (summary["income"], summary["expense"]) == ("10.00", "0.00")


def test_a_reversal_and_what_it_reverses_name_each_other(bank: Suite, ada: Person, bob: Person, admin: Person) -> None:
    source, target = open_account(bank, ada, "10.00"), open_account(bank, bob)
    body = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": "6"}
    made = post(bank, TRANSFER, ada, key="reversed-later", **body).get_json()["transaction"]
    assert made["reversed_by"] is None
    reversal = reverse(bank, admin, made).get_json()["transaction"]
    assert (reversal["reverses"], reversal["reversed_by"]) == (made["id"], None)
    for person in (ada, bob, admin):
        assert get(bank, f"details/{made['id']}", person)["transaction"]["reversed_by"] == reversal["id"]
        assert get(bank, f"details/{reversal['id']}", person)["transaction"]["reverses"] == made["id"]
    for person, path in ((ada, "list"), (ada, f"account/{source['id']}"), (bob, "recent"), (admin, "all")):
        rows = {row["id"]: row for row in get(bank, path, person)["transactions"]}
        assert rows[made["id"]]["reversed_by"] == reversal["id"]
        assert rows[reversal["id"]]["reversed_by"] is None
    replayed = post(bank, TRANSFER, ada, key="reversed-later", **body)
    assert replayed.get_json()["transaction"] == made


def test_a_reversal_that_failed_is_the_staffs_alone(bank: Suite, ada: Person, bob: Person, admin: Person) -> None:
    source, target = open_account(bank, ada, "10.00"), open_account(bank, bob)
    made = post(bank, TRANSFER, ada, from_account_id=source["id"], to_account_id=target["id"], amount="6")
    post(bank, WITHDRAW, bob, account_id=target["id"], amount="6")
    transaction = made.get_json()["transaction"]
    assert reverse(bank, admin, transaction).get_json()["error_code"] == "INSUFFICIENT_FUNDS"
    failed = get(bank, "all?type=reversal&status=failed&limit=1", admin)["transactions"][0]
    assert failed["reverses"] == transaction["id"]
    for person, account in ((ada, source), (bob, target)):
        of_account = f"account/{account['id']}"
        for path in ("list", "list?status=failed", "list?type=reversal", "recent?limit=50", of_account):
            assert failed["id"] not in [row["id"] for row in get(bank, path, person)["transactions"]]
        assert failed["id"] in [row["id"] for row in get(bank, of_account, admin)["transactions"]]
        assert bank.call("transaction", "GET", f"/api/transactions/details/{failed['id']}", person).status_code == 404
        assert get(bank, f"details/{transaction['id']}", person)["transaction"]["reversed_by"] is None
    assert get(bank, f"details/{failed['id']}", admin)["transaction"]["status"] == "failed"


def test_the_list_of_an_account_says_its_balance_after_each_transaction(
    bank: Suite, ada: Person, bob: Person, admin: Person
) -> None:
    first, second = open_account(bank, ada, "100"), open_account(bank, ada)
    theirs = open_account(bank, bob)
    post(bank, TRANSFER, ada, from_account_id=first["id"], to_account_id=second["id"], amount="30")
    post(bank, TRANSFER, ada, from_account_id=first["id"], to_account_id=theirs["id"], amount="5")
    for person in (ada, admin):
        rows = get(bank, f"account/{first['id']}", person)["transactions"]
        assert [row["balance_after"] for row in rows] == ["65.00", "70.00", "100.00"]
        (row,) = get(bank, f"account/{second['id']}?type=transfer", person)["transactions"]
        assert row["balance_after"] == "30.00"
        (row,) = get(bank, f"account/{theirs['id']}", bob)["transactions"]
        assert row["balance_after"] == "5.00"


def test_an_admin_reverses_nothing_that_concerns_an_own_account(bank: Suite, ada: Person, admin: Person) -> None:
    own, theirs = open_account(bank, admin, "10.00"), open_account(bank, ada, "10.00")
    sent = post(bank, TRANSFER, admin, from_account_id=own["id"], to_account_id=theirs["id"], amount="6")
    received = post(bank, TRANSFER, ada, from_account_id=theirs["id"], to_account_id=own["id"], amount="1")
    drawn = post(bank, WITHDRAW, admin, account_id=own["id"], amount="2")
    for made in (sent, received, drawn):
        path = f"/api/transactions/reverse/{made.get_json()['transaction']['id']}"
        answer = bank.call("transaction", "POST", path, admin)
        assert (answer.status_code, answer.get_json()["error_code"]) == (403, "FORBIDDEN")
        assert "of your own" in answer.get_json()["message"]
    assert [balance(bank, admin, own), balance(bank, ada, theirs)] == ["3.00", "15.00"]


def test_two_reversals_at_once_move_the_money_back_once(bank: Suite, ada: Person, admin: Person) -> None:
    account = open_account(bank, ada, "10.00")
    sent = post(bank, WITHDRAW, ada, account_id=account["id"], amount="4").get_json()["transaction"]
    with ThreadPoolExecutor(8) as pool:
        path = f"/api/transactions/reverse/{sent['id']}"
        codes = Counter(pool.map(lambda _: bank.call("transaction", "POST", path, admin).status_code, range(8)))
    assert codes == {201: 1, 409: 7}
    assert balance(bank, ada, account) == "10.00"


def test_another_customers_transactions_answer_as_none(bank: Suite, ada: Person, bob: Person, admin: Person) -> None:
    account = open_account(bank, ada, "1.00")
    (transaction,) = get(bank, f"account/{account['id']}", ada)["transactions"]
    for path in (f"details/{transaction['id']}", f"account/{account['id']}", f"summary?account_id={account['id']}"):
        answer = bank.call("transaction", "GET", f"/api/transactions/{path}", bob)
        assert (answer.status_code, answer.get_json()["error_code"]) == (404, "NOT_FOUND")
        get(bank, path, admin)
    assert get(bank, f"list?account_id={account['id']}", bob)["transactions"] == []
    assert bank.call("transaction", "GET", "/api/transactions/all", bob).status_code == 403
    everybody = get(bank, f"all?account_id={account['id']}", admin)["transactions"]
    assert [row["id"] for row in everybody] == [transaction["id"]]


def test_no_person_reaches_the_inside_endpoint(bank: Suite, admin: Person) -> None:
    assert bank.call("transaction", "GET", "/internal/statistics").status_code == 401
    assert bank.call("transaction", "GET", "/internal/statistics", admin).status_code == 403


def test_a_wish_has_the_same_fingerprint_for_ever() -> None:
    """Keys that were used before an upgrade must still be known after it."""
    account_id = "0190f7a0-0000-7000-8000-000000000001"
    wish = ("transfer", 1250, 'für "A"', "1234567897", account_id, None, None)
    assert transaction_logic._fingerprint(*wish) == "8291c8ddb40cb3d9c79ca3e3cd58090634153b4261ba532de401402b3a5e9741"
