"""A transfer has two steps, a form and a review. Both can be reloaded, and the review pays once."""

import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.suite import Person, Suite
from tests.support.visitor import fill_in, form_with, forms_of, key_of

TRANSFER = "/transactions/transfer"


def review_of(customer: Person, **fields: str) -> TestResponse:
    """Submit a transfer and return its review, or the form with errors."""
    answer = customer.visitor.post(TRANSFER, fill_in(customer.visitor, TRANSFER, **fields))
    return customer.visitor.get(answer.headers["Location"]) if answer.status_code == 303 else answer


def confirm(customer: Person, review: TestResponse, **fields: str) -> TestResponse:
    return customer.visitor.post(review.request.full_path, {**confirmation_in(review), **fields})


def confirmation_in(review: TestResponse) -> dict[str, str]:
    return next(form.fields for form in forms_of(review) if "idempotency_key" in form.fields)


def change_link(review: TestResponse) -> str:
    found = re.search(rf'href="({TRANSFER}\?draft=[^"]+)"', review.text)
    assert found
    return found[1]


def test_the_review_shows_payee_and_amount(
    ada: Person, bob: Person, account: dict[str, Any], payee: dict[str, Any]
) -> None:
    number = payee["account_number"]
    typed = f"{number[:4]} {number[4:]}"
    review = review_of(
        ada, from_account_id=account["id"], to_account_number=typed, amount="30", description="Lunch & <b>tea</b>"
    )
    assert review.status_code == 200
    assert "b••" in review.text
    assert number in review.text
    assert "$30.00" in review.text
    assert "$70.00" in review.text
    assert "Lunch &amp; &lt;b&gt;tea" in review.text
    assert ">Confirm transfer</button>" in review.text
    assert bob.balance(payee["id"]) == "0.00"
    first, second = (confirm(ada, review) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    assert 'Transferred <span class="money private">$30.00</span>.' in ada.visitor.get(first.headers["Location"]).text
    assert (ada.balance(account["id"]), bob.balance(payee["id"])) == ("70.00", "30.00")


def test_a_transfer_can_be_changed_before_it_is_confirmed(
    ada: Person, account: dict[str, Any], payee: dict[str, Any]
) -> None:
    review = review_of(ada, from_account_id=account["id"], to_account_number=payee["account_number"], amount="30")
    page = ada.visitor.get(change_link(review))
    assert page.status_code == 200
    fields = form_with(page, amount="30", to_account_number=payee["account_number"]).fields
    assert fields["idempotency_key"] == key_of(review)
    answer = ada.visitor.post(TRANSFER, {**fields, "amount": "31"})
    assert "$31.00" in ada.visitor.get(answer.headers["Location"]).text
    assert ada.balance(account["id"]) == "100.00"


def test_a_transfer_between_own_accounts(ada: Person, account: dict[str, Any]) -> None:
    target = ada.open(nickname="Holidays")
    review = review_of(ada, from_account_id=account["id"], to_account_id=target["id"], amount="100.00")
    assert "Holidays" in review.text
    assert confirm(ada, review).status_code == 303
    assert (ada.balance(account["id"]), ada.balance(target["id"])) == ("0.00", "100.00")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "to_account_id"),
        ({"to_account_id": "SELF"}, "to_account_id"),
        ({"to_account_id": "SELF", "to_account_number": "NUMBER"}, "to_account_id"),
        ({"to_account_number": "1234567890"}, "to_account_number"),
        ({"to_account_number": "1000000008"}, "to_account_number"),
        ({"to_account_number": "NUMBER", "amount": "100.01"}, "amount"),
        ({"to_account_number": "NUMBER", "amount": "nothing"}, "amount"),
        ({"to_account_number": "NUMBER", "from_account_id": "nonsense"}, "from_account_id"),
    ],
)
def test_errors_of_a_transfer_are_shown_beside_their_fields(
    ada: Person, account: dict[str, Any], payee: dict[str, Any], fields: dict[str, str], wrong: str
) -> None:
    known = {"SELF": account["id"], "NUMBER": payee["account_number"]}
    given = {name: known.get(value, value) for name, value in fields.items()}
    page = review_of(ada, **{"from_account_id": account["id"], "amount": "1.00", **given})
    assert page.status_code == 400
    assert f'id="{wrong}-error"' in page.text
    assert "Confirm transfer" not in page.text


def test_a_confirmation_is_validated_like_the_form(ada: Person, account: dict[str, Any], payee: dict[str, Any]) -> None:
    review = review_of(ada, from_account_id=account["id"], to_account_number=payee["account_number"], amount="1")
    page = confirm(ada, review, to_account_number="123")
    assert page.status_code == 400
    assert 'id="to_account_number-error"' in page.text
    assert ada.balance(account["id"]) == "100.00"


def test_every_step_of_a_transfer_can_be_reloaded(ada: Person, account: dict[str, Any], payee: dict[str, Any]) -> None:
    review = review_of(ada, from_account_id=account["id"], to_account_number=payee["account_number"], amount="60")
    again = ada.visitor.get(review.request.full_path)
    assert confirmation_in(again)["idempotency_key"] == confirmation_in(review)["idempotency_key"]
    first = confirm(ada, review)
    later = ada.visitor.get(review.request.full_path)
    assert later.status_code == 200
    assert "it has been made and is not made again" in later.text
    assert confirm(ada, later).headers["Location"] == first.headers["Location"]
    assert ada.balance(account["id"]) == "40.00"


def test_a_draft_is_encrypted_for_one_user(
    ada: Person, bob: Person, account: dict[str, Any], payee: dict[str, Any]
) -> None:
    review = review_of(ada, from_account_id=account["id"], to_account_number=payee["account_number"], amount="1")
    path = review.request.full_path
    assert payee["account_number"] not in path
    for visitor, address in ((bob.visitor, path), (ada.visitor, f"{TRANSFER}/review"), (ada.visitor, path[:-4])):
        answer = visitor.get(address)
        assert (answer.status_code, answer.headers["Location"]) == (303, TRANSFER)


def test_a_draft_that_became_invalid_shows_the_form(ada: Person, payee: dict[str, Any]) -> None:
    source = ada.open("5.00")
    review = review_of(ada, from_account_id=source["id"], to_account_number=payee["account_number"], amount="5")
    confirm(ada, review)
    ada.bank.call("account", "DELETE", f"/api/accounts/close/{source['id']}", ada)
    page = ada.visitor.get(review.request.full_path)
    assert page.status_code == 400
    assert 'id="from_account_id-error"' in page.text


def test_a_transfer_with_an_open_outcome_can_be_confirmed_again(
    ada: Person, account: dict[str, Any], payee: dict[str, Any]
) -> None:
    review = review_of(ada, from_account_id=account["id"], to_account_number=payee["account_number"], amount="60")
    adapter = ada.bank.adapters["transaction"]
    adapter.down = True
    try:
        page = confirm(ada, review)
    finally:
        adapter.down = False
    assert page.status_code == 503
    assert "it will count only once" in page.text
    assert key_of(page) == key_of(review)
    assert confirm(ada, page).status_code == 303
    assert ada.balance(account["id"]) == "40.00"


def test_a_transfer_refused_on_confirmation_shows_the_form(
    ada: Person, account: dict[str, Any], payee: dict[str, Any]
) -> None:
    review = review_of(ada, from_account_id=account["id"], to_account_number=payee["account_number"], amount="90")
    ada.pay("withdraw", account_id=account["id"], amount="50.00")
    page = confirm(ada, review)
    assert page.status_code == 400
    assert "There is not enough money in the account. Enter a smaller amount, or pay money in first." in page.text
    fields = form_with(page, amount="90").fields
    assert fields["idempotency_key"] != key_of(review)


def test_the_payees_name_is_masked(ada: Person, payee: dict[str, Any]) -> None:
    answer = ada.visitor.get(f"/transactions/payee?account_number={payee['account_number']}")
    assert answer.json == {"account_number": f"••••{payee['account_number'][-4:]}", "owner_name": "b••"}
    assert ada.visitor.get("/transactions/payee?account_number=1000000008").status_code == 404


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("", "to <strong>Ben O.</strong>"),
        ("Ben Okafor", "The account is in the name that you entered."),
        ("B Okafor", "The name that you entered is close: Ben O. holds the account."),
        ("Eve Adams", "The account is not in the name that you entered."),
    ],
)
def test_the_review_says_whether_the_typed_name_is_the_payee_s(
    bank: Suite, ada: Person, account: dict[str, Any], typed: str, text: str
) -> None:
    ben = bank.person()
    bank.call("auth", "PUT", "/api/auth/users/profile", ben, json={"full_name": "Ben Okafor"})
    number = ben.open()["account_number"]
    review = review_of(ada, from_account_id=account["id"], to_account_number=number, payee_name=typed, amount="1")
    assert text in review.text
    assert confirm(ada, review).status_code == 303
    page = ada.visitor.get("/transactions")
    assert ">Ben O.</a>" in page.text
    made = ada.transactions()[0]
    receipt = ada.visitor.get(f"/transactions/{made['id']}/receipt").text
    assert "Ben O." in receipt
    assert "Account holder</dt><dd>ada</dd>" in receipt
    live: Any = ada.visitor.get(f"/transactions/payee?account_number={number}&name={typed}").json
    assert live.get("name_match") == {"": None, "Ben Okafor": "match", "B Okafor": "close_match"}.get(typed, "no_match")
