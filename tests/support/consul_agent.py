"""A real Consul agent for tests. The program is found by CONSUL_BINARY, in PATH or in ~/.cache/consul."""

import os
import shutil
import subprocess
from pathlib import Path

import consul

from tests.support.processes import eventually, free_ports, status_of

NO_CONSUL = "no consul program: set CONSUL_BINARY or run .ci/get-consul"


def find_program() -> str | None:
    """Return the path of the consul program, or None when it is not installed."""
    cached = Path.home() / ".cache/consul/usr/bin/consul"
    given = os.environ.get("CONSUL_BINARY") or shutil.which("consul")
    return given or (str(cached) if os.access(cached, os.X_OK) else None)


class ConsulAgent:
    """A single agent in development mode, in memory and on loopback. As a context manager it is killed at exit."""

    def __init__(self, program: str) -> None:
        self._program = program
        self.port, *self._other_ports = free_ports(4)
        self.api = consul.Consul("127.0.0.1", self.port)

    def __enter__(self) -> "ConsulAgent":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()
        self.api.http.session.close()

    def start(self) -> None:
        """Start an agent without registrations, and wait until it is the leader."""
        server, serf_lan, serf_wan = self._other_ports
        ports = {"http": self.port, "server": server, "serf-lan": serf_lan, "serf-wan": serf_wan, "dns": -1, "grpc": -1}
        self._process = subprocess.Popen(
            [self._program, "agent", "-dev", "-bind=127.0.0.1", "-log-level=err", "-hcl=disable_update_check = true"]
            + [f"-{name}-port={port}" for name, port in ports.items()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ready = f"http://127.0.0.1:{self.port}/v1/health/service/consul?passing&wait=1s"
        eventually(lambda: status_of(ready) == 200, within_seconds=20, what="the Consul agent")

    def kill(self) -> None:
        """Kill the agent."""
        self._process.kill()
        self._process.wait()

    def passing_ports(self, service: str) -> set[int]:
        """Return the ports of the instances of a service whose checks pass."""
        return {entry["Service"]["Port"] for entry in self.api.health.service(service, passing=True)[1]}

    def registered_ports(self, service: str) -> set[int]:
        """Return the ports of all instances of a service."""
        return {entry["Service"]["Port"] for entry in self.api.health.service(service)[1]}
