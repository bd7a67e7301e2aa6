"""Who sits at the browser: kept in the cookie, renewed unseen, and gone when the session ends."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from api_gateway.web import browser_session
from api_gateway.web.browser_session import HOME, local_path
from tests.support.suite import BankOptions, Suite
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "gateway"))


@pytest.fixture(scope="module")
def username(bank: Suite) -> str:
    return bank.person("ada").username


@pytest.fixture
def visitor(bank: Suite, username: str) -> Visitor:
    visitor = Visitor(bank.apps["gateway"])
    assert visitor.log_in(username).status_code == 303
    return visitor


def hear_of_ended_sessions(bank: Suite) -> None:
    bank.apps["gateway"].extensions["token_verifier"].revocations.poll()


def renew_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every token for one that is about to expire."""
    monkeypatch.setattr(browser_session, "RENEW_BEFORE_SECONDS", 1_000_000)


def session_of(visitor: Visitor) -> dict[str, str]:
    with visitor.client.session_transaction() as session:
        return dict(session)


def test_signed_out_visitors_are_sent_to_the_login_and_back(bank: Suite, username: str) -> None:
    visitor = Visitor(bank.apps["gateway"])
    answer = visitor.get("/profile?a=1&b=2")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/profile?a%3D1%26b%3D2")
    assert "Please log in first." in visitor.get("/login").text
    answer = visitor.log_in(username, path=answer.headers["Location"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/profile?a=1&b=2")


def test_the_cookie_survives_a_restart_of_the_gateway(bank: Suite, visitor: Visitor) -> None:
    bank.restart("gateway")
    again = Visitor(bank.apps["gateway"])
    again.client.set_cookie("session", visitor.cookie)
    assert again.get("/profile").status_code == 200


def test_tokens_are_not_readable_in_the_cookie(bank: Suite, visitor: Visitor) -> None:
    token = session_of(visitor)["token"]
    assert token not in visitor.cookie
    assert token not in visitor.get("/profile").text


def test_a_login_begins_a_new_session(bank: Suite, username: str) -> None:
    """Somebody who plants a cookie before the login shares nothing with the session after it."""
    visitor = Visitor(bank.apps["gateway"])
    visitor.get("/login")
    planted = session_of(visitor)["csrf_token"]
    visitor.log_in(username)
    visitor.get("/profile")
    assert session_of(visitor)["csrf_token"] != planted


def test_an_old_token_is_renewed_unseen(bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    before = session_of(visitor)
    renew_at_once(monkeypatch)
    assert visitor.get("/profile").status_code == 200
    monkeypatch.undo()
    after = session_of(visitor)
    assert after["token"] != before["token"]
    assert after["refresh_token"] != before["refresh_token"]
    assert visitor.get("/profile").status_code == 200


def test_requests_at_the_same_time_renew_once(bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    renew_at_once(monkeypatch)
    browsers = [Visitor(bank.apps["gateway"]) for _ in range(6)]
    for other in browsers:
        other.client.set_cookie("session", visitor.cookie)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda other: other.get("/profile").status_code, browsers))
    assert answers == [200] * 6
    monkeypatch.undo()
    hear_of_ended_sessions(bank)
    assert {other.get("/profile").status_code for other in browsers} == {200}


def test_a_late_request_with_the_old_cookie_is_let_in(
    bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Visitor(bank.apps["gateway"])
    late.client.set_cookie("session", visitor.cookie)
    renew_at_once(monkeypatch)
    visitor.get("/profile")
    assert late.get("/profile").status_code == 200
    assert session_of(late)["token"] != ""


def test_a_good_token_serves_while_the_auth_service_is_away(
    bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew_at_once(monkeypatch)
    monkeypatch.setattr(bank.adapters["auth"], "down", True)
    assert "Dashboard" in visitor.get("/").text
    assert visitor.get("/profile").status_code == 503
    monkeypatch.undo()
    assert visitor.get("/profile").status_code == 200


def test_an_ended_session_leads_to_the_login_with_a_word(bank: Suite, visitor: Visitor) -> None:
    headers = {"Authorization": f"Bearer {session_of(visitor)['token']}"}
    assert bank.call("auth", "POST", "/api/auth/logout", headers=headers).status_code == 200
    hear_of_ended_sessions(bank)
    answer = visitor.get("/settings")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/settings")
    shown = visitor.get("/login").text
    assert "Your session has ended. Please log in again." in shown
    assert "Please log in first." not in shown


def test_a_session_that_a_service_refuses_leads_to_the_login_too(bank: Suite, visitor: Visitor) -> None:
    """The service may hear of the end before the gateway does."""
    headers = {"Authorization": f"Bearer {session_of(visitor)['token']}"}
    bank.apps["gateway"].extensions["token_verifier"].verify(session_of(visitor)["token"])
    bank.call("auth", "POST", "/api/auth/logout", headers=headers)
    answer = visitor.get("/profile")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/profile")
    assert visitor.get("/profile").status_code == 303


def test_a_post_without_a_session_leads_back_to_its_page(bank: Suite) -> None:
    visitor = Visitor(bank.apps["gateway"])
    answer = visitor.post("/settings", {"current_password": "x"}, Referer="http://localhost/settings")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/settings")
    answer = visitor.post("/settings", {"current_password": "x"}, Referer="http://evil.example/settings")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")


@pytest.mark.parametrize("path", ["/accounts", "/accounts?a=1&b=2", "/a/b-c_d", "/login"])
def test_local_paths_are_followed(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "accounts",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "/a b",
        "/\x7f/evil",
    ],
)
def test_other_addresses_are_not(path: str | None) -> None:
    assert local_path(path) == HOME


def test_a_login_never_leads_out_of_the_bank(bank: Suite, username: str) -> None:
    visitor = Visitor(bank.apps["gateway"])
    answer = visitor.log_in(username, path="/login?next=//evil.example/x")
    assert answer.headers["Location"] == HOME


def test_a_late_request_with_the_old_cookie_is_let_in_after_a_restart_of_the_gateway(
    bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The auth service gives the same refresh token the same next one, for ten seconds, to whichever gateway asks."""
    old_cookie = visitor.cookie
    renew_at_once(monkeypatch)
    assert visitor.get("/profile").status_code == 200
    bank.restart("gateway")
    late = Visitor(bank.apps["gateway"])
    late.client.set_cookie("session", old_cookie)
    assert late.get("/profile").status_code == 200
    assert session_of(late)["refresh_token"] == session_of(visitor)["refresh_token"]
    monkeypatch.undo()
    hear_of_ended_sessions(bank)
    assert late.get("/profile").status_code == 200
