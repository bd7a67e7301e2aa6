"""What the gateway itself refuses is in the audit trail: counted, and bounded in a flood."""

from typing import Any

import pytest

from api_gateway.web.refusals import MAX_COUNTED, Refusals
from api_gateway.web.tools import Tools
from shared.core.errors import Forbidden, NotFound, TooManyRequests
from shared.http.client import NoAnswer
from shared.security.tokens import TokenVerifier
from shared.web.parts import part
from tests.support.suite import Suite


def reported(bank: Suite) -> dict[tuple[str, str], int]:
    """Report now, and return the requests of all entries so far by code and address."""
    app = bank.apps["gateway"]
    with app.app_context():
        part(Tools, app).refusals.report()
    path = "/api/auth/audit?action=gateway.refuse&limit=200"
    rows: list[dict[str, Any]] = bank.call("auth", "GET", path, bank.admin()).get_json()["audit"]
    assert {row["service"] for row in rows} <= {"api-gateway"}
    return {(row["details"]["code"], row["address"]): row["details"]["requests"] for row in rows}


def test_refused_pages_and_requests_become_an_entry_with_their_number(bank: Suite) -> None:
    visitor = bank.visitor()
    assert visitor.post("/login", {"username": "ada", "password": "x"}).status_code == 400, "without a form token"
    person = bank.person()
    bank.call("auth", "POST", "/api/auth/logout", person)
    part(TokenVerifier, bank.apps["gateway"]).revocations.poll()
    for _ in range(2):
        assert bank.call("gateway", "GET", "/api/accounts/list", person).status_code == 401
    found = reported(bank)
    assert found["PAGE_EXPIRED", "127.0.0.1"] == 1
    assert found["INVALID_TOKEN", "127.0.0.1"] == 2


def test_a_flood_becomes_a_bounded_number_of_entries(bank: Suite) -> None:
    refusals = part(Tools, bank.apps["gateway"]).refusals
    for number in range(MAX_COUNTED + 50):
        refusals.count(TooManyRequests(), f"10.0.{number // 250}.{number % 250}")
    refusals.count(NotFound(), "10.9.9.9")
    found = {key: requests for key, requests in reported(bank).items() if key[0] == TooManyRequests.code}
    assert len(found) == MAX_COUNTED + 1
    assert found[TooManyRequests.code, ""] == 50


class Network:
    """A fake of the service token: its calls fail while it is down."""

    def __init__(self) -> None:
        self.is_down = True
        self.sent: list[dict[str, Any]] = []

    def call(self, _peer: object, _method: str, _path: str, *, body: dict[str, Any]) -> None:
        if self.is_down:
            raise NoAnswer(may_have_arrived=False)
        self.sent += body["entries"]


def test_what_could_not_be_reported_is_sent_with_the_next_ones() -> None:
    network: Any = Network()
    refusals = Refusals(network, network)
    refusals.count(Forbidden(), "192.0.2.99")
    with pytest.raises(NoAnswer):
        refusals.report()
    refusals.count(Forbidden(), "192.0.2.99")
    network.is_down = False
    refusals.report()
    refusals.report()
    assert [(entry["address"], entry["details"]["requests"]) for entry in network.sent] == [("192.0.2.99", 2)]
