"""Calls run concurrently, each in the context of its request."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask

from shared.concurrency.context_pool import ContextPool
from shared.http import request_ids


@pytest.fixture
def context_pool() -> Iterator[ContextPool]:
    pool = ContextPool("test", workers=2)
    yield pool
    pool.close()


def test_calls_run_concurrently(context_pool: ContextPool) -> None:
    barrier = threading.Barrier(3)
    calls = [context_pool.submit(barrier.wait, 5) for _ in range(2)]
    barrier.wait(5)
    assert {call.result() for call in calls} <= {0, 1, 2}


def test_the_future_raises_the_exception_of_the_call(context_pool: ContextPool) -> None:
    call = context_pool.submit(int, "not a number")
    with pytest.raises(ValueError, match="not a number"):
        call.result()


def test_a_call_runs_in_the_context_of_its_request(context_pool: ContextPool) -> None:
    app = Flask("test")
    request_ids.install(app)

    @app.get("/")
    def view() -> list[str | None]:
        return [context_pool.submit(request_ids.current).result()]

    assert app.test_client().get("/", headers={"X-Request-ID": "abc"}).json == ["abc"]


def test_closing_cancels_queued_calls() -> None:
    pool = ContextPool("test", workers=1)
    go_on = threading.Event()
    running = pool.submit(go_on.wait, 5)
    waiting = pool.submit(go_on.wait, 5)
    threading.Timer(0.05, go_on.set).start()
    pool.close()
    assert running.result() is True
    assert waiting.cancelled()
