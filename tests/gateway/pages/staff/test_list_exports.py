"""The staff's lists as CSV: what a page shows is what its link exports."""

import csv
import io
import re

import pytest

from api_gateway.pages.staff.list_exports import FORMS
from tests.support.suite import Person
from tests.support.visitor import Visitor


def exported(visitor: Visitor, page: str) -> list[dict[str, str]]:
    """Follow the link of a list to its export, and return the rows."""
    (link,) = re.findall(r'href="([^"]+/export[^"]*)"', visitor.get(page).text)
    answer = visitor.get(link.replace("&amp;", "&"))
    assert (answer.status_code, answer.content_type) == (200, "text/csv; charset=utf-8"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_an_export_has_the_rows_of_its_page(admin: Visitor, ada: Person, bob: Person) -> None:
    account = ada.open("100.00")
    ada.pay("withdraw", 400, account_id=account["id"], amount="500.00", description="Too much")
    assert [row["username"] for row in exported(admin, "/admin/customers?q=ada")] == ["ada"]
    assert {row["username"] for row in exported(admin, "/admin/users?role=customer")} == {"ada", "bob"}
    assert [row["owner_name"] for row in exported(admin, f"/admin/accounts?user_id={ada.user_id}")] == ["ada"]
    assert [row["description"] for row in exported(admin, "/admin/transactions?status=failed")] == ["Too much"]


def test_a_page_after_the_first_one_leads_to_the_whole_list(admin: Visitor, ada: Person) -> None:
    for _ in range(27):
        ada.open()
    page = admin.get(f"/admin/accounts?user_id={ada.user_id}").text
    (older,) = re.findall(r'rel="next" href="([^"]+)"', page)
    assert len(exported(admin, older.replace("&amp;", "&"))) >= 27


@pytest.mark.parametrize("name", FORMS)
def test_an_unknown_filter_is_ignored_as_on_the_page_and_a_bad_one_explained(admin: Visitor, name: str) -> None:
    assert admin.get(f"/admin/{name}/export?nothing=1").status_code == 200
    wrong = {"accounts": "q=x", "audit": "outcome=good", "cases": "state=x"}.get(name, "status=x")
    answer = admin.get(f"/admin/{name}/export?{wrong}")
    assert answer.status_code == 400
    assert "Not a valid choice" in answer.text or "Enter only the last digits" in answer.text


def test_an_unknown_list_is_404(admin: Visitor) -> None:
    assert admin.get("/admin/secrets/export").status_code == 404
