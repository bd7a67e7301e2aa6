"""Reversals over the real services: once, never of own transactions, netted in the sums."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.support.suite import BankOptions, Person, Suite
from tests.transaction.endpoints import TRANSFER, WITHDRAW, balance, get, post, reverse


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


def test_an_admin_reverses_a_transaction_once(bank: Suite, ada: Person, bob: Person, admin: Person) -> None:
    source, target = ada.open("10.00"), bob.open()
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


def test_a_reversal_is_netted_against_the_reversed_transaction(bank: Suite, admin: Person) -> None:
    eve, fay = bank.person(), bank.person()
    first, second, hers = eve.open("100"), eve.open(), fay.open()
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


def test_a_payout_from_suspense_is_netted_against_the_reversed_transaction(bank: Suite, admin: Person) -> None:
    eve = bank.person()
    closed, other = eve.open("10"), eve.open()
    drawn = post(bank, WITHDRAW, eve, account_id=closed["id"], amount="10").get_json()["transaction"]
    bank.call("account", "DELETE", f"/api/accounts/close/{closed['id']}", eve)
    held = post(bank, f"/api/transactions/reverse/{drawn['id']}", admin, to_suspense=True).get_json()["transaction"]
    summary = get(bank, "summary", eve)["summary"]
    assert (summary["income"], summary["expense"]) == ("10.00", "10.00")
    paid_out = post(bank, f"/api/transactions/pay_out/{held['id']}", admin, to_account_id=other["id"])
    assert paid_out.status_code == 201
    summary = get(bank, "summary", eve)["summary"]
    assert (summary["income"], summary["expense"]) == ("10.00", "0.00")


def test_a_reversal_and_the_reversed_transaction_name_each_other(
    bank: Suite, ada: Person, bob: Person, admin: Person
) -> None:
    source, target = ada.open("10.00"), bob.open()
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


def test_only_staff_see_a_failed_reversal(bank: Suite, ada: Person, bob: Person, admin: Person) -> None:
    source, target = ada.open("10.00"), bob.open()
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


def test_an_admin_can_not_reverse_transactions_of_their_own_accounts(bank: Suite, ada: Person, admin: Person) -> None:
    own, theirs = admin.open("10.00"), ada.open("10.00")
    sent = post(bank, TRANSFER, admin, from_account_id=own["id"], to_account_id=theirs["id"], amount="6")
    received = post(bank, TRANSFER, ada, from_account_id=theirs["id"], to_account_id=own["id"], amount="1")
    drawn = post(bank, WITHDRAW, admin, account_id=own["id"], amount="2")
    for made in (sent, received, drawn):
        path = f"/api/transactions/reverse/{made.get_json()['transaction']['id']}"
        answer = bank.call("transaction", "POST", path, admin)
        assert (answer.status_code, answer.get_json()["error_code"]) == (403, "FORBIDDEN")
        assert "of your own" in answer.get_json()["message"]
    assert [balance(bank, admin, own), balance(bank, ada, theirs)] == ["3.00", "15.00"]


def test_concurrent_reversals_move_the_money_back_once(bank: Suite, ada: Person, admin: Person) -> None:
    account = ada.open("10.00")
    sent = post(bank, WITHDRAW, ada, account_id=account["id"], amount="4").get_json()["transaction"]
    with ThreadPoolExecutor(8) as pool:
        path = f"/api/transactions/reverse/{sent['id']}"
        codes = Counter(pool.map(lambda _: bank.call("transaction", "POST", path, admin).status_code, range(8)))
    assert codes == {201: 1, 409: 7}
    assert balance(bank, ada, account) == "10.00"
