"""Live check and health check; an unhealthy service names what fails."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared.web import health


class Neighbour:
    """A peer whose live check returns a value or raises."""

    def __init__(self, name: str) -> None:
        self.name, self.alive = name, True
        self.together: threading.Barrier | None = None

    def is_alive(self) -> bool:
        if self.together:
            self.together.wait(5)
        return self.alive


class Scene:
    def __init__(self) -> None:
        self.database_is_there = True
        self.neighbours = [Neighbour("first-service"), Neighbour("second-service")]
        app = Flask("some-service")
        health.install(app, "some-service", check_database=self.check_database, peers=list(self.neighbours))  # type: ignore[arg-type]  # a stand-in
        self.client: FlaskClient = app.test_client()

    def check_database(self) -> None:
        if not self.database_is_there:
            raise OSError("disk on fire at /var/lib")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_healthy_service_is_200(scene: Scene) -> None:
    answer = scene.client.get("/api/health")
    assert (answer.status_code, answer.json) == (200, {"status": "healthy", "service": "some-service"})


def test_failing_checks_are_named_without_details(scene: Scene) -> None:
    scene.database_is_there = False
    scene.neighbours[1].alive = False
    answer = scene.client.get("/api/health")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["details"] == {"database": "unavailable", "second-service": "unavailable"}
    assert answer.json["success"] is False
    assert answer.json["error_code"] == "SERVICE_UNAVAILABLE"
    assert "fire" not in answer.text


def test_live_runs_no_checks(scene: Scene) -> None:
    scene.database_is_there = False
    for neighbour in scene.neighbours:
        neighbour.alive = False
    answer = scene.client.get("/api/live")
    assert (answer.status_code, answer.json) == (200, {"status": "alive", "service": "some-service"})


def test_checks_run_in_parallel(scene: Scene) -> None:
    together = threading.Barrier(2)
    for neighbour in scene.neighbours:
        neighbour.together = together
    assert scene.client.get("/api/health").status_code == 200


def test_concurrent_checks_share_a_run() -> None:
    runs, has_begun, may_end = itertools.count(), threading.Event(), threading.Event()

    def check() -> bool:
        next(runs)
        has_begun.set()
        return may_end.wait(10)

    state = health.Health({"database": check})
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(state.failing)]
        assert has_begun.wait(10)
        asked += [pool.submit(state.failing) for _ in range(7)]
        time.sleep(0.2)  # until most of them wait
        may_end.set()
        assert [one.result(10) for one in asked] == [[]] * 8
    assert next(runs) < 8
