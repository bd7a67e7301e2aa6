"""The browser session: stored in the cookie, renewed before it expires, removed when it ends."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from api_gateway.web import browser_session
from api_gateway.web.browser_session import HOME, local_path
from shared.security.tokens import TokenVerifier
from shared.web.parts import part
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
    visitor = bank.visitor()
    assert visitor.log_in(username).status_code == 303
    return visitor


def hear_of_ended_sessions(bank: Suite) -> None:
    part(TokenVerifier, bank.apps["gateway"]).revocations.poll()


def renew_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every token as about to expire."""
    monkeypatch.setattr(browser_session, "RENEW_BEFORE_SECONDS", 1_000_000)


def session_of(visitor: Visitor) -> dict[str, str]:
    with visitor.client.session_transaction() as session:
        return dict(session)


def test_signed_out_visitors_are_redirected_to_the_login_and_back(bank: Suite, username: str) -> None:
    visitor = bank.visitor()
    answer = visitor.get("/profile?a=1&b=2")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/profile?a%3D1%26b%3D2")
    assert "Please log in first." in visitor.get("/login").text
    answer = visitor.log_in(username, path=answer.headers["Location"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/profile?a=1&b=2")


def test_the_cookie_survives_a_restart_of_the_gateway(bank: Suite, visitor: Visitor) -> None:
    bank.restart("gateway")
    again = bank.visitor()
    again.client.set_cookie("session", visitor.cookie)
    assert again.get("/profile").status_code == 200


def test_tokens_are_not_readable_in_the_cookie(bank: Suite, visitor: Visitor) -> None:
    token = session_of(visitor)["token"]
    assert token not in visitor.cookie
    assert token not in visitor.get("/profile").text


def test_a_login_starts_a_new_session(bank: Suite, username: str) -> None:
    """A cookie planted before the login is not part of the session after it (session fixation)."""
    visitor = bank.visitor()
    visitor.get("/login")
    planted = session_of(visitor)["csrf_token"]
    visitor.log_in(username)
    visitor.get("/profile")
    assert session_of(visitor)["csrf_token"] != planted


def test_an_expiring_token_is_renewed(bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    before = session_of(visitor)
    renew_at_once(monkeypatch)
    assert visitor.get("/profile").status_code == 200
    monkeypatch.undo()
    after = session_of(visitor)
    assert after["token"] != before["token"]
    assert after["refresh_token"] != before["refresh_token"]
    assert visitor.get("/profile").status_code == 200


def test_concurrent_requests_renew_once(bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    renew_at_once(monkeypatch)
    browsers = [bank.visitor() for _ in range(6)]
    for other in browsers:
        other.client.set_cookie("session", visitor.cookie)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda other: other.get("/profile").status_code, browsers))
    assert answers == [200] * 6
    monkeypatch.undo()
    hear_of_ended_sessions(bank)
    assert {other.get("/profile").status_code for other in browsers} == {200}


def test_a_late_request_with_the_old_cookie_is_accepted(
    bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = bank.visitor()
    late.client.set_cookie("session", visitor.cookie)
    renew_at_once(monkeypatch)
    visitor.get("/profile")
    assert late.get("/profile").status_code == 200
    assert session_of(late)["token"] != ""


def test_a_valid_token_is_used_while_the_auth_service_is_unavailable(
    bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew_at_once(monkeypatch)
    monkeypatch.setattr(bank.adapters["auth"], "down", True)
    assert "Dashboard" in visitor.get("/").text
    assert visitor.get("/profile").status_code == 503
    monkeypatch.undo()
    assert visitor.get("/profile").status_code == 200


def test_an_ended_session_redirects_to_the_login_with_a_message(bank: Suite, visitor: Visitor) -> None:
    headers = {"Authorization": f"Bearer {session_of(visitor)['token']}"}
    assert bank.call("auth", "POST", "/api/auth/logout", headers=headers).status_code == 200
    hear_of_ended_sessions(bank)
    answer = visitor.get("/settings")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/settings")
    shown = visitor.get("/login").text
    assert "Your session has ended. Please log in again." in shown
    assert "Please log in first." not in shown


def test_a_session_refused_by_a_service_redirects_to_the_login(bank: Suite, visitor: Visitor) -> None:
    """A service may know of the end earlier than the gateway."""
    headers = {"Authorization": f"Bearer {session_of(visitor)['token']}"}
    part(TokenVerifier, bank.apps["gateway"]).verify(session_of(visitor)["token"])
    bank.call("auth", "POST", "/api/auth/logout", headers=headers)
    answer = visitor.get("/profile")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/profile")
    assert visitor.get("/profile").status_code == 303


def test_a_post_without_a_session_returns_to_its_page_after_the_login(bank: Suite) -> None:
    visitor = bank.visitor()
    answer = visitor.post("/settings", {"current_password": "x"}, Referer="http://localhost/settings")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/settings")
    answer = visitor.post("/settings", {"current_password": "x"}, Referer="http://evil.example/settings")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")


@pytest.mark.parametrize("path", ["/accounts", "/accounts?a=1&b=2", "/a/b-c_d", "/login"])
def test_local_paths_are_accepted(path: str) -> None:
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
def test_foreign_addresses_are_replaced(path: str | None) -> None:
    assert local_path(path) == HOME


def test_a_login_never_redirects_to_a_foreign_address(bank: Suite, username: str) -> None:
    visitor = bank.visitor()
    answer = visitor.log_in(username, path="/login?next=//evil.example/x")
    assert answer.headers["Location"] == HOME


def test_a_late_request_with_the_old_cookie_is_accepted_after_a_restart(
    bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The auth service returns the same successor of a refresh token for ten seconds, to any gateway."""
    old_cookie = visitor.cookie
    renew_at_once(monkeypatch)
    assert visitor.get("/profile").status_code == 200
    bank.restart("gateway")
    late = bank.visitor()
    late.client.set_cookie("session", old_cookie)
    assert late.get("/profile").status_code == 200
    assert session_of(late)["refresh_token"] == session_of(visitor)["refresh_token"]
    monkeypatch.undo()
    hear_of_ended_sessions(bank)
    assert late.get("/profile").status_code == 200
