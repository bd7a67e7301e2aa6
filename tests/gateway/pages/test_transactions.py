"""Transaction pages."""

import re
from uuid import uuid4

import pytest

from shared.core.formats import MINUS
from tests.support.suite import Person, Suite


@pytest.fixture(scope="module")
def busy(bank: Suite) -> Person:
    """A customer with more transactions than a page shows."""
    busy = bank.person("busy")
    account = busy.open()
    for number in range(30):
        busy.pay("deposit", account_id=account["id"], amount=f"{number + 1}.00", description=f"Number {number:02}")
    return busy


def numbers_in(page: str) -> list[str]:
    return re.findall(r">Number (\d\d)</a>", page)


def test_incoming_and_outgoing_amounts_have_a_sign(ada: Person) -> None:
    bob = ada.bank.person()
    mine, his = ada.open("100.00", nickname="Everyday"), bob.open("50.00")
    ada.pay("transfer", from_account_id=mine["id"], to_account_number=his["account_number"], amount="20.00")
    bob.pay("transfer", from_account_id=his["id"], to_account_number=mine["account_number"], amount="3.00")
    page = ada.visitor.get("/transactions").text
    assert f"{MINUS}$20.00" in page
    assert "+$3.00" in page
    assert "Deposit to Everyday" in page
    assert his["account_number"] not in page


def test_a_failed_transaction_has_no_sign(ada: Person) -> None:
    account = ada.open()
    ada.pay("withdraw", 400, account_id=account["id"], amount="77.00")
    page = ada.visitor.get(f"/transactions?account_id={account['id']}&status=failed").text
    assert "Failed" in page
    assert f"{MINUS}$77.00" not in page
    assert "$77.00" in page


def test_pagination_keeps_the_filters(busy: Person) -> None:
    first = busy.visitor.get("/transactions?type=deposit&min=2").text
    shown = numbers_in(first)
    assert shown[0] == "29"
    assert len(shown) == 25
    address = re.search(r'rel="next" href="([^"]+)"', first)
    assert address
    second = busy.visitor.get(address[1].replace("&amp;", "&")).text
    assert numbers_in(second) == ["04", "03", "02", "01"]
    assert 'rel="next"' not in second
    assert '<option selected value="deposit">' in second


def test_filters_narrow_the_list_and_stay_in_the_form(busy: Person) -> None:
    page = busy.visitor.get("/transactions?q=Number+1&min=12&max=13.00").text
    assert numbers_in(page) == ["12", "11"]
    assert 'value="Number 1"' in page
    assert "No matches" in busy.visitor.get("/transactions?to=2001-01-01").text


@pytest.mark.parametrize("path", ["/transactions", "/accounts/ID", "/admin/transactions"])
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=2026-02-01&to=2026-01-31", "“To” must not be before “From”."),
        ("from=2026-02-30", "Enter a day that exists"),
        ("min=10&max=9.99", "“At most” must not be less than “At least”."),
        ("min=-1", "The amount must not be negative."),
        ("max=1234,567", "The amount can have commas only between thousands"),
    ],
)
def test_an_invalid_filter_is_explained_and_all_filters_are_kept(
    busy: Person, path: str, query: str, words: str
) -> None:
    visitor = busy.visitor
    if path.startswith("/admin"):
        visitor = busy.bank.admin().visitor
    path = path.replace("ID", busy.transactions()[0]["account_id"])
    page = visitor.get(f"{path}?q=rent&status=completed&{query}")
    assert page.status_code == 400
    assert re.search(rf'id="\w+-error">{re.escape(words)}', page.text)
    for given in ("q=rent", *query.split("&")):
        field, _, value = given.partition("=")
        assert re.search(rf'name="{field}"[^>]* value="{value}"', page.text), given
    assert '<option selected value="completed">' in page.text
    assert numbers_in(page.text) == []


@pytest.mark.parametrize(("query", "count"), [("max=0", 0), ("max=0.00", 0), ("min=0", 25), ("min=0&max=1", 1)])
def test_zero_is_a_valid_amount_in_a_filter(busy: Person, query: str, count: int) -> None:
    page = busy.visitor.get(f"/transactions?{query}").text
    assert len(numbers_in(page)) == count
    assert ">Clear</a>" in page
    assert 'class="more-filters" open' in page


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-13-01",
        "min=x",
        "min=-1",
        "type=gift",
        "status=lost",
        "account_id=x",
        "cursor=x",
        "from=2026-02-01&to=2026-01-01",
    ],
)
def test_an_unreadable_filter_is_explained(ada: Person, query: str) -> None:
    page = ada.visitor.get(f"/transactions?{query}")
    assert page.status_code == 400
    assert 'class="invalid-feedback"' in page.text or "alert-danger" in page.text


def test_a_transaction_and_its_receipt_are_shown(ada: Person) -> None:
    account = ada.open("10.00", nickname="Shoebox")
    made = ada.pay("withdraw", account_id=account["id"], amount="4.00", description="Tea")["transaction"]
    page = ada.visitor.get(f"/transactions/{made['id']}").text
    for words in (f"{MINUS}$4.00", "Tea", "Completed", "Shoebox", "$6.00", made["id"]):
        assert words in page
    receipt = ada.visitor.get(f"/transactions/{made['id']}/receipt")
    assert receipt.status_code == 200
    assert "<dt>Account holder</dt><dd>ada</dd>" in receipt.text
    for words in ("Receipt", "$4.00", "Tea", made["id"]):
        assert words in receipt.text


def test_a_failed_transaction_shows_the_reason(ada: Person) -> None:
    account = ada.open()
    ada.pay("withdraw", 400, account_id=account["id"], amount="1.00", description="Nothing left")
    failed = ada.transactions()[0]
    page = ada.visitor.get(f"/transactions/{failed['id']}").text
    assert "There was not enough money in the account. No money has moved." in page
    assert f"/transactions/{failed['id']}/receipt" not in page
    assert "no proof of payment" in ada.visitor.get(f"/transactions/{failed['id']}/receipt").text


@pytest.mark.parametrize("path", ["", "/receipt"])
def test_a_transaction_of_another_user_is_404(ada: Person, busy: Person, path: str) -> None:
    for transaction_id in (busy.transactions()[0]["id"], uuid4(), "nonsense"):
        assert ada.visitor.get(f"/transactions/{transaction_id}{path}").status_code == 404


def test_the_page_reports_unavailable_transactions(ada: Person) -> None:
    adapter = ada.bank.adapters["transaction"]
    adapter.down = True
    try:
        page = ada.visitor.get("/transactions")
    finally:
        adapter.down = False
    assert page.status_code == 503
    assert "not available right now" in page.text


def test_a_category_is_chosen_on_the_page_of_a_transaction_and_filters_the_list(bank: Suite) -> None:
    ada = bank.person()
    account = ada.open("100.00")
    ada.pay("withdraw", account_id=account["id"], amount="30.00", description="Shoes")
    (paid,) = (row for row in ada.transactions() if row["description"] == "Shoes")
    page = f"/transactions/{paid['id']}"
    saved = ada.visitor.submit(page, action=f"{page}/category", category="shopping")
    assert (saved.status_code, saved.headers["Location"]) == (303, page)
    shown = ada.visitor.get(page).text
    assert "The category is saved." in shown
    assert '<option selected value="shopping">Shopping</option>' in shown
    assert "Shoes" in ada.visitor.get("/transactions?category=shopping").text
    assert " · Shopping<span" in ada.visitor.get("/transactions").text
    assert "Shoes" not in ada.visitor.get("/transactions?category=travel").text
    assert "Shoes" in ada.visitor.get(f"/accounts/{account['id']}?category=shopping").text
    report = ada.visitor.get(f"/reports/account/{account['id']}").text
    assert "By category" in report
    assert "Shopping" in report
    table = ada.visitor.get(f"/reports/account/{account['id']}?format=csv").text
    assert "By category,shopping,1,0.00,30.00" in table
    assert ada.visitor.get(f"/reports/account/{account['id']}?format=pdf").status_code == 200
    assert ada.visitor.submit(page, action=f"{page}/category", category="rent").status_code == 422
    assert ada.visitor.submit(page, action=f"{page}/category", category="").status_code == 303
    assert "Shoes" in ada.visitor.get("/transactions?category=uncategorised").text
