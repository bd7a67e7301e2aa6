"""The current time in UTC. A demo can set the clock back to create a history."""

from datetime import UTC, datetime, timedelta
from pathlib import Path


class _Clock:
    """The clock of this process, set back by the seconds in a file if one is configured."""

    set_back_file: Path | None = None

    def set_back(self) -> timedelta:
        """Return how far the clock is set back; zero without a file or with an unreadable one."""
        if self.set_back_file is None:
            return timedelta()
        try:
            return timedelta(seconds=max(0, int(self.set_back_file.read_text(encoding="ascii"))))
        except (OSError, ValueError, OverflowError):
            return timedelta()


_clock = _Clock()


def now() -> datetime:
    """Return the current instant in UTC, set back as `set_clock_back_by` says."""
    return datetime.now(UTC) - _clock.set_back()


def real_now() -> datetime:
    """Return the current instant in UTC of the system clock, which decides when something expires."""
    return datetime.now(UTC)


def set_clock_back_by(file: Path | None) -> None:
    """Set `now` back by the number of seconds in `file`, which is read at each call; None removes the offset.

    The demo uses it to create transactions in the past. The clock can't be set forward, and `real_now` ignores it.
    """
    _clock.set_back_file = file
