"""Amounts have the decimals of the bank's currency in input and output."""

from collections.abc import Iterator

import pytest

from tests.support.suite import Person, Suite


@pytest.fixture(scope="module", params=["USD", "JPY", "TND", "RSD"])
def currency(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ada(currency: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    suite = Suite(tmp_path_factory.mktemp(currency), BANK_CURRENCY=currency).start()
    yield suite.person()
    suite.stop()


WRITTEN = {
    "USD": ("0.00", "You can write “1,250.00” or “1250.00”.", "$1,250.00"),
    "JPY": ("0", "You can write “1,250” or “1250”.", "¥1,250"),
    "TND": ("0.000", "Write thousands without a comma, as in “1250.000”.", "TND1,250.000"),
    "RSD": ("0.00", "You can write “1,250.00” or “1250.00”.", "RSD1,250.00"),
}


def test_the_page_explains_the_notation_of_amounts(ada: Person, currency: str) -> None:
    nothing, hint, shown = WRITTEN[currency]
    ada.open("1250")
    for path in ("/transactions/deposit", "/transactions/withdraw", "/transactions/transfer", "/accounts/create"):
        page = ada.visitor.get(path).text
        assert hint in page
        assert f'placeholder="{nothing}"' in page
    assert shown in ada.visitor.get("/accounts").text


TYPED = [
    ("USD", "1,250", "1250.00"),
    ("USD", "1,250.5", "1250.50"),
    ("USD", "12.345", None),
    ("JPY", "1,250", "1250"),
    ("JPY", "1250.0", None),
    ("TND", "1250.125", "1250.125"),
    ("TND", "1,250", None),
    ("TND", "1,250.125", None),
    ("RSD", "1250.50", "1250.50"),
]


def test_grouping_commas_are_accepted_where_they_can_not_be_decimals(ada: Person, currency: str) -> None:
    for _, typed, balance in (row for row in TYPED if row[0] == currency):
        account = ada.open()
        answer = ada.visitor.submit("/transactions/deposit", account_id=account["id"], amount=typed)
        assert answer.status_code == (400 if balance is None else 303), typed
        assert balance is None or ada.balance(account["id"]) == balance


def test_filters_accept_the_same_notation(ada: Person, currency: str) -> None:
    for _, typed, balance in (row for row in TYPED if row[0] == currency):
        page = ada.visitor.get("/transactions", query_string={"min": typed})
        assert page.status_code == (400 if balance is None else 200), typed


MOST = {"USD": "10,000,000,000.00", "JPY": "10,000,000,000", "TND": "10,000,000,000.000", "RSD": "10,000,000,000.00"}


def test_the_limit_in_the_message_is_formatted_for_people(ada: Person, currency: str) -> None:
    account = ada.open()
    page = ada.visitor.submit("/transactions/deposit", account_id=account["id"], amount="10000000001")
    assert f"The amount must be at most {MOST[currency]}." in page.text
