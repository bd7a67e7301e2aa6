import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from api_gateway.web.limits.fair_places import FairPlaces
from shared.core.errors import ServiceUnavailable
from tests.support.processes import eventually

pytestmark = pytest.mark.timing

PLACES, WAITING, PATIENCE_SECONDS = 2, 6, 10


class Room:
    """Requests that hold a place until the test lets them go, in the order in which they got it."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool, self._places = pool, FairPlaces(PLACES, WAITING)
        self._asked: list[Future[None]] = []
        self._inside: list[tuple[str, threading.Event]] = []

    @property
    def entered(self) -> list[str]:
        return [client for client, _ in self._inside]

    def ask(self, *clients: str) -> None:
        """Start requests one after another, so that they wait in this order."""
        for client in clients:
            self._asked.append(self._pool.submit(self._visit, client))
            time.sleep(0.05)

    def leave(self, client: str) -> None:
        """End the first request of a client that holds a place, and wait until another has it."""
        count = len(self._inside)
        next(gone for name, gone in self._inside if name == client and not gone.is_set()).set()
        eventually(lambda: len(self._inside) > count)

    def empty(self) -> None:
        """End all requests, and check that all have ended and all places are free."""
        while not all(asked.done() for asked in self._asked):
            for _, gone in self._inside:
                gone.set()
        for _ in range(PLACES):
            self.ask("last")
        eventually(lambda: self.entered[-PLACES:] == ["last"] * PLACES)
        for _, gone in self._inside:
            gone.set()

    def refused(self) -> int:
        return sum(asked.done() and isinstance(asked.exception(), ServiceUnavailable) for asked in self._asked)

    def _visit(self, client: str) -> None:
        with self._places.hold(client, PATIENCE_SECONDS):
            gone = threading.Event()
            self._inside.append((client, gone))
            assert gone.wait(PATIENCE_SECONDS)


@pytest.fixture
def room() -> Iterator[Room]:
    with ThreadPoolExecutor(PLACES + WAITING + 4) as pool:
        room = Room(pool)
        yield room
        room.empty()


def test_the_next_place_goes_to_the_client_that_holds_the_fewest(room: Room) -> None:
    room.ask("greedy", "greedy", "greedy", "greedy", "modest")
    room.leave("greedy")
    assert room.entered[-1] == "modest"
    room.leave("modest")
    assert room.entered[-1] == "greedy"


def test_clients_that_hold_as_many_get_places_in_turn(room: Room) -> None:
    room.ask("first", "first", "a", "a", "b", "b")
    for client in ("first", "first", "a", "b"):
        room.leave(client)
    assert room.entered[PLACES:] == ["a", "b", "a", "b"]


def test_when_too_many_wait_the_client_with_the_most_requests_loses_its_last(room: Room) -> None:
    room.ask("greedy", "greedy", *["greedy"] * (WAITING - 1), "modest")
    room.ask("other")
    eventually(lambda: room.refused() == 1)
    room.ask("greedy")
    eventually(lambda: room.refused() == 2)
    room.leave("greedy")
    room.leave("modest")
    assert room.entered[PLACES:] == ["modest", "other"]


def test_a_crowd_never_holds_more_than_the_places() -> None:
    places, inside, most = FairPlaces(PLACES, WAITING), [0], [0]
    guard, chance = threading.Lock(), random.Random(20261129)

    def visit(client: str, patience_seconds: float) -> bool:
        try:
            with places.hold(client, patience_seconds):
                with guard:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0.0005)
                with guard:
                    inside[0] -= 1
        except ServiceUnavailable:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        visits = [pool.submit(visit, chance.choice("abc"), chance.choice((0.0, 0.001, 1.0))) for _ in range(2000)]
    assert most == [PLACES]
    assert {one.result() for one in visits} == {True, False}
    for _ in range(PLACES + 1):
        assert visit("d", 0.0)
