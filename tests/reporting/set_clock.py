"""A clock that tests set."""

from datetime import UTC, datetime, timedelta, tzinfo


class SetClock:
    """Replaces `datetime` in the clock of this process, and runs on from the instant that it is set to."""

    ahead = timedelta()

    def set(self, at: datetime) -> None:
        self.ahead = at - datetime.now(UTC)

    def now(self, zone: tzinfo) -> datetime:
        return datetime.now(zone) + self.ahead
