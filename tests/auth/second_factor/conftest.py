"""Fixtures: a clock that stands, since codes of authenticator apps change every 30 seconds."""

import pytest

from shared.core import clock


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock stand for each test."""
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
