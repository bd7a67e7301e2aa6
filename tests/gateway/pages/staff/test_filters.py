"""The filters of the staff's lists: by all that they show, and a sentence for what can't be read."""

import pytest

from tests.support.suite import Person
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def world(ada: Person, bob: Person) -> None:
    account = ada.open("100.00")
    ada.pay("withdraw", account_id=account["id"], amount="40.00", description="Ada's")
    bob.pay("deposit", account_id=bob.open("7.00")["id"], amount="1.00", description="Bob's")


@pytest.mark.parametrize(
    ("address", "shown", "hidden"),
    [
        ("/admin/accounts?owner=ada", "$60.00", "$8.00"),
        ("/admin/accounts?min=10&from=2020-01-01&sort=oldest", "$60.00", "$8.00"),
        ("/admin/transactions?party=ada", "Ada&#39;s", "Bob&#39;s"),
        ("/admin/customers?from=2020-01-01&q=ada", "ada@example.com", "bob@example.com"),
        ("/admin/customers?to=2020-01-01", "No matches", "ada@example.com"),
        ("/admin/users?to=2020-01-01", "No matches", "ada@example.com"),
        ("/admin/cases?to=2020-01-01&sort=oldest", "No matches", '<li class="list-row"'),
        ("/admin/approvals?asked_by_name=nobody&from=2020-01-01", "No matches", "Asked by nobody"),
    ],
)
def test_a_list_shows_only_rows_that_match_its_filters(
    admin: Visitor, world: None, address: str, shown: str, hidden: str
) -> None:
    page = admin.get(address)
    assert page.status_code == 200
    assert shown in page.text
    assert hidden not in page.text


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("/admin/accounts?min=9&max=5", "“At most” must not be less than “At least”."),
        ("/admin/customers?from=2026-02-02&to=2026-01-01", "“To” must not be before “From”."),
        ("/admin/cases?from=2026-02-30", "Enter a day that exists"),
        ("/admin/approvals?to=x", "Enter a day that exists"),
        ("/admin/users?sort=up", "Not a valid choice"),
    ],
)
def test_a_filter_that_can_t_be_read_is_explained(admin: Visitor, address: str, sentence: str) -> None:
    page = admin.get(address)
    assert (page.status_code, sentence in page.text) == (400, True)


def test_a_name_that_fits_too_many_people_is_explained(
    admin: Visitor, world: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transaction_service.names.name_logic.MAX_PARTIES", 1)
    page = admin.get("/admin/transactions?party=example.com")
    assert (page.status_code, "fits more than 1 people; enter more of the name" in page.text) == (400, True)
