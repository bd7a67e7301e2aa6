"""Staff verify who a customer is, and the customer sees it."""

import pytest

from tests.support.suite import Person, Suite
from tests.support.visitor import Visitor

PASSPORT = {
    "state": "verified",
    "document_kind": "passport",
    "document_number": "C01X00T47",
    "expires_on": "2096-05-30",
    "reason": "Shown at the branch",
}


@pytest.fixture
def clara(bank: Suite) -> Person:
    return bank.person()


def employee_with(bank: Suite, *permissions: str) -> Visitor:
    return bank.employee(permissions=permissions).visitor


def test_a_passport_verifies_a_customer_who_sees_it_in_the_profile(bank: Suite, clara: Person) -> None:
    employee = employee_with(bank)
    place = f"/admin/customers/{clara.user_id}"
    assert f'href="{place}/identity">Verify</a>' in employee.get(place).text
    assert "Not verified yet" in clara.visitor.get("/profile").text
    assert employee.submit(f"{place}/identity", **PASSPORT).headers["Location"] == place
    page = employee.get(f"{place}/identity").text
    for words in ("Verified", "Passport C01X00T47, valid until 30 May 2096", "Shown at the branch"):
        assert words in page
    assert place in employee.get(f"/admin/customers?identity=verified&q={clara.username}").text
    assert place not in employee.get(f"/admin/customers?identity=none&q={clara.username}").text
    profile = clara.visitor.get("/profile").text
    assert "by the document ••••0T47, valid until 30 May 2096" in profile
    assert "Shown at the branch" not in profile


def test_a_customer_whose_identity_is_reset_is_shown_as_not_verified(bank: Suite, clara: Person) -> None:
    employee = employee_with(bank)
    place = f"/admin/customers/{clara.user_id}/identity"
    employee.submit(place, **PASSPORT)
    employee.submit(place, state="none", reason="A passport of somebody else")
    page = employee.get(place).text
    assert '<span class="status status-quiet">Not verified</span>' in page
    assert "<strong>Not verified</strong>: A passport of somebody else" in page


def test_what_is_missing_is_named_beside_its_field(bank: Suite, clara: Person) -> None:
    employee = employee_with(bank)
    place = f"/admin/customers/{clara.user_id}/identity"
    page = employee.submit(place, state="verified", reason="Seen")
    assert page.status_code == 400
    assert "Number is required to verify a customer." in page.text
    page = employee.submit(place, **{**PASSPORT, "expires_on": "2020-01-31"})
    assert (page.status_code, "the document has expired" in page.text) == (400, True)


def test_without_the_permission_the_page_only_shows(bank: Suite, clara: Person) -> None:
    place = f"/admin/customers/{clara.user_id}/identity"
    employee_with(bank).submit(place, **PASSPORT)
    reader = employee_with(bank, "customers:read")
    page = reader.get(place).text
    assert ("Confirm decision" in page, "C01X00T47" in page, "••••0T47" in page) == (False, False, True)
    assert employee_with(bank, "accounts:open").get(place).status_code == 403
