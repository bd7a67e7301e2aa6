"""A customer verifies the address, changes it, and gets it back when it was somebody else."""

import re
from pathlib import Path

import pytest

from tests.support.asking import call
from tests.support.processes import eventually
from tests.support.suite import PASSWORD, BankOptions, Suite
from tests.support.visitor import Visitor, forms_of

NOTICE = "is not verified yet. We have sent it a mail with a link."


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(variables={"BANK_URL": "http://bank.example"})


@pytest.fixture
def visitor(bank: Suite) -> Visitor:
    return bank.visitor()


def link_in_mail(bank: Suite, address: str, page: str) -> str:
    """Wait for a mail to this address with a link to this page, and return the path of the last one."""
    found: list[str] = []

    def find() -> bool:
        files = sorted(Path(bank.variables["BANK_DATA_DIR"], "outbox").glob("*.eml"), reverse=True)
        texts = [path.read_text(encoding="utf-8") for path in files]
        links = re.compile(rf"^http://bank\.example({page}\?token=\S+)$", re.MULTILINE)
        found[:] = [link for text in texts if f"To: {address}\n" in text for link in links.findall(text)]
        return bool(found)

    eventually(find, within_seconds=20, what=f"a mail to {address}")
    return found[0]


def test_who_registers_may_use_the_bank_and_is_asked_to_verify_the_address(bank: Suite, visitor: Visitor) -> None:
    assert visitor.register("ada").status_code == 303
    assert NOTICE in visitor.get("/dashboard").text
    assert NOTICE in visitor.get("/profile").text
    assert "Not verified yet" in visitor.get("/profile").text
    link = link_in_mail(bank, "ada@example.com", "/verify-email")
    assert visitor.get(link).status_code == 200  # opening it is not enough
    assert NOTICE in visitor.get("/profile").text
    answer = visitor.submit(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    assert "Your e-mail address is verified." in visitor.get("/dashboard").text
    assert NOTICE not in visitor.get("/profile").text
    assert NOTICE not in visitor.get("/dashboard").text
    used = visitor.get(link)
    assert (used.status_code, 'href="/profile"' in used.text) == (400, True)


def test_the_mail_can_be_sent_again(bank: Suite, visitor: Visitor) -> None:
    visitor.register("grace")
    assert any(form.action == "/profile/verification" for form in forms_of(visitor.get("/dashboard")))
    answer = visitor.submit("/profile", action="/profile/verification")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/profile")
    assert "A mail with a link is on its way" in visitor.get("/profile").text


def test_the_api_says_whether_the_address_is_verified(bank: Suite) -> None:
    person = bank.person("linus")
    assert call(bank, "GET", "users/profile", person).get_json()["email_verified"] is False
    token = link_in_mail(bank, "linus@example.com", "/verify-email").partition("=")[2]
    assert call(bank, "POST", "email/verify", json={"token": token}).status_code == 200
    assert call(bank, "GET", "users/profile", person).get_json()["email_verified"] is True
    changes = {"email": "linus@new.example.com", "current_password": PASSWORD}
    assert call(bank, "PUT", "users/profile", person, json=changes).get_json()["email_verified"] is False


def test_a_change_is_told_to_the_old_address_which_can_undo_it(bank: Suite, visitor: Visitor) -> None:
    visitor.register("joan")
    visitor.submit("/profile", email="joan@elsewhere.example", current_password=PASSWORD)
    link_in_mail(bank, "joan@elsewhere.example", "/verify-email")
    link = link_in_mail(bank, "joan@example.com", "/undo-email-change")
    owner = bank.visitor()
    assert owner.get(link).status_code == 200
    assert "joan@elsewhere.example" in visitor.get("/profile").text
    answer = owner.submit(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert visitor.get("/profile").status_code == 303  # logged out
    assert owner.log_in("joan").status_code == 400
    reset = link_in_mail(bank, "joan@example.com", "/reset-password")
    owner.submit(reset, new_password="a new and longer passphrase", confirm_password="a new and longer passphrase")
    assert owner.log_in("joan", "a new and longer passphrase").status_code == 303
    assert "joan@example.com" in owner.get("/profile").text
    assert owner.get(link).status_code == 400
