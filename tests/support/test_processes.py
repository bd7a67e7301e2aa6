"""The helpers of tests that wait."""

import pytest
from flask import Flask, Response
from werkzeug.test import TestResponse

from tests.support import processes
from tests.support.fakes import FakeClock
from tests.support.processes import with_retries


class Clock(FakeClock):
    """Replaces the module `time`. Its `sleep` returns immediately."""

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(processes, "time", clock)
    return clock


class Asked:
    """A request that gets these responses in turn, and the last one from then on."""

    def __init__(self, *responses: Response) -> None:
        self.times = 0
        self._responses = iter(responses)
        self._last = responses[-1]
        app = Flask("asked")
        app.add_url_rule("/", view_func=lambda: next(self._responses, self._last))
        self._client = app.test_client()

    def __call__(self) -> TestResponse:
        self.times += 1
        return self._client.get("/")


BUSY = Response(status=503, headers={"Retry-After": "2"})


def test_a_request_of_a_set_up_is_sent_again_until_it_is_served(clock: Clock) -> None:
    ask = Asked(BUSY, BUSY, Response(status=201))
    assert (with_retries(ask).status_code, ask.times, clock.now) == (201, 3, 4.0)


@pytest.mark.parametrize("status", [200, 400, 503])
def test_a_response_without_retry_after_is_the_last(status: int) -> None:
    ask = Asked(Response(status=status))
    assert (with_retries(ask).status_code, ask.times) == (status, 1)


def test_a_refusal_that_lasts_is_returned_after_half_a_minute(clock: Clock) -> None:
    assert (with_retries(Asked(BUSY)).status_code, clock.now) == (503, 30.0)
