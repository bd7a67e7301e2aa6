"""The clock of this process. All instants are in UTC."""

from datetime import UTC, datetime, timedelta
from pathlib import Path


class _Clock:
    """The clock of this process."""

    set_back_file: Path | None = None

    def set_back(self) -> timedelta:
        """How far it is set back now."""
        if self.set_back_file is None:
            return timedelta()
        try:
            return timedelta(seconds=max(0, int(self.set_back_file.read_text(encoding="ascii"))))
        except (OSError, ValueError, OverflowError):
            return timedelta()


_clock = _Clock()


def now() -> datetime:
    """The present instant, in UTC, unless `set_clock_back_by` was told otherwise."""
    return datetime.now(UTC) - _clock.set_back()


def real_now() -> datetime:
    """The present instant, in UTC, by the true clock: for what expires."""
    return datetime.now(UTC)


def set_clock_back_by(file: Path | None) -> None:
    """Set this process's clock back by as many seconds as `file` says at each moment; None lets it run true.

    For making a history to show. It can't be set forward, and the expiry of tokens follows the real clock.
    """
    _clock.set_back_file = file
