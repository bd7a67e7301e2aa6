"""The dashboard."""

from datetime import date
from decimal import Decimal

import pytest

from api_gateway.clients.transaction import Day, Flow, Summary, TypeTotal
from api_gateway.pages.dashboard import Spending
from shared.core.formats import MINUS
from tests.support.suite import InProcess, Person, Suite


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    ada = bank.person()
    everyday, holidays = ada.open("100.00", nickname="Everyday"), ada.open("50.00", "savings", nickname="Holidays")
    ada.pay("withdraw", account_id=everyday["id"], amount="30.00", description="Shoes")
    ada.pay("transfer", from_account_id=everyday["id"], to_account_id=holidays["id"], amount="20.00")
    return ada


def test_the_dashboard_shows_accounts_and_recent_transactions(ada: Person) -> None:
    page = ada.visitor.get("/dashboard")
    assert page.status_code == 200
    for words in ("$120.00", "Everyday", "$50.00", "Holidays", "$70.00", "Shoes", f"{MINUS}$30.00", "+$150.00"):
        assert words in page.text


def test_the_dashboard_shows_the_spending_as_chart_and_table(ada: Person) -> None:
    page = ada.visitor.get("/dashboard").text
    assert 'src="data:image/svg+xml,' in page
    assert '<td class="text-end tabular">$30.00</td>' in page


def test_the_dashboard_takes_three_calls(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_dashboard_shows_the_rest_while_transactions_are_unavailable(ada: Person) -> None:
    adapter = ada.bank.adapters["transaction"]
    adapter.down = True
    try:
        page = ada.visitor.get("/dashboard")
    finally:
        adapter.down = False
    assert page.status_code == 200
    assert "Recent transactions are not available right now." in page.text
    assert "$120.00" in page.text


def test_the_dashboard_page_is_small(ada: Person) -> None:
    assert len(ada.visitor.get("/dashboard").data) < 60_000


def day(when: date, income: int = 0, expense: int = 0) -> Day:
    return Day(date=when, count=1, total=Decimal(), income=Decimal(income), expense=Decimal(expense))


@pytest.fixture
def spending(bank: Suite) -> Spending:
    """The spending in February of a leap year, as of the 10th."""
    zero = Decimal()
    summary = Summary(
        count=4,
        by_type={"withdrawal": TypeTotal(count=1, total=Decimal(5)), "transfer": TypeTotal(count=2, total=Decimal(70))},
        by_day=[day(date(2027, 9, 30), income=9), day(date(2028, 1, 31), 8, 7), day(date(2028, 2, 3), 4, 5)],
        income=Decimal(21),
        expense=Decimal(12),
        net=zero,
        average=zero,
        largest=zero,
    )
    with bank.apps["gateway"].app_context():
        return Spending.of(summary, date(2028, 2, 10), "USD")


def test_spending_has_every_day_of_the_month(spending: Spending) -> None:
    assert len(spending.of_days.rows) == 29
    assert spending.of_days.rows[2] == ("3 Feb 2028", Decimal(5))
    assert spending.income == 4
    assert spending.expense == 5


def test_the_chart_of_months_has_income_and_expense_of_six_months(spending: Spending) -> None:
    months = spending.of_months.cells("USD")
    assert months[0] == ["Sep 2027", "$9.00", "$0.00"]
    assert months[-2:] == [["Jan 2028", "$8.00", "$7.00"], ["Feb 2028", "$4.00", "$5.00"]]
    assert len(months) == 6


@pytest.mark.parametrize(
    ("expense", "rows"),
    [
        (9, {"Withdrawals": Decimal(5), "Transfers, less reversals": Decimal(4)}),
        (5, {"Withdrawals": Decimal(5)}),
        (3, {"Withdrawals, less reversals": Decimal(3)}),
        (0, {}),
        (-4, {}),
    ],
)
def test_reversals_are_subtracted_from_the_expense(expense: int, rows: dict[str, Decimal]) -> None:
    by_type = {"withdrawal": TypeTotal(count=1, total=Decimal(5)), "reversal": TypeTotal(count=1, total=Decimal(2))}
    flow = Flow(count=2, by_type=by_type, income=Decimal(), expense=Decimal(expense), net=Decimal(-expense))
    assert flow.expense_by_type == rows


def test_a_month_with_more_reversals_than_expense_is_shown(bank: Suite) -> None:
    ada, admin = bank.person(), bank.admin()
    account = ada.open("100.00")
    made = ada.pay("withdraw", account_id=account["id"], amount="40.00")["transaction"]
    bank.call("transaction", "POST", f"/api/transactions/reverse/{made['id']}", admin)
    page = ada.visitor.get("/dashboard").text
    assert "You have not spent anything this month." in page
    assert "+$100.00" in page
    assert "+$140.00" not in page


def test_the_expense_besides_withdrawals_counts_as_transfers(spending: Spending) -> None:
    assert spending.of_types.cells("USD") == [["Transfers", "$7.00"], ["Withdrawals", "$5.00"]]
