"""Pages answer in time, and name missing parts, when a service accepts connections but never answers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api_gateway.web.tools import Tools
from shared.web.parts import part
from tests.support.suite import BankOptions, Person, Suite

pytestmark = pytest.mark.timing

PAGE_SECONDS = 0.4
SLACK_SECONDS = 1.5
PAYMENT_SECONDS = 1.0
OWN = ("/dashboard", "/accounts", "/accounts/{account}", "/transactions", "/transactions/transfer", "/reports")
MORE = ("/reports/account/{account}", "/reports/transactions", "/profile", "/settings", "/transactions/{payment}")
STAFF = ("/admin/users", "/admin/accounts", "/admin/accounts/{account}", "/admin/transactions")


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    page, read = str(PAGE_SECONDS), str(PAYMENT_SECONDS)
    return BankOptions(variables={"BANK_PAGE_TIMEOUT_SECONDS": page, "BANK_READ_TIMEOUT_SECONDS": read})


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


@pytest.fixture(scope="module")
def ids(ada: Person) -> dict[str, str]:
    account = ada.open("100.00", nickname="Everyday")
    made = ada.pay("withdraw", account_id=account["id"], amount="30.00")
    return {"account": account["id"], "payment": made["transaction"]["id"]}


@contextmanager
def hung(bank: Suite, name: str) -> Iterator[None]:
    bank.adapters[name].hung = True
    try:
        yield
    finally:
        bank.adapters[name].hung = False
        part(Tools, bank.apps["gateway"]).peers[f"{name}-service"].is_alive()  # closes its circuit again


@pytest.mark.parametrize("name", ["auth", "account", "transaction", "reporting"])
def test_every_page_answers_in_time_with_a_link(bank: Suite, ada: Person, ids: dict[str, str], name: str) -> None:
    admin = bank.admin().visitor
    for visitor, paths in ((ada.visitor, OWN + MORE), (admin, STAFF)):
        for path in paths:
            with hung(bank, name):
                begun = time.monotonic()
                page = visitor.get(path.format_map(ids))
                took_seconds = time.monotonic() - begun
            assert took_seconds < PAGE_SECONDS + SLACK_SECONDS, path
            assert page.status_code in (200, 503), path
            if page.status_code == 503:
                assert "not available right now" in page.text, path


@pytest.mark.parametrize(
    ("name", "path", "shown", "missing"),
    [
        ("transaction", "/dashboard", "Everyday", "Recent transactions are not available right now."),
        ("account", "/dashboard", "Spending in", "Your accounts are not available right now."),
        ("transaction", "/accounts/{account}", "$70.00", "The history is not available right now."),
        ("reporting", "/reports", "Make a report", "Your reports are not available right now."),
        ("auth", "/settings", "Change password", "The list is not available right now."),
        (
            "transaction",
            "/transactions?type=deposit",
            'value="deposit"',
            "The transactions are not available right now.",
        ),
        ("reporting", "/reports/account/{account}", "Period", "The report is not available right now."),
    ],
)
def test_available_parts_of_a_page_are_shown(
    bank: Suite, ada: Person, ids: dict[str, str], name: str, path: str, shown: str, missing: str
) -> None:
    with hung(bank, name):
        page = ada.visitor.get(path.format_map(ids)).text
    assert shown in page
    assert missing in page


def test_a_failed_dashboard_offers_a_retry(bank: Suite, ada: Person) -> None:
    with hung(bank, "account"), hung(bank, "transaction"):
        page = ada.visitor.get("/dashboard")
    assert page.status_code == 503
    assert '<a class="btn btn-primary" href="/dashboard">Try again</a>' in page.text
    assert "Go to your dashboard" not in page.text


def test_a_payment_waits_for_its_own_timeout_and_reports_an_open_outcome(
    bank: Suite, ada: Person, ids: dict[str, str]
) -> None:
    begun = time.monotonic()
    page = ada.visitor.get("/transactions/deposit")
    with hung(bank, "transaction"):
        form = {"account_id": ids["account"], "amount": "5.00"}
        page = ada.visitor.submit("/transactions/deposit", **form)
    assert time.monotonic() - begun > PAYMENT_SECONDS
    assert page.status_code == 503
    assert "We can&#39;t tell yet what came of this." in page.text
