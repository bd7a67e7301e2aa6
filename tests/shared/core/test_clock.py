"""The clock of a process."""

from datetime import UTC, datetime, timedelta

from shared.core import clock


def test_now_is_the_current_instant_with_a_time_zone() -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.now().tzinfo is UTC
