"""A person who has forgotten the password gets back in: by a mail and its link."""

import re
from pathlib import Path

import pytest

from tests.support.asking import refusal
from tests.support.processes import eventually
from tests.support.suite import PASSWORD, BankOptions, Suite
from tests.support.visitor import Visitor

NEXT = "quite another horse, quite another battery"
SENT = "If we know this address, a mail with a link is on its way."


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "gateway"), variables={"BANK_URL": "http://bank.example"})


@pytest.fixture
def visitor(bank: Suite) -> Visitor:
    return bank.visitor()


def links_to(bank: Suite, address: str) -> list[str]:
    """Return the paths of the links for a new password in the mails to this address."""
    mails = [path.read_text(encoding="utf-8") for path in Path(bank.variables["BANK_DATA_DIR"], "outbox").glob("*.eml")]
    text = "\n".join(mail for mail in mails if f"To: {address}" in mail)
    return sorted(set(re.findall(r"^http://bank\.example(/reset-password\?token=\S+)$", text, re.MULTILINE)))


def link_for(bank: Suite, visitor: Visitor, username: str) -> str:
    address = f"{username}@example.com"
    before = set(links_to(bank, address))
    assert SENT in visitor.submit("/forgot-password", email=address).text
    eventually(lambda: set(links_to(bank, address)) > before, within_seconds=20, what="the mail is written")
    return (set(links_to(bank, address)) - before).pop()


def test_a_forgotten_password_is_replaced_by_the_link_of_a_mail(bank: Suite, visitor: Visitor) -> None:
    bank.person("ada")
    elsewhere = bank.visitor()
    elsewhere.log_in("ada")
    assert 'href="/forgot-password"' in visitor.get("/login").text
    link = link_for(bank, visitor, "ada")
    page = visitor.get(link)
    assert (page.status_code, page.headers["Referrer-Policy"]) == (200, "no-referrer")
    answer = visitor.submit(link, new_password=NEXT, confirm_password=NEXT)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "Your password is changed" in visitor.get("/login").text
    assert elsewhere.get("/profile").status_code == 303
    assert visitor.log_in("ada", NEXT).status_code == 303


def test_a_used_link_is_a_plain_page_with_a_way_on(bank: Suite, visitor: Visitor) -> None:
    bank.person("grace")
    link = link_for(bank, visitor, "grace")
    open_page = visitor.get(link)
    assert visitor.submit(link, new_password=NEXT, confirm_password=NEXT).status_code == 303
    fields = {"new_password": NEXT, "confirm_password": NEXT}
    token = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', visitor.get("/forgot-password").text)
    assert open_page.status_code == 200
    assert token
    for page in (visitor.get(link), visitor.post(link, {**fields, "csrf_token": token[1]})):
        assert page.status_code == 400
        assert "This link can&#39;t be used any more" in page.text or "This link can't be used any more" in page.text
        assert 'href="/forgot-password"' in page.text


@pytest.mark.parametrize("path", ["/reset-password", "/reset-password?token=", f"/reset-password?token={'A' * 5000}"])
def test_a_wrong_link_is_a_plain_page_with_a_way_on(visitor: Visitor, path: str) -> None:
    page = visitor.get(path)
    assert page.status_code == 400
    assert 'href="/forgot-password"' in page.text


def test_what_is_wrong_with_the_new_password_stands_beside_its_field(bank: Suite, visitor: Visitor) -> None:
    bank.person("linus")
    link = link_for(bank, visitor, "linus")
    answer = visitor.submit(link, new_password="short", confirm_password="short")
    assert (answer.status_code, 'id="new_password-error"' in answer.text) == (400, True)
    answer = visitor.submit(link, new_password=NEXT, confirm_password="other")
    assert (answer.status_code, 'id="confirm_password-error"' in answer.text) == (400, True)
    assert visitor.submit(link, new_password=NEXT, confirm_password=NEXT).status_code == 303


def test_nothing_tells_whether_an_address_is_known(bank: Suite, visitor: Visitor) -> None:
    bank.person("known")
    pages = [visitor.submit("/forgot-password", email=f"{name}@example.com") for name in ("known", "unknown")]
    assert [page.status_code for page in pages] == [200, 200]
    assert SENT in pages[0].text
    answers = [
        bank.call("gateway", "POST", "/api/auth/password/forgot", json={"email": f"{name}@example.com"})
        for name in ("known", "unknown")
    ]
    assert answers[0].status_code == 200
    assert answers[0].get_json() == answers[1].get_json()


def test_an_address_that_is_none_comes_back_beside_its_field(visitor: Visitor) -> None:
    answer = visitor.submit("/forgot-password", email="nonsense")
    assert (answer.status_code, 'id="email-error"' in answer.text) == (400, True)


def test_the_api_takes_the_token_of_a_link(bank: Suite, visitor: Visitor) -> None:
    person = bank.person("joan")
    token = link_for(bank, visitor, "joan").partition("=")[2]

    def ask(path: str, **body: str) -> tuple[int, str]:
        answer = bank.call("gateway", "POST", f"/api/auth/{path}", json=body)
        return refusal(answer) if answer.status_code != 200 else (200, "")

    assert ask("link", purpose="password_reset", token=token) == (200, "")
    assert ask("password/reset", token=token, new_password="short") == (400, "INVALID_REQUEST")
    assert ask("password/reset", token=token, new_password=NEXT) == (200, "")
    assert bank.call("gateway", "GET", "/api/auth/verify_token", person).status_code == 401  # at once
    assert ask("password/reset", token=token, new_password=PASSWORD) == (400, "INVALID_LINK")
    assert ask("link", purpose="password_reset", token=token) == (400, "INVALID_LINK")
    assert ask("link", purpose="anything", token=token) == (400, "INVALID_REQUEST")
