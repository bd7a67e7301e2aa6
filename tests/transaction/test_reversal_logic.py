"""Reversals return money to its account, to another account of the customer, or to the suspense account."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from account_service import account_models
from account_service.common_service import Tools
from shared.core.ids import dashed
from shared.web.parts import part
from tests.support.desk import sum_of_all_balances
from tests.support.suite import BankOptions, Person, Suite
from transaction_service import transaction_models

SUSPENSE = dashed(transaction_models.SUSPENSE_ACCOUNT_ID)


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Person:
    return bank.admin()


def reverse(bank: Suite, admin: Person, transaction_id: str, key: str | None = None, **body: Any) -> TestResponse:
    headers = {"Idempotency-Key": key} if key else {}
    options = {"json": body} if body else {}
    path = f"/api/transactions/reverse/{transaction_id}"
    return bank.call("transaction", "POST", path, admin, headers=headers, **options)


def pay_out(bank: Suite, admin: Person, transaction_id: str, key: str | None = None, **body: Any) -> TestResponse:
    headers = {"Idempotency-Key": key} if key else {}
    return bank.call(
        "transaction", "POST", f"/api/transactions/pay_out/{transaction_id}", admin, headers=headers, json=body
    )


def suspense(staff: Person, customer: Person, **query: str) -> dict[str, Any]:
    """Return what staff read of the money in suspense of a customer."""
    path, query = "/api/transactions/suspense", {"user_id": customer.user_id, **query}
    answer = staff.bank.call("transaction", "GET", path, staff, query_string=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def refusal(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error_code"]


def made(bank: Suite) -> int:
    app = bank.apps["account"]
    with app.app_context():
        return sum_of_all_balances(part(Tools, app).ledger)


@pytest.fixture
def ada(bank: Suite) -> Iterator[Person]:
    yield bank.person()
    assert made(bank) == 0


@pytest.fixture
def bob(bank: Suite) -> Person:
    return bank.person()


@pytest.fixture
def stranded(ada: Person, bob: Person) -> tuple[str, str]:
    """Make a transfer of 6.00 from Ada to Bob, and close Ada's account. Return the ids of both."""
    source, target = ada.open("6.00")["id"], bob.open("1.00")["id"]
    sent = ada.pay("transfer", from_account_id=source, to_account_id=target, amount="6.00")["transaction"]["id"]
    ada.close(source)
    return sent, source


def test_both_services_use_the_same_id_for_the_suspense_account() -> None:
    assert transaction_models.SUSPENSE_ACCOUNT_ID == account_models.SUSPENSE_ACCOUNT_ID


def test_a_reversal_to_a_closed_account_is_refused_and_names_the_alternatives(
    bank: Suite, admin: Person, stranded: tuple[str, str]
) -> None:
    sent, _ = stranded
    for body in ({}, {"to_account_id": None}, {"to_suspense": False}):
        answer = reverse(bank, admin, sent, **body)
        assert refusal(answer) == (400, "ACCOUNT_NOT_ACTIVE")
        for word in ("Unfreeze", "to_account_id", "to_suspense"):
            assert word in answer.get_json()["message"]


def test_the_money_goes_to_another_account_of_the_customer(
    bank: Suite, admin: Person, ada: Person, stranded: tuple[str, str]
) -> None:
    sent, closed = stranded
    other = ada.open()["id"]
    assert refusal(reverse(bank, admin, sent)) == (400, "ACCOUNT_NOT_ACTIVE")
    answer = reverse(bank, admin, sent, "way-back", to_account_id=other)
    transaction = answer.get_json()["transaction"]
    assert (answer.status_code, transaction["to_account_id"], transaction["reverses"]) == (201, other, sent)
    assert (ada.balance(other), ada.balance(closed)) == ("6.00", "0.00")
    replayed = reverse(bank, admin, sent, "way-back", to_account_id=other)
    assert (replayed.status_code, replayed.headers["Idempotent-Replayed"]) == (201, "true")
    assert refusal(reverse(bank, admin, sent, "way-back", to_suspense=True)) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert refusal(reverse(bank, admin, sent, to_account_id=other)) == (409, "ALREADY_REVERSED")
    newest = ada.transactions("recent?limit=1")[0]
    assert (newest["id"], newest["to_account_id"], newest["balance_after"]) == (transaction["id"], other, "6.00")


def test_the_money_can_return_to_an_account_after_it_is_unfrozen(bank: Suite, admin: Person, ada: Person) -> None:
    account = ada.open("5.00")["id"]
    drawn = ada.pay("withdraw", account_id=account, amount="2.00")["transaction"]["id"]

    def set_status(status: str) -> None:
        body = {"status": status, "reason": "x"}
        assert bank.call("account", "PUT", f"/api/accounts/update/{account}", admin, json=body).status_code == 200

    set_status("frozen")
    answer = reverse(bank, admin, drawn)
    assert refusal(answer) == (400, "ACCOUNT_NOT_ACTIVE")
    assert "Unfreeze it if it is frozen" in answer.get_json()["message"]
    set_status("active")
    assert reverse(bank, admin, drawn).status_code == 201
    assert ada.balance(account) == "5.00"


def test_the_money_never_goes_to_another_customer(
    bank: Suite, admin: Person, ada: Person, bob: Person, stranded: tuple[str, str]
) -> None:
    sent, closed = stranded
    of_bob, frozen = bob.open()["id"], ada.open()["id"]
    answer = reverse(bank, admin, sent, to_account_id=of_bob)
    assert (refusal(answer), list(answer.get_json()["details"])) == ((400, "INVALID_REQUEST"), ["to_account_id"])
    assert refusal(reverse(bank, admin, sent, to_account_id=str(uuid4()))) == (404, "NOT_FOUND")
    assert refusal(reverse(bank, admin, sent, to_account_id=closed)) == (400, "ACCOUNT_NOT_ACTIVE")
    body = {"status": "frozen", "reason": "x"}
    bank.call("account", "PUT", f"/api/accounts/update/{frozen}", admin, json=body)
    assert refusal(reverse(bank, admin, sent, to_account_id=frozen)) == (400, "ACCOUNT_NOT_ACTIVE")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"to_account_id": "x"}, "to_account_id"),
        ({"to_account_id": str(uuid4()), "to_suspense": True}, "to_suspense"),
        ({"to_suspense": "yes"}, "to_suspense"),
        ({"to_suspense": None}, "to_suspense"),
        ({"to_suspense": 1}, "to_suspense"),
        ({"amount": "1.00"}, "amount"),
    ],
)
def test_contradictory_targets_of_a_reversal_are_refused(
    bank: Suite, admin: Person, stranded: tuple[str, str], body: dict[str, Any], field: str
) -> None:
    answer = reverse(bank, admin, stranded[0], **body)
    assert (refusal(answer), list(answer.get_json()["details"])) == ((400, "INVALID_REQUEST"), [field])


def test_the_money_of_a_reversed_deposit_can_only_return_to_the_bank(bank: Suite, admin: Person, ada: Person) -> None:
    account = ada.open()["id"]
    paid = ada.pay("deposit", account_id=account, amount="3.00")["transaction"]["id"]
    for body in ({"to_suspense": True}, {"to_account_id": ada.open()["id"]}):
        answer = reverse(bank, admin, paid, **body)
        assert (refusal(answer), list(answer.get_json()["details"])) == ((400, "INVALID_REQUEST"), list(body))
    assert reverse(bank, admin, paid).status_code == 201
    assert ada.balance(account) == "0.00"


@pytest.mark.parametrize("kind", ["transfer", "withdraw"])
def test_money_in_suspense_is_listed_and_paid_out_once(
    bank: Suite, admin: Person, ada: Person, bob: Person, kind: str
) -> None:
    source, target = ada.open("6.00")["id"], bob.open()["id"]
    if kind == "transfer":
        sent = ada.pay("transfer", from_account_id=source, to_account_id=target, amount="6.00")["transaction"]["id"]
    else:
        sent = ada.pay("withdraw", account_id=source, amount="6.00", description="At the counter")["transaction"]["id"]
    ada.close(source)
    answer = reverse(bank, admin, sent, to_suspense=True)
    held = answer.get_json()["transaction"]
    assert (answer.status_code, held["to_account_id"], held["amount"]) == (201, SUSPENSE, "6.00")
    (item,) = suspense(admin, ada)["suspense"]
    assert item["account_number"].startswith("••••")
    names = ("transaction_id", "reverses", "user_id", "account_id", "amount", "currency", "paid_out_by")
    found = tuple(item[name] for name in names)
    assert found == (held["id"], sent, ada.user_id, source, "6.00", "USD", None)
    assert held["id"] not in [row["id"] for row in ada.transactions()]

    other, of_bob = ada.open()["id"], bob.open()["id"]
    assert refusal(pay_out(bank, admin, held["id"], to_account_id=of_bob)) == (400, "INVALID_REQUEST")
    assert refusal(pay_out(bank, admin, held["id"], to_account_id=source)) == (400, "ACCOUNT_NOT_ACTIVE")
    assert refusal(pay_out(bank, admin, held["id"])) == (400, "INVALID_REQUEST")
    with ThreadPoolExecutor(6) as pool:
        paid = list(pool.map(lambda _: pay_out(bank, admin, held["id"], to_account_id=other), range(6)))
    assert Counter(each.status_code for each in paid) == {201: 1, 409: 5}
    assert {each.get_json().get("error_code") for each in paid} == {None, "ALREADY_PAID_OUT"}
    assert (ada.balance(other), bob.balance(target)) == ("6.00", "0.00")
    payout = next(each for each in paid if each.status_code == 201).get_json()["transaction"]
    (item,) = suspense(admin, ada, paid_out="true")["suspense"]
    assert (item["transaction_id"], item["paid_out_by"]) == (held["id"], payout["id"])
    assert suspense(admin, ada, paid_out="false")["suspense"] == []
    newest = ada.transactions("recent?limit=1")[0]
    assert (newest["id"], newest["amount"], newest["balance_after"]) == (payout["id"], "6.00", "6.00")
    assert refusal(reverse(bank, admin, held["id"])) == (400, "NOT_REVERSIBLE")
    assert refusal(reverse(bank, admin, payout["id"])) == (400, "NOT_REVERSIBLE")


def test_a_payout_reverses_no_payment(bank: Suite, admin: Person, ada: Person, stranded: tuple[str, str]) -> None:
    held = reverse(bank, admin, stranded[0], to_suspense=True).get_json()["transaction"]["id"]
    assert pay_out(bank, admin, held, to_account_id=ada.open()["id"]).status_code == 201
    sent, returned = (
        bank.call("transaction", "GET", f"/api/transactions/details/{one}", admin).get_json()["transaction"]
        for one in (stranded[0], held)
    )
    assert (sent["reversed_by"], returned["reversed_by"]) == (held, None)


def test_a_repeated_payout_gets_the_first_outcome(
    bank: Suite, admin: Person, ada: Person, stranded: tuple[str, str]
) -> None:
    held = reverse(bank, admin, stranded[0], to_suspense=True).get_json()["transaction"]["id"]
    other = ada.open()["id"]
    first, second = (pay_out(bank, admin, held, "pay-once", to_account_id=other) for _ in range(2))
    assert first.get_json() == second.get_json()
    assert (second.status_code, second.headers["Idempotent-Replayed"]) == (201, "true")
    assert ada.balance(other) == "6.00"


def test_the_list_of_suspense_is_paged(bank: Suite, admin: Person, ada: Person) -> None:
    held = []
    for _ in range(3):
        account = ada.open("1.00")["id"]
        drawn = ada.pay("withdraw", account_id=account, amount="1.00")["transaction"]["id"]
        ada.close(account)
        held.append(reverse(bank, admin, drawn, to_suspense=True).get_json()["transaction"]["id"])
    first = suspense(admin, ada, limit="2")
    second = suspense(admin, ada, limit="2", cursor=first["pagination"]["next_cursor"])
    listed = [item["transaction_id"] for item in first["suspense"] + second["suspense"]]
    assert listed == held[::-1]
    assert second["pagination"]["next_cursor"] is None


def test_only_staff_see_suspense_and_only_admins_pay_out(
    bank: Suite, admin: Person, ada: Person, stranded: tuple[str, str]
) -> None:
    employee = bank.employee()
    held = reverse(bank, admin, stranded[0], to_suspense=True).get_json()["transaction"]["id"]
    other = ada.open()["id"]
    assert bank.call("transaction", "GET", "/api/transactions/suspense", employee).status_code == 200
    assert bank.call("transaction", "GET", "/api/transactions/suspense", ada).status_code == 403
    for somebody in (ada, employee):
        assert refusal(pay_out(bank, somebody, held, to_account_id=other)) == (403, "FORBIDDEN")
        assert refusal(reverse(bank, somebody, stranded[0], to_suspense=True)) == (403, "FORBIDDEN")
    for nothing in (str(uuid4()), stranded[0]):
        assert refusal(pay_out(bank, admin, nothing, to_account_id=other)) == (404, "NOT_FOUND")


def test_an_admin_can_not_pay_out_their_own_money(
    bank: Suite, admin: Person, ada: Person, stranded: tuple[str, str]
) -> None:
    held = reverse(bank, admin, stranded[0], to_suspense=True).get_json()["transaction"]["id"]
    other = ada.open()["id"]
    promoted = bank.promote(ada, "admin")
    assert refusal(pay_out(bank, promoted, held, to_account_id=other)) == (403, "FORBIDDEN")


def test_no_payment_can_name_the_suspense_account(ada: Person, bank: Suite) -> None:
    account = ada.open("5.00")["id"]
    for kind, body in (
        ("transfer", {"from_account_id": account, "to_account_id": SUSPENSE}),
        ("transfer", {"from_account_id": SUSPENSE, "to_account_id": account}),
        ("deposit", {"account_id": SUSPENSE}),
        ("withdraw", {"account_id": SUSPENSE}),
    ):
        path = f"/api/transactions/{kind}"
        answer = bank.call("transaction", "POST", path, ada, json={**body, "amount": "1.00"})
        assert refusal(answer) == (404, "NOT_FOUND")
    assert ada.balance(account) == "5.00"
