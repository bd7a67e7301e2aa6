"""A periodic task runs at start and periodically, survives exceptions, and can be stopped."""

import threading

import pytest

from shared.concurrency import background
from shared.concurrency.background import PeriodicTask
from shared.core.errors import ServiceUnavailable


def test_a_task_runs_at_start_and_periodically_until_stopped() -> None:
    runs, three = [], threading.Event()

    def job() -> None:
        runs.append(threading.current_thread().name)
        if len(runs) == 3:
            three.set()

    task = PeriodicTask(job, name="bell", interval_seconds=0.001)
    task.start()
    assert three.wait(5)
    task.stop()
    assert set(runs) == {"bell"}
    assert not any(thread.name == "bell" for thread in threading.enumerate())


def test_an_error_is_logged_and_the_job_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    runs, again = [], threading.Event()

    def job() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("out of tune")
        again.set()

    task = PeriodicTask(job, name="bell", interval_seconds=0.001)
    task.start()
    assert again.wait(5)
    task.stop()
    assert "bell failed: out of tune" in caplog.text


def test_stopping_lets_the_running_call_finish() -> None:
    begun, finish, finished = threading.Event(), threading.Event(), []

    def job() -> None:
        begun.set()
        assert finish.wait(5)
        finished.append(1)

    task = PeriodicTask(job, name="bell", interval_seconds=60)
    task.start()
    assert begun.wait(5)
    threading.Timer(0.01, finish.set).start()
    task.stop()
    assert finished == [1]


def test_stopping_a_task_that_never_started_is_no_error() -> None:
    PeriodicTask(lambda: None, name="bell", interval_seconds=60).stop()


def test_a_lasting_error_and_its_end_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    runs, over = [], threading.Event()

    def job() -> None:
        runs.append(1)
        if len(runs) <= 3:
            raise ValueError("out of tune")
        if len(runs) == 5:
            over.set()

    task = PeriodicTask(job, name="bell", interval_seconds=0.001)
    task.start()
    assert over.wait(5)
    task.stop()
    assert [record.getMessage() for record in caplog.records] == ["bell failed: out of tune", "bell recovered"]


@pytest.mark.parametrize(("start_seconds", "logged"), [(60.0, False), (0.0, True)])
def test_that_another_service_is_not_available_is_logged_after_the_start_only(
    start_seconds: float, logged: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "START_SECONDS", start_seconds)
    runs, twice = [], threading.Event()

    def job() -> None:
        runs.append(1)
        if len(runs) == 2:
            twice.set()
        raise ServiceUnavailable

    task = PeriodicTask(job, name="bell", interval_seconds=0.001)
    task.start()
    assert twice.wait(5)
    task.stop()
    assert ("bell failed" in caplog.text) == logged
