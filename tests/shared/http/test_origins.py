"""The origin of a request: known inside of requests, empty outside, forwarded to the next service."""

from flask import Flask

from shared.http import origins
from shared.http.origins import ClientOrigin

FROM_PROXY = {
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_X_FORWARDED_FOR": "6.6.6.6, 203.0.113.7",
    origins.IS_TRUSTED: True,
    "HTTP_USER_AGENT": "a\tbrowser" + "x" * 300,
}


def test_outside_of_a_request_there_is_none() -> None:
    assert origins.current() == ClientOrigin("", "")
    assert origins.forwarded_headers() == {}
    assert origins.current_route() == ""


def test_a_request_has_the_address_of_the_client_and_a_short_user_agent_of_one_line() -> None:
    with Flask(__name__).test_request_context("/things/7?secret=1", method="POST", environ_base=FROM_PROXY):
        address, user_agent = origins.current()
        assert (address, user_agent) == ("203.0.113.7", ("abrowser" + "x" * 300)[:200])
        assert origins.forwarded_headers() == {"X-Forwarded-For": address, "User-Agent": user_agent}
        assert origins.current_route() == "POST /things/7"


def test_an_address_without_a_service_token_is_ignored() -> None:
    forged = {name: value for name, value in FROM_PROXY.items() if name != origins.IS_TRUSTED}
    with Flask(__name__).test_request_context("/", environ_base=forged):
        assert origins.current().address == "127.0.0.1"


def test_code_outside_of_flask_s_context_holds_a_request() -> None:
    with origins.bound(FROM_PROXY):
        assert origins.current().address == "203.0.113.7"
        assert origins.forwarded_headers() == {}
    assert origins.current() == ClientOrigin("", "")
