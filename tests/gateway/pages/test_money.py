"""Payment forms take effect once despite double clicks, reloads and the back button."""

import re
import threading
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api_gateway.clients.transaction import TransactionClient
from shared.core.errors import ServiceUnavailable
from shared.http.client import NoAnswer
from tests.support.suite import Person, Suite
from tests.support.visitor import fill_in, form_with, forms_of, key_of
from transaction_service.transaction_clients import LedgerClient

TRANSFER = "/transactions/transfer"


@pytest.mark.parametrize(
    ("kind", "balance", "words"), [("deposit", "112.50", "Deposited"), ("withdraw", "87.50", "Withdrew")]
)
def test_a_payment_redirects_to_its_transaction(
    ada: Person, account: dict[str, Any], kind: str, balance: str, words: str
) -> None:
    path = f"/transactions/{kind}"
    answer = ada.visitor.submit(path, account_id=account["id"], amount=" 12.50 ", description="Books")
    assert answer.status_code == 303
    page = ada.visitor.get(answer.headers["Location"])
    assert page.status_code == 200
    assert f'{words} <span class="money private">$12.50</span>.' in page.text
    assert "Books" in page.text
    assert ada.balance(account["id"]) == balance


def test_the_same_form_sent_twice_pays_once(ada: Person, account: dict[str, Any]) -> None:
    fields = fill_in(ada.visitor, "/transactions/deposit", account_id=account["id"], amount="1.00")
    first, second = (ada.visitor.post("/transactions/deposit", fields) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert ada.balance(account["id"]) == "101.00"


def test_a_double_click_pays_once(ada: Person, account: dict[str, Any]) -> None:
    fields = fill_in(ada.visitor, "/transactions/withdraw", account_id=account["id"], amount="1.00")
    answers: list[TestResponse] = []

    def click() -> None:
        client = ada.bank.apps["gateway"].test_client()
        client.set_cookie("session", ada.visitor.cookie)
        answers.append(client.post("/transactions/withdraw", data=fields))

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert {answer.headers.get("Location") for answer in answers} == {answers[0].headers["Location"]}
    assert ada.balance(account["id"]) == "99.00"


def test_a_refused_form_keeps_its_input_and_gets_a_new_key(ada: Person, account: dict[str, Any]) -> None:
    fields = fill_in(
        ada.visitor, "/transactions/withdraw", account_id=account["id"], amount="100.01", description="Too much"
    )
    page = ada.visitor.post("/transactions/withdraw", fields)
    assert page.status_code == 400
    assert "There is not enough money in the account. Enter a smaller amount, or pay money in first." in page.text
    assert 'value="100.01"' in page.text
    assert 'value="Too much"' in page.text
    assert key_of(page) != fields["idempotency_key"]
    again = form_with(page, amount="100.01").fields
    assert ada.visitor.post("/transactions/withdraw", {**again, "amount": "100.00"}).status_code == 303
    assert ada.balance(account["id"]) == "0.00"


def test_a_reused_key_is_explained(ada: Person, account: dict[str, Any]) -> None:
    fields = fill_in(ada.visitor, "/transactions/deposit", account_id=account["id"], amount="1.00")
    ada.visitor.post("/transactions/deposit", fields)
    page = ada.visitor.post("/transactions/deposit", {**fields, "amount": "2.00"})
    assert page.status_code == 400
    assert "This form was sent before, with other values." in page.text
    assert ada.balance(account["id"]) == "101.00"


@pytest.mark.parametrize("amount", ["", "0", "-1", "1.001", "1e3", "NaN", "abc", "1,5", "10000000000.01", "٣"])
def test_an_invalid_amount_is_explained_beside_the_field(ada: Person, account: dict[str, Any], amount: str) -> None:
    page = ada.visitor.submit("/transactions/deposit", account_id=account["id"], amount=amount)
    assert page.status_code == 400
    assert 'id="amount-error"' in page.text
    assert ada.balance(account["id"]) == "100.00"


@pytest.mark.parametrize(
    ("typed", "balance"),
    [("1,250.00", "1350.00"), (" 5 ", "105.00"), ("1,250,000", "1250100.00"), ("1,234.5", "1334.50")],
)
def test_commas_between_thousands_are_accepted(ada: Person, account: dict[str, Any], typed: str, balance: str) -> None:
    assert ada.visitor.submit("/transactions/deposit", account_id=account["id"], amount=typed).status_code == 303
    assert ada.balance(account["id"]) == balance


@pytest.mark.parametrize("typed", ["1234,567", "1,25", "1,2345", "01,234", "1,234,5", ",5", "1,,000", "0,000"])
@pytest.mark.parametrize("path", ["/transactions/deposit", "/transactions/withdraw", TRANSFER, "/accounts/create"])
def test_a_misplaced_comma_is_refused_and_kept_in_the_field(
    ada: Person, account: dict[str, Any], payee: dict[str, Any], path: str, typed: str
) -> None:
    fields = {
        TRANSFER: {"from_account_id": account["id"], "to_account_number": payee["account_number"]},
        "/accounts/create": {"initial_deposit": typed},
    }.get(path, {"account_id": account["id"]})
    page = ada.visitor.submit(path, amount=typed, **fields)
    assert page.status_code == 400
    assert "The amount can have commas only between thousands" in page.text
    assert f'value="{typed}"' in page.text
    assert ada.balance(account["id"]) == "100.00"


def test_the_form_explains_the_notation_of_amounts(ada: Person, account: dict[str, Any]) -> None:
    page = ada.visitor.get(f"/transactions/deposit?account_id={account['id']}").text
    assert "You can write “1,250.00” or “1250.00”." in page
    assert 'placeholder="0.00"' in page


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("kind", ["deposit", "withdraw"])
def test_an_account_of_another_user_can_not_be_chosen(ada: Person, payee: dict[str, Any], kind: str) -> None:
    page = ada.visitor.submit(f"/transactions/{kind}", account_id=payee["id"], amount="1.00")
    assert page.status_code == 400
    assert 'id="account_id-error"' in page.text


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel", "a b\r\nc"])
def test_a_malformed_key_is_replaced(ada: Person, account: dict[str, Any], key: str) -> None:
    answer = ada.visitor.submit("/transactions/deposit", account_id=account["id"], amount="1.00", idempotency_key=key)
    assert answer.status_code == 303


@pytest.mark.parametrize("kind", ["deposit", "withdraw", "transfer"])
def test_the_form_links_to_opening_an_account_if_there_is_none(bank: Suite, kind: str) -> None:
    page = bank.person().visitor.get(f"/transactions/{kind}")
    assert page.status_code == 200
    assert 'href="/accounts/create"' in page.text


def freeze(bank: Suite, account: dict[str, Any]) -> None:
    body = {"status": "frozen", "reason": "suspicion of fraud", "show_reason": False}
    path = f"/api/accounts/update/{account['id']}"
    assert bank.call("account", "PUT", path, bank.admin(), json=body).status_code == 200


@pytest.mark.parametrize("kind", ["deposit", "withdraw", "transfer"])
def test_a_frozen_account_is_listed_but_can_not_be_chosen(bank: Suite, kind: str) -> None:
    person = bank.person()
    frozen, active = person.open("5.00", nickname="Stuck"), person.open("5.00")
    freeze(bank, frozen)
    path = f"/transactions/{kind}"
    page = person.visitor.get(path).text
    options = re.findall(rf'<option[^>]*value="{frozen["id"]}"[^>]*>[^<]*frozen[^<]*</option>', page)
    assert len(options) == (2 if kind == "transfer" else 1)
    assert all(re.search(r"\bdisabled\b", option) for option in options)
    assert "Please call or visit your branch." in page
    assert "fraud" not in page
    chosen = {"from_account_id": frozen["id"], "to_account_id": active["id"]}
    if kind != "transfer":
        chosen = {"account_id": frozen["id"]}
    refused = person.visitor.submit(path, amount="1.00", **chosen)
    assert refused.status_code == 400
    assert "This account is frozen: no money can move in or out of it." in refused.text
    assert person.balance(frozen["id"]) == "5.00"


def test_a_customer_with_frozen_accounts_only_is_told_whom_to_ask(bank: Suite) -> None:
    person = bank.person()
    account = person.open("5.00")
    freeze(bank, account)
    for path in ("/transactions/deposit", TRANSFER, f"/accounts/{account['id']}", f"/accounts/{account['id']}/close"):
        page = person.visitor.get(path).text
        assert "Please call or visit your branch." in page
        assert "fraud" not in page
    assert not [form for form in forms_of(person.visitor.get(TRANSFER)) if "amount" in form.fields]


def test_a_link_from_an_account_selects_it_in_the_form(ada: Person, account: dict[str, Any]) -> None:
    assert fill_in(ada.visitor, f"/transactions/deposit?account_id={account['id']}")["account_id"] == account["id"]
    fields = fill_in(ada.visitor, f"{TRANSFER}?from_account_id={account['id']}")
    assert fields["from_account_id"] == account["id"]


def test_the_form_keeps_its_key_while_transactions_are_unavailable(ada: Person, account: dict[str, Any]) -> None:
    fields = fill_in(ada.visitor, "/transactions/deposit", account_id=account["id"], amount="5.00")
    adapter = ada.bank.adapters["transaction"]
    adapter.down = True
    try:
        page = ada.visitor.post("/transactions/deposit", fields)
    finally:
        adapter.down = False
    assert page.status_code == 503
    assert 'value="5.00"' in page.text
    assert "it will count only once" in page.text
    assert key_of(page) == fields["idempotency_key"]
    assert ada.visitor.post("/transactions/deposit", form_with(page, amount="5.00").fields).status_code == 303
    assert ada.balance(account["id"]) == "105.00"


def test_a_payment_whose_outcome_is_open_is_shown_as_pending(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    eve = bank.person()
    account = eve.open("10.00")
    with monkeypatch.context() as patch:
        patch.setattr(LedgerClient, "post", _silence)
        answer = eve.visitor.submit("/transactions/deposit", account_id=account["id"], amount="5.00")
        assert answer.status_code == 303
        page = eve.visitor.get(answer.headers["Location"])
    assert "Your payment is on its way." in page.text
    assert "data-pending" in page.text
    assert "Pending" in page.text


def _silence(*_args: object) -> None:
    raise NoAnswer(may_have_arrived=True)


def test_the_form_keeps_its_key_while_the_outcome_is_open(
    ada: Person, account: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_args: object, **_options: object) -> None:
        raise ServiceUnavailable(details={"outcome": "unknown"})

    fields = fill_in(ada.visitor, "/transactions/deposit", account_id=account["id"], amount="5.00")
    with monkeypatch.context() as patch:
        patch.setattr(TransactionClient, "pay", unknown)
        page = ada.visitor.post("/transactions/deposit", fields)
    assert page.status_code == 503
    assert "it will count only once" in page.text
    assert key_of(page) == fields["idempotency_key"]
