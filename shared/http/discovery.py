"""Service discovery: from Consul when configured, else, and as a fallback, from the environment variables."""

import itertools
import logging
import os
import socket
import threading
from typing import Any

import consul
import consul.base
import consul.std
import requests

from shared.concurrency.background import PeriodicTask
from shared.http.addresses import base_url, reachable_host

REFRESH_SECONDS = 1.0
REGISTER_AGAIN_SECONDS = 5.0
TIMEOUT_SECONDS = 2.0
DEREGISTER_AFTER = "1m"  # of failing checks; Consul's minimum
_log = logging.getLogger(__name__)


class _TimeLimitedSession(requests.Session):
    """A session with a timeout for every call; python-consul passes none."""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", TIMEOUT_SECONDS)
        return super().request(*args, **kwargs)


class _HTTPClient(consul.std.HTTPClient):  # type: ignore[misc]  # python-consul has no types
    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.session = _TimeLimitedSession()
        self.session.trust_env = False


class _Consul(consul.base.Consul):  # type: ignore[misc]  # python-consul has no types
    """The two parts of Consul's API that are used here.

    The library's `__init__` is not called: CONSUL_HTTP_ADDR would override the host there, and fails when it is a URL.
    """

    def __init__(self, host: str, port: int) -> None:
        self.http = _HTTPClient(host, port)
        self.token = os.environ.get("CONSUL_HTTP_TOKEN")
        self.scheme, self.consistency, self.dc = "http", "default", None
        self.agent = consul.base.Consul.Agent(self)
        self.health = consul.base.Consul.Health(self)


class Directory:
    """Addresses by service name. Without a Consul host, Consul is never called.

    With one, the passing instances are polled in the background, and calls are spread over them round-robin. The last
    answer stays valid. The variables' addresses serve until Consul has answered, or while it knows no passing instance.
    """

    def __init__(self, addresses: dict[str, str], *, consul_host: str | None = None, consul_port: int = 8500) -> None:
        self._addresses = addresses
        self._consul = _Consul(consul_host, consul_port) if consul_host else None
        self._instances: dict[str, list[str]] = {}
        self._turns = {service: itertools.count() for service in addresses}
        self._refresher = PeriodicTask(self.refresh, name="consul-lookup", interval_seconds=REFRESH_SECONDS)

    def start(self) -> None:
        """Start polling Consul in the background, if it is configured."""
        if self._consul:
            self._refresher.start()

    def stop(self) -> None:
        """Stop the background thread."""
        self._refresher.stop()

    def addresses(self, service: str) -> list[str]:
        """Return the base URLs of `service`, such as http://127.0.0.1:8001, the one for the next call first."""
        instances = self._instances.get(service)
        if not instances:
            return [self._addresses[service]]
        turn = next(self._turns[service]) % len(instances)
        return instances[turn:] + instances[:turn]

    def refresh(self) -> None:
        """Ask Consul for the passing instances of every service. If it does not answer, the known ones stay."""
        if not self._consul:
            return
        for service in self._addresses:
            try:
                _, entries = self._consul.health.service(service, passing=True)
            except (requests.RequestException, consul.base.ConsulException) as error:
                _log.info("consul lookup failed: %s", type(error).__name__)
                return
            self._instances[service] = [
                base_url(entry["Service"]["Address"] or entry["Node"]["Address"], entry["Service"]["Port"])
                for entry in entries
            ]


class Registration:
    """The registration of this process in Consul: made at start, again when Consul lost it, removed at stop.

    Its id consists of service, host and port, so that a process replaces the entry of its killed predecessor. A process
    that listens on all interfaces is registered without an address, for which Consul substitutes that of its agent.
    """

    def __init__(self, service: str, host: str, port: int, *, consul_host: str | None, consul_port: int) -> None:
        self._service, self._host, self._port = service, host, port
        self._address = host if reachable_host(host) == host else None
        self._id = f"{service}-{self._address or socket.gethostname()}-{port}"
        self._consul = _Consul(consul_host, consul_port) if consul_host else None
        self._lock = threading.Lock()
        self._ended = self._is_registered = False
        self._keeper = PeriodicTask(self.register, name="consul-registration", interval_seconds=REGISTER_AGAIN_SECONDS)

    def start(self) -> None:
        """Register in the background, and again whenever Consul has lost the entry."""
        if self._consul:
            self._keeper.start()

    def stop(self) -> None:
        """Deregister. If Consul does not answer, it will drop the instance by its failing check."""
        if not self._consul:
            return
        with self._lock:
            self._ended = True
        self._keeper.stop()
        try:
            self._consul.agent.service.deregister(self._id)
        except (requests.RequestException, consul.base.ConsulException) as error:
            _log.info("consul deregistration failed: %s", type(error).__name__)

    def register(self) -> None:
        """Register now, unless the entry is there or this registration has ended."""
        with self._lock:
            if self._ended or self._consul is None:
                return
            try:
                known = self._consul.agent.services()
                if self._is_registered and self._id in known:
                    return
                self._consul.agent.service.register(
                    self._service,
                    service_id=self._id,
                    address=self._address,
                    port=self._port,
                    check=consul.Check.http(
                        f"{base_url(self._host, self._port)}/api/health",
                        interval="1s",
                        timeout="2s",
                        deregister=DEREGISTER_AFTER,
                    ),
                )
                self._is_registered = True
                for other in filter(self._is_stale, known.values()):
                    self._consul.agent.service.deregister(other["ID"])
            except (requests.RequestException, consul.base.ConsulException) as error:
                _log.info("consul registration failed: %s", type(error).__name__)

    def _is_stale(self, entry: dict[str, Any]) -> bool:
        """Return whether an entry of the agent has this very address but another id, so that it is outdated."""
        place = (entry["Service"], entry["Address"], entry["Port"])
        return entry["ID"] != self._id and place == (self._service, self._address or "", self._port)
