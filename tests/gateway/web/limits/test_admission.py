"""Admission limits running and waiting requests and refuses the rest; health checks are exempt."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from flask import Flask, request
from werkzeug.test import TestResponse

from api_gateway.web.limits import admission
from api_gateway.web.limits.fair_places import FairPlaces
from shared.core.errors import Refused
from shared.web.responses import install_error_handlers
from tests.support.processes import eventually

pytestmark = pytest.mark.timing

AT_WORK, WAITING = 2, 3


class Shop:
    """An app whose requests run until the test ends them."""

    def __init__(self) -> None:
        self.app = Flask("shop")
        self.begun = threading.Semaphore(0)
        self.done = threading.Event()
        self.names: list[str] = []
        install_error_handlers(self.app)
        places = FairPlaces(AT_WORK, WAITING)
        admission.install(self.app, places, client=lambda: request.headers["From"], exempt=("/live",))
        self.app.add_url_rule("/work/<name>", "work", self._work)
        self.app.add_url_rule("/fail", "fail", self._fail)
        self.app.add_url_rule("/live", "live", lambda: "alive")

    def get(self, path: str, client: str = "greedy") -> TestResponse:
        return self.app.test_client().get(path, headers={"From": client})

    def _work(self, name: str) -> str:
        self.names.append(name)
        self.begun.release()
        assert self.done.wait(10)
        return "done"

    def _fail(self) -> str:
        raise Refused


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def pool(shop: Shop) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as pool:
        yield pool
        shop.done.set()


def fill(shop: Shop, pool: ThreadPoolExecutor, waiting: int = WAITING) -> list[Future[TestResponse]]:
    """Start requests that take every place, and some that wait."""
    asked = [pool.submit(shop.get, f"/work/{number}") for number in range(AT_WORK)]
    for _ in asked:
        assert shop.begun.acquire(timeout=5)
    for number in range(AT_WORK, AT_WORK + waiting):
        asked.append(pool.submit(shop.get, f"/work/{number}"))
        time.sleep(0.05)
    return asked


def test_excess_requests_are_refused_immediately_with_retry_after(shop: Shop, pool: ThreadPoolExecutor) -> None:
    fill(shop, pool)
    began_at = time.monotonic()
    answer = shop.get("/work/too-much")
    assert time.monotonic() - began_at < 1
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json is not None
    assert answer.json["error_code"] == "SERVICE_UNAVAILABLE"
    assert "too-much" not in shop.names


def test_a_waiting_request_runs_as_soon_as_a_place_is_free(shop: Shop, pool: ThreadPoolExecutor) -> None:
    asked = fill(shop, pool)
    assert len(shop.names) == AT_WORK
    shop.done.set()
    assert [one.result(5).status_code for one in asked] == [200] * (AT_WORK + WAITING)


def test_a_request_that_waited_too_long_is_refused(
    shop: Shop, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "LONGEST_WAIT_SECONDS", 0.1)
    *at_work, waiting = fill(shop, pool, waiting=1)
    assert waiting.result(5).status_code == 503
    shop.done.set()
    assert [one.result(5).status_code for one in at_work] == [200, 200]
    assert shop.get("/work/later").status_code == 200


def test_another_client_takes_the_turn_of_the_last_one_that_waits(shop: Shop, pool: ThreadPoolExecutor) -> None:
    *_, last = fill(shop, pool)
    modest = pool.submit(shop.get, "/work/modest", "modest")
    assert last.result(5).status_code == 503
    shop.done.set()
    assert modest.result(5).status_code == 200


def test_exempt_paths_are_answered_under_overload(shop: Shop, pool: ThreadPoolExecutor) -> None:
    fill(shop, pool)
    assert shop.get("/live").status_code == 200


@pytest.mark.parametrize(("path", "status"), [("/fail", 400), ("/nowhere", 404), ("/live", 200)])
def test_every_outcome_of_a_request_frees_its_place(shop: Shop, path: str, status: int) -> None:
    for _ in range(3 * (AT_WORK + WAITING)):
        assert shop.get(path).status_code == status


def test_all_places_are_free_after_an_overload(shop: Shop, pool: ThreadPoolExecutor) -> None:
    asked = fill(shop, pool)
    assert {shop.get("/work/too-much").status_code for _ in range(10)} == {503}
    shop.done.set()
    eventually(lambda: all(one.done() for one in asked))
    shop.done.clear()
    shop.begun = threading.Semaphore(0)
    fill(shop, pool)
    assert shop.get("/work/too-much").status_code == 503
