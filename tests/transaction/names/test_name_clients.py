"""How long names are kept."""

from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from shared.core.errors import ServiceUnavailable
from shared.http.client import Peer, ServiceToken
from transaction_service.names import name_clients
from transaction_service.names.name_clients import KEPT_SECONDS, NameClient

ADA, BEN = uuid4().hex, uuid4().hex


class Auth:
    """Names of users, as the auth service tells them, and what it was asked for."""

    def __init__(self) -> None:
        self.names, self.asked, self.down = {ADA: "Ada Martin", BEN: "Ben Okafor"}, list[set[str]](), False

    def until(self, _deadline: float) -> "Auth":
        return self

    def call(self, _peer: Any, _method: str, _path: str, *, query: dict[str, str]) -> Any:
        if self.down:
            raise ServiceUnavailable
        asked = set(query["user_ids"].split(","))
        self.asked.append(asked)
        return {"names": {str(UUID(user_id)): self.names[user_id] for user_id in asked if user_id in self.names}}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(auth: Auth, clock: Clock) -> NameClient:
    return NameClient(cast(Peer, auth), cast(ServiceToken, auth), clock=clock)


def test_only_names_that_are_not_kept_are_asked_for(client: NameClient, auth: Auth) -> None:
    assert client.find({ADA}) == {ADA: "Ada Martin"}
    assert client.find({ADA, BEN}) == {ADA: "Ada Martin", BEN: "Ben Okafor"}
    assert client.find({ADA, BEN}) == {ADA: "Ada Martin", BEN: "Ben Okafor"}
    assert auth.asked == [{ADA}, {BEN}]


def test_a_changed_name_shows_when_the_kept_one_is_over(client: NameClient, auth: Auth, clock: Clock) -> None:
    client.find({ADA})
    auth.names[ADA] = "Ada Okafor"
    clock.now += KEPT_SECONDS - 0.1
    assert client.find({ADA}) == {ADA: "Ada Martin"}
    clock.now += 0.2
    assert client.find({ADA}) == {ADA: "Ada Okafor"}


def test_what_the_auth_service_does_not_tell_is_asked_for_again(client: NameClient, auth: Auth) -> None:
    auth.down = True
    assert client.find({ADA}) == {}
    auth.down = False
    assert client.find({ADA}) == {ADA: "Ada Martin"}


def test_a_bounded_number_of_names_is_kept(client: NameClient, auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_clients, "MAX_KEPT", 1)
    client.find({ADA})
    client.find({BEN})
    client.find({ADA})
    assert auth.asked == [{ADA}, {BEN}, {ADA}]
