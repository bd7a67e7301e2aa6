"""Calls go at the same time, and each knows the request that it is made for."""

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


def test_calls_go_at_the_same_time(context_pool: ContextPool) -> None:
    barrier = threading.Barrier(3)
    calls = [context_pool.begin(barrier.wait, 5) for _ in range(2)]
    barrier.wait(5)
    assert {call.result() for call in calls} <= {0, 1, 2}


def test_an_error_comes_out_where_the_result_is_asked_for(context_pool: ContextPool) -> None:
    call = context_pool.begin(int, "not a number")
    with pytest.raises(ValueError, match="not a number"):
        call.result()


def test_a_call_knows_the_request_it_is_made_for(context_pool: ContextPool) -> None:
    app = Flask("test")
    request_ids.install(app)

    @app.get("/")
    def view() -> list[str | None]:
        return [context_pool.begin(request_ids.current).result()]

    assert app.test_client().get("/", headers={"X-Request-ID": "abc"}).json == ["abc"]


def test_what_has_not_begun_is_given_up_at_the_end() -> None:
    pool = ContextPool("test", workers=1)
    go_on = threading.Event()
    running = pool.begin(go_on.wait, 5)
    waiting = pool.begin(go_on.wait, 5)
    threading.Timer(0.05, go_on.set).start()
    pool.close()
    assert running.result() is True
    assert waiting.cancelled()
