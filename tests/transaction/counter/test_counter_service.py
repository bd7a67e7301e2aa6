"""The counter over the real services: cash is booked with a till, once, and the till is counted at the end."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from account_service.account_models import OVER_AND_SHORT_ACCOUNT_ID, VAULT_ACCOUNT_ID
from account_service.common_service import Tools as AccountTools
from shared.web.parts import part
from tests.support.desk import sum_of_all_balances
from tests.support.suite import BankOptions, Person, Suite
from tests.transaction.counter.tills import CASH_IN, CASH_OUT, TILLS, Till, refusal
from tests.transaction.endpoints import balance, get, post, reverse
from transaction_service.common_service import Tools
from transaction_service.projection_storage import ProjectionStorage
from transaction_service.rebuild import rebuild_logic
from transaction_service.rebuild.rebuild_storage import RebuildStorage
from transaction_service.transaction_models import db


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


@pytest.fixture(autouse=True)
def _the_ledger_sums_to_zero(bank: Suite) -> Iterator[None]:
    yield
    with bank.apps["account"].app_context():
        ledger = part(AccountTools, bank.apps["account"]).ledger
        ledger.refresh()
        assert sum_of_all_balances(ledger) == 0


@pytest.fixture
def till(bank: Suite) -> Till:
    return Till(bank)


def bank_account(bank: Suite, account_id: str) -> int:
    with bank.apps["account"].app_context():
        ledger = part(AccountTools, bank.apps["account"]).ledger
        ledger.refresh()
        return int(ledger.entries.sum_of(account_id))


def test_cash_paid_in_and_out_changes_the_account_and_the_till(bank: Suite, ada: Person, till: Till) -> None:
    account = ada.open()
    paid_in = till.pay_in(account, "40.00")
    assert paid_in.status_code == 201, paid_in.text
    made = paid_in.get_json()["transaction"]
    assert (made["transaction_type"], made["status"], made["account_id"]) == ("deposit", "completed", account["id"])
    assert made["balance_after"] is None  # the employee owns neither side
    by_number = post(
        bank, CASH_OUT, till.teller, account_number=account["account_number"], amount="15", description="x"
    )
    assert by_number.status_code == 201, by_number.text
    assert (balance(bank, ada, account), till.cash()) == ("25.00", "125.00")
    rows = get(bank, "list", ada)["transactions"][:2]
    assert [(row["transaction_type"], row["description"], row["balance_after"]) for row in rows] == [
        ("withdrawal", "x", "25.00"),
        ("deposit", "Cash paid in at the counter", "40.00"),
    ]
    assert get(bank, f"details/{made['id']}", till.teller)["transaction"]["id"] == made["id"]


def test_a_day_at_the_counter_ends_with_a_count(bank: Suite, ada: Person, till: Till) -> None:
    account = ada.open()
    vault, over_and_short = (bank_account(bank, one) for one in (VAULT_ACCOUNT_ID, OVER_AND_SHORT_ACCOUNT_ID))
    till.pay_in(account, "50.00")
    till.pay_out(account, "20.00")
    closed = till.close("127.50")
    body = closed.get_json()["till"]
    assert (closed.status_code, body["status"]) == (200, "closed")
    assert (body["float"], body["expected_cash"], body["counted"], body["difference"]) == (
        "100.00",
        "130.00",
        "127.50",
        "-2.50",
    )
    assert bank_account(bank, VAULT_ACCOUNT_ID) == vault - 12_750
    assert bank_account(bank, OVER_AND_SHORT_ACCOUNT_ID) == over_and_short - 250
    assert till.close("127.50").get_json()["till"] == body
    assert refusal(till.close("127.51")) == (409, "TILL_CLOSED")
    assert refusal(till.pay_in(account, "1")) == (400, "TILL_NOT_OPEN")
    moves = get(bank, f"tills/{till.id}/movements", till.teller)["movements"]
    assert [row["cash"] for row in moves] == ["-127.50", "-2.50", "-20.00", "50.00", "100.00"]
    assert [bool(row["transaction_id"]) for row in moves] == [False, False, True, True, False]


def test_too_much_cash_is_booked_too_and_a_till_may_be_empty(bank: Suite, ada: Person) -> None:
    till = Till(bank, "0")
    account = ada.open()
    assert till.cash() == "0.00"
    till.pay_in(account, "3.00")
    before = bank_account(bank, OVER_AND_SHORT_ACCOUNT_ID)
    assert till.close("3.01").get_json()["till"]["difference"] == "0.01"
    assert bank_account(bank, OVER_AND_SHORT_ACCOUNT_ID) == before + 1
    again = post(bank, TILLS, till.teller, **{"float": "0.00"})
    assert again.status_code == 201
    closed = post(bank, f"{TILLS}/{again.get_json()['till']['id']}/close", till.teller, counted=0)
    assert closed.get_json()["till"]["difference"] == "0.00"


def test_bookings_at_the_counter_are_refused_with_their_codes(bank: Suite, ada: Person, admin: Person) -> None:
    account, poor = ada.open("500.00"), ada.open()
    without_till = bank.employee()
    answer = post(bank, CASH_IN, without_till, account_id=account["id"], amount="1.00")
    assert refusal(answer) == (400, "TILL_NOT_OPEN")
    till = Till(bank)
    assert refusal(till.pay_out(account, "100.01")) == (400, "TILL_SHORT")
    assert refusal(till.pay_out(poor, "0.01")) == (400, "INSUFFICIENT_FUNDS")
    assert refusal(till.pay_in({"id": str(uuid4())}, "1.00")) == (404, "NOT_FOUND")
    assert refusal(post(bank, TILLS, till.teller, **{"float": "1.00"})) == (409, "TILL_ALREADY_OPEN")
    for status in ("frozen", "active"):
        change = {"status": status, "reason": "A check"}
        bank.call("account", "PUT", f"/api/accounts/update/{account['id']}", admin, json=change)
        expected = {201} if status == "active" else {400}
        assert {till.pay_in(account, "1.00").status_code, till.pay_out(account, "1.00").status_code} == expected
    assert till.cash() == "100.00"


def test_nobody_serves_themselves(bank: Suite, till: Till) -> None:
    own = till.teller.open("50.00")
    assert refusal(till.pay_in(own, "1.00")) == (403, "FORBIDDEN")
    assert refusal(till.pay_out(own, "1.00")) == (403, "FORBIDDEN")
    assert (balance(bank, till.teller, own), till.cash()) == ("50.00", "100.00")


@pytest.mark.parametrize("path", [CASH_IN, CASH_OUT])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": "1"}, "account_id"),
        ({"account_id": str(uuid4()), "account_number": "1234567897", "amount": "1"}, "account_id"),
        ({"account_number": "1234567890", "amount": "1"}, "account_number"),
        ({"account_id": str(uuid4()), "amount": "0"}, "amount"),
        ({"account_id": str(uuid4()), "amount": "0.001"}, "amount"),
        ({"account_id": str(uuid4()), "amount": "1", "till_id": str(uuid4())}, "till_id"),
    ],
)
def test_an_invalid_booking_names_its_field(
    bank: Suite, admin: Person, path: str, body: dict[str, Any], field: str
) -> None:
    answer = post(bank, path, admin, **body)
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, [field])


@pytest.mark.parametrize("amount", ["-1", "1.005", "10000000000.01", "a lot", True, None])
def test_an_impossible_float_or_count_is_refused(bank: Suite, till: Till, amount: Any) -> None:
    opened = post(bank, TILLS, till.teller, **{"float": amount})
    assert (opened.status_code, list(opened.get_json()["details"])) == (400, ["float"])
    counted = post(bank, f"{TILLS}/{till.id}/close", till.teller, counted=amount)
    assert (counted.status_code, list(counted.get_json()["details"])) == (400, ["counted"])


def test_a_repeated_booking_is_made_once_also_after_the_till_is_closed(bank: Suite, ada: Person, till: Till) -> None:
    account = ada.open()
    first = till.pay_in(account, "30.00", "one")
    assert till.pay_in(account, "30.00", "one").get_json() == first.get_json()
    assert refusal(till.pay_in(account, "31.00", "one")) == (422, "IDEMPOTENCY_KEY_REUSED")
    till.close("130.00")
    again = till.pay_in(account, "30.00", "one")
    assert (again.get_json(), again.headers["Idempotent-Replayed"]) == (first.get_json(), "true")
    assert balance(bank, ada, account) == "30.00"


def test_a_key_opens_one_till(bank: Suite) -> None:
    teller = bank.employee()
    answers = [post(bank, TILLS, teller, "today", **{"float": amount}) for amount in ("5.00", "5", "6.00")]
    assert [answer.status_code for answer in answers] == [201, 201, 422]
    assert len({answer.get_json()["till"]["id"] for answer in answers[:2]}) == 1


def test_each_permission_opens_its_own_endpoint_and_either_a_till(bank: Suite, ada: Person) -> None:
    account = ada.open("10.00")
    taker, payer = bank.employee(permissions=("counter:deposit",)), bank.employee(permissions=("counter:withdraw",))
    neither = bank.employee(permissions=("customers:read",))
    opened = [post(bank, TILLS, one, **{"float": "10"}).status_code for one in (taker, payer, neither, ada)]
    assert opened == [201, 201, 403, 403]
    booking = {"account_id": account["id"], "amount": "1.00"}
    for path, allowed in ((CASH_IN, taker), (CASH_OUT, payer)):
        for person in (taker, payer, neither, ada):
            assert post(bank, path, person, **booking).status_code == (201 if person is allowed else 403)


def test_a_till_is_seen_and_closed_by_its_employee_and_by_admins_only(bank: Suite, admin: Person, till: Till) -> None:
    other = bank.employee()
    path = f"{TILLS}/{till.id}"
    for method, rest, body in (("GET", "", None), ("GET", "/movements", None), ("POST", "/close", {"counted": "1"})):
        answer = bank.call("transaction", method, path + rest, other, **({"json": body} if body else {}))
        assert refusal(answer) == (404, "NOT_FOUND")
    assert get(bank, "tills", other)["tills"] == []
    assert bank.call("transaction", "GET", f"{TILLS}?user_id={till.teller.user_id}", other).status_code == 403
    assert [row["id"] for row in get(bank, f"tills?user_id={till.teller.user_id}&status=open", admin)["tills"]] == [
        till.id
    ]
    closed = bank.call("transaction", "POST", f"{path}/close", admin, json={"counted": "100"}).get_json()["till"]
    assert (closed["status"], closed["closed_by"]) == ("closed", admin.user_id)


def test_the_id_of_a_till_is_no_account_to_pay_to(bank: Suite, ada: Person, till: Till) -> None:
    account = ada.open("20.00")
    mine = till.teller.open("20.00")
    targets = [till.id, *(f"{number:032x}" for number in (1, 2, 3, 4))]
    for person, source in ((ada, account), (till.teller, mine), (till.teller, account)):
        for target in targets:
            body = {"from_account_id": source["id"], "to_account_id": target, "amount": "1"}
            assert post(bank, "/api/transactions/transfer", person, **body).status_code == 404
            for kind in ("deposit", "withdraw"):
                assert post(bank, f"/api/transactions/{kind}", person, account_id=target, amount="1").status_code == 404
    assert till.cash() == "100.00"


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_reversal_changes_the_till_or_the_differences_after_its_count(
    bank: Suite, ada: Person, admin: Person, *, is_closed: bool
) -> None:
    till, account = Till(bank), ada.open()
    paid_in = till.pay_in(account, "60.00").get_json()["transaction"]
    paid_out = till.pay_out(account, "50.00").get_json()["transaction"]
    if is_closed:
        till.close("110.00")
    before = bank_account(bank, OVER_AND_SHORT_ACCOUNT_ID)
    answers = [reverse(bank, admin, one) for one in (paid_out, paid_in)]
    assert [answer.status_code for answer in answers] == [201, 201], [answer.text for answer in answers]
    assert balance(bank, ada, account) == "0.00"
    changed = bank_account(bank, OVER_AND_SHORT_ACCOUNT_ID) - before
    assert (till.cash(), changed) == (("110.00", 1_000) if is_closed else ("100.00", 0))
    summary = get(bank, f"summary?account_id={account['id']}", ada)["summary"]
    assert (summary["income"], summary["expense"]) == ("0.00", "0.00")


def test_parallel_withdrawals_never_overdraw_a_till(bank: Suite, ada: Person) -> None:
    till = Till(bank, "10.00")
    accounts = [ada.open("10.00") for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda place: till.pay_out(accounts[place % 4], "1.00"), range(24)))
    assert Counter(answer.status_code for answer in answers) == {201: 10, 400: 14}
    assert till.cash() == "0.00"


def test_parallel_openings_open_one_till(bank: Suite) -> None:
    teller = bank.employee()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(bank, TILLS, teller, **{"float": "10.00"}), range(8)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}


def test_a_rebuild_changes_nothing_that_the_counter_has_booked(bank: Suite, ada: Person, admin: Person) -> None:
    till, account = Till(bank), ada.open()
    made = till.pay_in(account, "5.00").get_json()["transaction"]
    till.pay_out(account, "500.00")
    till.close("105.00")
    reverse(bank, admin, made)
    app = bank.apps["transaction"]
    with app.app_context():
        posting = part(Tools, app).posting
        posting.projection.catch_up()
        storages = RebuildStorage(db), posting.storage, ProjectionStorage(db)
        differences = rebuild_logic.rebuild(*storages, posting.ledger, lambda _sequence: None)
    assert (differences.missing, differences.changed, differences.gone, differences.sums) == ([], [], [], 0)
