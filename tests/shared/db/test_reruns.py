"""Transactions that were aborted in favour of others are rerun."""

import time

import pytest
from sqlalchemy.exc import DBAPIError

from shared.core.errors import ServiceUnavailable
from shared.db.outages import rerun_when_aborted


class Aborted(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


def failing(sqlstate: str, times: int) -> list[int]:
    """Return a function that is aborted `times` times, and the list of its runs."""
    runs: list[int] = []

    @rerun_when_aborted
    def once() -> None:
        runs.append(1)
        if len(runs) <= times:
            raise DBAPIError("UPDATE", {}, Aborted(sqlstate))

    once()
    return runs


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_an_aborted_transaction_is_rerun(sqlstate: str) -> None:
    assert len(failing(sqlstate, times=2)) == 3


def test_other_failures_are_not_rerun() -> None:
    with pytest.raises(DBAPIError):
        failing("22003", times=1)


def test_reruns_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with pytest.raises(ServiceUnavailable):
        failing("40001", times=99)
