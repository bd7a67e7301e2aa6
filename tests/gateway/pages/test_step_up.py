"""Pages ask for a fresh code in place, and then go on with what was entered."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from shared.core import clock
from tests.support.auth_rules import app_code
from tests.support.suite import PASSWORD, BankOptions, Suite
from tests.support.visitor import form_with


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(variables={"STEP_UP_AMOUNT": "100"})


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock stand, since codes of authenticator apps change every 30 seconds."""
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)


class Holder:
    """A customer with a second factor, whose last proof counts as old."""

    def __init__(self, bank: Suite) -> None:
        self.bank = bank
        person = bank.person()
        self.account = person.open("1000.00")
        self.secret = bank.call("auth", "POST", "/api/auth/mfa/setup", person).get_json()["secret"]
        body: dict[str, Any] = {"otp": app_code(self.secret, -1)}
        bank.call("auth", "POST", "/api/auth/mfa/enable", person, json=body)
        body = {"username": person.username, "password": PASSWORD, "otp": app_code(self.secret)}
        token = bank.call("auth", "POST", "/api/auth/login", json=body).get_json()["token"]
        self.person = person.with_token(token)
        self.visitor = bank.visitor()
        self.visitor.log_in(person.username)
        self.visitor.submit("/login", otp=app_code(self.secret, 1))


@pytest.fixture
def holder(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> Holder:
    holder = Holder(bank)
    monkeypatch.setattr("shared.web.access.STEP_UP_SECONDS", -1.0)
    return holder


@pytest.fixture(scope="module")
def payee(bank: Suite) -> dict[str, Any]:
    return bank.person().open()


def transfer(holder: Holder, service: str, **body: str) -> tuple[int, str]:
    fields = {"from_account_id": holder.account["id"], **body}
    answer = holder.bank.call(service, "POST", "/api/transactions/transfer", holder.person, json=fields)
    return answer.status_code, answer.get_json().get("error_code", "")


@pytest.mark.parametrize("service", ["transaction", "gateway"])
def test_a_large_transfer_to_somebody_else_needs_a_fresh_code(
    holder: Holder, payee: dict[str, Any], service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = holder.person.open(account_type="savings")
    refused = (403, "STEP_UP_REQUIRED")
    assert transfer(holder, service, to_account_id=payee["id"], amount="100.01") == refused
    assert transfer(holder, service, to_account_number=payee["account_number"], amount="100.01") == refused
    assert transfer(holder, service, to_account_id="0" * 32, amount="100.01")[0] in (400, 403)
    assert transfer(holder, service, to_account_id=own["id"], amount="100.01") == (201, "")
    monkeypatch.setattr("shared.web.access.STEP_UP_SECONDS", 300.0)
    assert transfer(holder, service, to_account_id=payee["id"], amount="100.01") == (201, "")


@pytest.mark.parametrize("service", ["transaction", "gateway"])
@pytest.mark.parametrize("named_by", ["id", "account_number"])
def test_the_first_transfer_to_somebody_else_needs_a_fresh_code(
    holder: Holder, payee: dict[str, Any], service: str, named_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = {f"to_account_{named_by.removeprefix('account_')}": payee[named_by]}
    assert transfer(holder, service, **to, amount="1.00") == (403, "STEP_UP_REQUIRED")
    with monkeypatch.context() as patch:
        patch.setattr("shared.web.access.STEP_UP_SECONDS", 300.0)
        assert transfer(holder, service, **to, amount="1.00") == (201, "")
    for _ in range(2):
        assert transfer(holder, service, **to, amount="100.00") == (201, ""), "who was paid before is no new payee"
    own = holder.person.open(account_type="savings")
    assert transfer(holder, service, to_account_id=own["id"], amount="1.00") == (201, "")


def test_a_failed_transfer_makes_no_known_payee(
    holder: Holder, payee: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("shared.web.access.STEP_UP_SECONDS", 300.0)
        refused = transfer(holder, "transaction", to_account_id=payee["id"], amount="99999.00")
        assert refused == (400, "INSUFFICIENT_FUNDS")
    assert transfer(holder, "transaction", to_account_id=payee["id"], amount="1.00") == (403, "STEP_UP_REQUIRED")


def test_a_customer_without_a_second_factor_is_not_asked(bank: Suite, payee: dict[str, Any]) -> None:
    giver = bank.person()
    account = giver.open("500.00")
    giver.pay("transfer", from_account_id=account["id"], to_account_id=payee["id"], amount="200.00")


def test_the_review_of_a_transfer_asks_for_the_code_and_pays_once(
    holder: Holder, payee: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = holder.visitor
    fields = {"from_account_id": holder.account["id"], "to_account_number": payee["account_number"], "amount": "300"}
    answer = visitor.submit("/transactions/transfer", **fields)
    address = answer.headers["Location"]
    path = urlsplit(address).path
    review = form_with(visitor.get(address), to_account_number=payee["account_number"])
    asked = visitor.post(path, review.fields)
    assert asked.status_code == 400
    assert "Enter the code that your authenticator app shows now" in asked.text
    assert "optional" not in asked.text
    again = form_with(asked, to_account_number=payee["account_number"])
    assert again.fields["idempotency_key"] == review.fields["idempotency_key"]
    wrong = visitor.post(path, {**again.fields, "otp": "000000"})
    assert wrong.status_code == 400
    assert 'id="otp-error"' in wrong.text
    monkeypatch.setattr("shared.web.access.STEP_UP_SECONDS", 300.0)
    monkeypatch.setattr("auth_service.second_factor.second_factor_logic.STEPS_OFF", 2)
    done = visitor.post(path, {**again.fields, "otp": app_code(holder.secret, 2)})
    assert done.status_code == 303
    listed = holder.bank.call("transaction", "GET", "/api/transactions/list?type=transfer", holder.person).get_json()
    assert [one["amount"] for one in listed["transactions"]] == ["300.00"]


@pytest.mark.parametrize(
    ("page", "fields"),
    [
        (
            "/settings",
            {"current_password": PASSWORD, "new_password": "a new passphrase", "confirm_password": "a new passphrase"},
        ),
        ("/profile", {"email": "another@example.com", "current_password": PASSWORD}),
    ],
)
def test_password_and_address_are_changed_after_a_code(
    holder: Holder, page: str, fields: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = holder.visitor
    asked = visitor.submit(page, **fields)
    assert asked.status_code == 400
    assert 'name="otp"' in asked.text
    monkeypatch.setattr("shared.web.access.STEP_UP_SECONDS", 300.0)
    monkeypatch.setattr("auth_service.second_factor.second_factor_logic.STEPS_OFF", 2)
    assert visitor.submit(page, **fields, otp=app_code(holder.secret, 2)).status_code == 303
