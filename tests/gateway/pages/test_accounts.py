"""Pages for the caller's own accounts: opening, viewing, closing."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from api_gateway.clients.account import Account, Entry
from api_gateway.clients.base import ListPage, NextPage
from api_gateway.pages.common.balances import balances
from shared.core.formats import MINUS
from shared.http.client import NoAnswer
from tests.support.suite import Person, Suite
from tests.support.visitor import form_with
from transaction_service.transaction_clients import LedgerClient


def open_by_form(ada: Person, **fields: str) -> tuple[str, str]:
    """Submit the form and return the address and text of the page that it redirects to."""
    answer = ada.visitor.submit("/accounts/create", **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"], ada.visitor.get(answer.headers["Location"]).text


def test_an_empty_list_links_to_opening_an_account(bank: Suite) -> None:
    for path in ("/accounts", "/dashboard", "/transactions", "/reports"):
        page = bank.person().visitor.get(path)
        assert page.status_code == 200
        assert 'href="/accounts/create"' in page.text


def test_an_account_is_opened_with_a_nickname(ada: Person) -> None:
    location, page = open_by_form(ada, account_type="savings", nickname="Holidays")
    assert "Holidays is open." in page
    assert "Savings" in page
    assert "Holidays" in ada.visitor.get("/accounts").text
    assert location.startswith("/accounts/")


def test_a_blank_nickname_is_none(ada: Person) -> None:
    _, page = open_by_form(ada, account_type="investment", nickname="  ")
    assert "Investment account is open." in page


def test_sending_the_page_twice_opens_one_account(bank: Suite) -> None:
    bob = bank.person()
    form = form_with(bob.visitor.get("/accounts/create"), initial_deposit="")
    for _ in range(2):
        sent = bob.visitor.post("/accounts/create", {**form.fields, "nickname": "Once", "initial_deposit": "5.00"})
        assert sent.status_code == 303
    assert len(bob.transactions()) == 1
    assert bob.visitor.get("/accounts").text.count('<span class="account-card-name">Once</span>') == 1


def test_an_opening_deposit_is_paid_in(ada: Person) -> None:
    _, page = open_by_form(ada, account_type="checking", initial_deposit="1,250.50")
    assert "Checking account is open." in page
    assert 'The opening deposit of <span class="money private">$1,250.50</span> is booked.' in page
    assert "Opening deposit" in page


def test_a_failed_opening_deposit_is_reported_and_the_account_stays_open(ada: Person) -> None:
    adapter = ada.bank.adapters["transaction"]
    adapter.down = True
    try:
        answer = ada.visitor.submit("/accounts/create", account_type="investment", initial_deposit="5")
    finally:
        adapter.down = False
    assert answer.status_code == 303
    page = ada.visitor.get(answer.headers["Location"]).text
    assert "Investment account is open. We can&#39;t tell yet whether the opening deposit arrived" in page


def test_an_opening_deposit_with_an_unknown_outcome_is_reported(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def silence(*_args: object) -> None:
        raise NoAnswer(may_have_arrived=True)

    with monkeypatch.context() as patch:
        patch.setattr(LedgerClient, "post", silence)
        _, page = open_by_form(ada, account_type="checking", initial_deposit="5")
    assert "The opening deposit is on its way" in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"account_type": "gold"}, "Not a valid choice"),
        ({"initial_deposit": "-1"}, "The amount must be more than zero."),
        ({"initial_deposit": "1.001"}, "The amount must have at most 2 decimals in USD."),
        ({"nickname": "x" * 51}, "Use at most 50 characters."),
        ({"nickname": "a\tb"}, "Nickname must be one line"),
    ],
)
def test_errors_are_shown_beside_their_fields(ada: Person, fields: dict[str, str], words: str) -> None:
    page = ada.visitor.submit("/accounts/create", **{"account_type": "checking", **fields})
    assert page.status_code == 400
    assert words in page.text
    assert 'class="invalid-feedback"' in page.text


def test_an_account_shows_its_number_its_balance_and_its_history(ada: Person) -> None:
    account, other = ada.open("100.00", nickname="Everyday"), ada.open(nickname="Holidays")
    ada.pay("transfer", from_account_id=account["id"], to_account_id=other["id"], amount="40.00", description="Sun")
    page = ada.visitor.get(f"/accounts/{account['id']}")
    assert page.status_code == 200
    assert account["account_number"] in page.text
    assert "$60.00" in page.text
    assert f"{MINUS}$40.00" in page.text
    assert "Transfer to Holidays" in page.text
    assert 'src="data:image/svg+xml,' in page.text
    assert "+$40.00" in ada.visitor.get(f"/accounts/{other['id']}").text


def test_the_history_can_be_filtered(ada: Person) -> None:
    account = ada.open("100.00")
    ada.pay("withdraw", account_id=account["id"], amount="7.00", description="Needle")
    address = f"/accounts/{account['id']}"
    assert "Needle" not in ada.visitor.get(f"{address}?type=deposit").text
    assert "Needle" in ada.visitor.get(f"{address}?type=withdrawal&min=7&max=7&q=need").text
    assert "No matches" in ada.visitor.get(f"{address}?q=haystack").text
    assert ada.visitor.get(f"{address}?from=yesterday").status_code == 400


@pytest.mark.parametrize("path", ["", "/close"])
def test_an_account_of_another_user_is_404(ada: Person, bank: Suite, path: str) -> None:
    strange = bank.person().open()
    for account_id in (strange["id"], uuid4(), "nonsense"):
        assert ada.visitor.get(f"/accounts/{account_id}{path}").status_code == 404


def test_only_an_empty_account_can_be_closed(ada: Person) -> None:
    account = ada.open("5.00", nickname="Old")
    path = f"/accounts/{account['id']}/close"
    page = ada.visitor.get(path)
    assert "Only an empty account can be closed." in page.text
    assert "Confirm closing" not in page.text
    ada.pay("withdraw", account_id=account["id"], amount="5.00")
    assert "Confirm closing</button>" in ada.visitor.get(path).text
    answer = ada.visitor.submit(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/accounts")
    assert "Old is closed." in ada.visitor.get("/accounts").text
    assert "This account is closed already." in ada.visitor.get(path).text
    assert "This account is closed." in ada.visitor.get(f"/accounts/{account['id']}").text


def test_an_account_that_received_money_meanwhile_is_not_closed(ada: Person) -> None:
    account = ada.open()
    path = f"/accounts/{account['id']}/close"
    token = ada.visitor.get(path).text.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]
    ada.pay("deposit", account_id=account["id"], amount="5.00")
    page = ada.visitor.post(path, {"csrf_token": token})
    assert page.status_code == 400
    assert "Move the remaining money away first" in page.text


def test_the_page_reports_unavailable_accounts(ada: Person) -> None:
    adapter = ada.bank.adapters["account"]
    adapter.down = True
    try:
        page = ada.visitor.get("/accounts")
    finally:
        adapter.down = False
    assert page.status_code == 503
    assert "Your money is safe" in page.text


TODAY = datetime.now(UTC).date()


def _account(**fields: Any) -> Account:
    created_at = datetime.combine(fields.pop("created", date(2020, 1, 1)), datetime.min.time(), UTC)
    known: dict[str, Any] = {"id": uuid4(), "user_id": uuid4(), "account_number": "••••1234", "currency": "USD"}
    return Account(
        **known, account_type="checking", status="active", balance=Decimal(7), created_at=created_at, **fields
    )


def _entries(*rows: tuple[int, int, int], more: bool = False) -> ListPage[Entry]:
    """Return entries from (days ago, amount, balance after) tuples, newest first."""
    history = [
        Entry(
            amount=Decimal(amount),
            balance_after=Decimal(after),
            transaction_id=uuid4(),
            timestamp=datetime.combine(TODAY - timedelta(days=days), datetime.min.time(), UTC),
        )
        for days, amount, after in rows
    ]
    return ListPage(rows=history, pagination=NextPage(next_cursor="more" if more else None))


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def on(*days_and_balances: tuple[int, int]) -> list[tuple[date, Decimal]]:
    return [(ago(days), Decimal(balance)) for days, balance in days_and_balances]


def test_the_balance_of_a_day_is_that_of_its_last_entry() -> None:
    history = _entries((1, -3, 7), (1, 5, 10), (4, 5, 5))
    assert balances(_account(), history, ago(10)) == on((11, 0), (4, 5), (1, 7), (0, 7))


def test_a_new_account_starts_at_zero() -> None:
    assert balances(_account(created=ago(2)), _entries((2, 7, 7)), ago(90)) == on((3, 0), (2, 7), (0, 7))


def test_without_entries_the_balance_has_not_changed() -> None:
    assert balances(_account(), _entries(), ago(90)) == on((91, 7), (0, 7))


def test_an_incomplete_history_has_no_opening_balance() -> None:
    assert balances(_account(), _entries((3, 1, 7), more=True), ago(90)) == on((3, 7), (0, 7))
