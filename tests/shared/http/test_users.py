"""Names of users: how long they are kept, and how many are asked for at once."""

from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from shared.core.errors import ServiceUnavailable
from shared.http import users
from shared.http.client import Peer, ServiceToken
from shared.http.users import KEPT_SECONDS, UserClient

ADA, BEN = uuid4(), uuid4()


class Auth:
    """Names of users, as the auth service tells them, and what it was asked for."""

    def __init__(self) -> None:
        self.names, self.asked, self.down = {ADA: "Ada Martin", BEN: "Ben Okafor"}, list[set[UUID]](), False

    def until(self, _deadline: float) -> "Auth":
        return self

    def call(self, _peer: Any, _method: str, _path: str, *, query: dict[str, str]) -> Any:
        if self.down:
            raise ServiceUnavailable
        asked = set(map(UUID, query["user_ids"].split(",")))
        self.asked.append(asked)
        return {"names": {str(user_id): self.names[user_id] for user_id in asked if user_id in self.names}}


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
def client(auth: Auth, clock: Clock) -> UserClient:
    return UserClient(cast(Peer, auth), cast(ServiceToken, auth), clock=clock)


def test_only_names_that_are_not_kept_are_asked_for(client: UserClient, auth: Auth) -> None:
    assert client.available_names({ADA}) == {ADA: "Ada Martin"}
    assert client.available_names({ADA, BEN}) == {ADA: "Ada Martin", BEN: "Ben Okafor"}
    assert client.available_names({ADA, BEN}) == {ADA: "Ada Martin", BEN: "Ben Okafor"}
    assert auth.asked == [{ADA}, {BEN}]


def test_a_changed_name_shows_when_the_kept_one_is_over(client: UserClient, auth: Auth, clock: Clock) -> None:
    client.available_names({ADA})
    auth.names[ADA] = "Ada Okafor"
    clock.now += KEPT_SECONDS - 0.1
    assert client.available_names({ADA}) == {ADA: "Ada Martin"}
    clock.now += 0.2
    assert client.available_names({ADA}) == {ADA: "Ada Okafor"}


def test_what_the_auth_service_does_not_tell_is_asked_for_again(client: UserClient, auth: Auth) -> None:
    auth.down = True
    assert client.available_names({ADA}) == {}
    auth.down = False
    assert client.available_names({ADA}) == {ADA: "Ada Martin"}


def test_a_bounded_number_of_names_is_kept(client: UserClient, auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "MAX_KEPT", 1)
    client.available_names({ADA})
    client.available_names({BEN})
    client.available_names({ADA})
    assert auth.asked == [{ADA}, {BEN}, {ADA}]


def test_many_names_are_asked_for_in_batches(client: UserClient, auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "BATCH_IDS", 1)
    assert client.names({ADA, BEN}) == {ADA: "Ada Martin", BEN: "Ben Okafor"}
    assert sorted(auth.asked, key=str) == sorted([{ADA}, {BEN}], key=str)
    assert client.names(set()) == {}


def test_names_that_must_be_there_are_asked_for_anew_or_fail(client: UserClient, auth: Auth) -> None:
    client.available_names({ADA})
    auth.names[ADA] = "Ada Okafor"
    assert client.names({ADA}) == {ADA: "Ada Okafor"}
    auth.down = True
    with pytest.raises(ServiceUnavailable):
        client.names({ADA})
