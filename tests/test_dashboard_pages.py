"""The first page after logging in."""

from datetime import date
from decimal import Decimal

import pytest

from api_gateway.dashboard_pages import spending
from api_gateway.gateway_schemas import Day, Summary
from shared.formats import MINUS
from tests.customers import Customer, customer
from tests.suite import InProcess, Suite


@pytest.fixture(scope="module")
def ada(suite: Suite) -> Customer:
    ada = customer(suite)
    everyday, holidays = ada.open("100.00", nickname="Everyday"), ada.open("50.00", "savings", nickname="Holidays")
    ada.pay("withdraw", account_id=everyday["id"], amount="30.00", description="Shoes")
    ada.pay("transfer", from_account_id=everyday["id"], to_account_id=holidays["id"], amount="20.00")
    return ada


def test_it_shows_what_is_there_and_what_happened(ada: Customer) -> None:
    page = ada.visitor.get("/dashboard")
    assert page.status_code == 200
    for words in ("$120.00", "Everyday", "$50.00", "Holidays", "$70.00", "Shoes", f"{MINUS}$30.00", "+$150.00"):
        assert words in page.text


def test_the_spending_of_the_month_is_a_picture_with_its_numbers(ada: Customer) -> None:
    page = ada.visitor.get("/dashboard").text
    assert 'src="data:image/svg+xml,' in page
    assert '<td class="text-end tabular">$30.00</td>' in page


def test_it_takes_three_calls(ada: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    send = InProcess.send

    def counting(self: InProcess, request, **options):  # type: ignore[no-untyped-def]  # as requests calls it
        asked.append(request.path_url)
        return send(self, request, **options)

    monkeypatch.setattr(InProcess, "send", counting)
    assert ada.visitor.get("/dashboard").status_code == 200
    services = [path for path in asked if not path.startswith("/internal")]
    assert sorted(path.partition("?")[0] for path in services) == [
        "/api/accounts/list",
        "/api/transactions/recent",
        "/api/transactions/summary",
    ]


def test_while_payments_are_away_the_rest_is_shown(ada: Customer) -> None:
    adapter = ada.suite.adapters["transaction"]
    adapter.down = True
    try:
        page = ada.visitor.get("/dashboard")
    finally:
        adapter.down = False
    assert page.status_code == 200
    assert "Recent transactions are not available right now." in page.text
    assert "$120.00" in page.text


def test_it_is_small(ada: Customer) -> None:
    assert len(ada.visitor.get("/dashboard").data) < 60_000


def test_spending_has_every_day_of_the_month(suite: Suite) -> None:
    spent = Day(date=date(2028, 2, 3), count=2, total=Decimal(9), income=Decimal(4), expense=Decimal(5))
    zero = Decimal()
    month = Summary(
        count=2, by_type={}, by_day=[spent], income=zero, expense=zero, net=zero, average=zero, largest=zero
    )
    with suite.apps["gateway"].app_context():
        rows = spending(month, date(2028, 2, 10)).rows
    assert len(rows) == 29
    assert rows[2] == ("3 Feb 2028", Decimal(5))
