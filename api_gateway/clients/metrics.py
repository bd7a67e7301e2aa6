"""Client for the metrics of a service: since when it runs, and how many requests of the last minutes have failed."""

from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from shared.core.errors import ServiceUnavailable
from shared.http.client import Peer


@dataclass(frozen=True)
class Load:
    """What a process says of itself. `answered` and `failed` count the requests of the last five minutes."""

    started_at: datetime
    answered: int
    failed: int

    @property
    def error_rate(self) -> str:
        """Return the part of the requests that failed, in percent."""
        return f"{100 * self.failed / max(self.answered, 1):.1f} %"


def read(text: str) -> Load:
    """Read metrics in Prometheus's text format."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    recent = {one.labels["outcome"]: int(one.value) for one in samples if one.name == "http_requests_recent"}
    started = next(one.value for one in samples if one.name == "started_at_seconds")
    return Load(datetime.fromtimestamp(started, UTC), recent["answered"], recent["failed"])


def load_of(peer: Peer, token: str) -> Load:
    """Return the load of a service, for an admin. Raises ServiceUnavailable."""
    response = peer.send("GET", "/metrics", token=token)
    if not response.ok:
        raise ServiceUnavailable
    return read(response.text)
