import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import consul
import pytest
import requests

from shared.http import discovery
from shared.http.discovery import Directory, Registration
from tests.support.consul_agent import NO_CONSUL, ConsulAgent, find_program
from tests.support.processes import eventually, free_ports

VARIABLES = {"price-service": "http://127.0.0.1:9", "other-service": "http://127.0.0.1:10"}
PROGRAM = find_program()
needs_consul = pytest.mark.skipif(not PROGRAM, reason=NO_CONSUL)


class _Instance(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/api/health" else 404)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


class _IllInstance(_Instance):
    status = 503


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler] = _Instance) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def registered(agent: ConsulAgent, service: str, port: int, host: str = "127.0.0.1") -> Iterator[Registration]:
    registration = Registration(service, host, port, consul_host="127.0.0.1", consul_port=agent.port)
    registration.start()
    try:
        yield registration
    finally:
        registration.stop()


@pytest.fixture(scope="module")
def agent() -> Iterator[ConsulAgent]:
    assert PROGRAM
    with ConsulAgent(PROGRAM) as agent:
        yield agent


@pytest.fixture
def directory(agent: ConsulAgent) -> Directory:
    return Directory(VARIABLES, consul_host="127.0.0.1", consul_port=agent.port)


def test_without_a_consul_host_consul_is_never_called(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a client of Consul was made")

    monkeypatch.setattr(consul.std.HTTPClient, "__init__", refuse)
    monkeypatch.setattr(requests.Session, "request", refuse)
    directory = Directory(VARIABLES)
    registration = Registration("price-service", "127.0.0.1", 1, consul_host=None, consul_port=8500)
    for part in (directory, registration):
        part.start()
    directory.refresh()
    assert directory.addresses("price-service") == ["http://127.0.0.1:9"]
    for part in (directory, registration):
        part.stop()


def test_the_variables_apply_while_consul_is_unavailable() -> None:
    port = free_ports(1)[0]
    directory = Directory(VARIABLES, consul_host="127.0.0.1", consul_port=port)
    directory.refresh()
    assert directory.addresses("price-service") == ["http://127.0.0.1:9"]
    registration = Registration("price-service", "127.0.0.1", 1, consul_host="127.0.0.1", consul_port=port)
    registration.start()
    registration.stop()


def test_consul_http_addr_does_not_override_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "http://127.0.0.1:1")
    asked: list[str] = []

    class Consul(_Instance):
        def do_GET(self) -> None:
            asked.append(self.path.partition("?")[0])
            self.send_error(500)

    with serving(Consul) as port:
        Directory(VARIABLES, consul_host="127.0.0.1", consul_port=port).refresh()
    assert asked == ["/v1/health/service/price-service"]


@needs_consul
def test_a_registered_instance_is_found_while_its_check_passes(agent: ConsulAgent, directory: Directory) -> None:
    with serving() as port:
        with registered(agent, "price-service", port):
            eventually(lambda: agent.passing_ports("price-service") == {port})
            directory.refresh()
            assert directory.addresses("price-service") == [f"http://127.0.0.1:{port}"]
            assert directory.addresses("other-service") == ["http://127.0.0.1:10"]
        assert agent.registered_ports("price-service") == set()
        directory.refresh()
        assert directory.addresses("price-service") == ["http://127.0.0.1:9"]


@needs_consul
def test_a_process_replaces_the_entry_of_its_killed_predecessor(agent: ConsulAgent) -> None:
    with serving() as port:
        agent.api.agent.service.register("price-service", "of-an-older-version", address="127.0.0.1", port=port)
        for _ in range(2):
            registration = Registration(
                "price-service", "127.0.0.1", port, consul_host="127.0.0.1", consul_port=agent.port
            )
            registration.register()  # not stopped, as after kill -9
            known = [entry for entry in agent.api.agent.services().values() if entry["Service"] == "price-service"]
            assert [(entry["ID"], entry["Port"]) for entry in known] == [(f"price-service-127.0.0.1-{port}", port)]
        registration.stop()


@needs_consul
def test_an_instance_whose_check_fails_is_not_used(agent: ConsulAgent, directory: Directory) -> None:
    with serving(_IllInstance) as port, registered(agent, "price-service", port):
        eventually(lambda: agent.registered_ports("price-service") == {port})
        eventually(lambda: any("503" in check["Output"] for check in agent.api.agent.checks().values()))
        directory.refresh()
        assert directory.addresses("price-service") == ["http://127.0.0.1:9"]


@needs_consul
def test_calls_alternate_between_the_instances_of_a_service(agent: ConsulAgent, directory: Directory) -> None:
    with (
        serving() as one,
        serving() as two,
        serving() as three,
        registered(agent, "price-service", one),
        registered(agent, "price-service", two),
        registered(agent, "other-service", three),
    ):
        eventually(lambda: agent.passing_ports("price-service") == {one, two})
        eventually(lambda: agent.passing_ports("other-service") == {three})
        directory.refresh()
        calls = [(directory.addresses("price-service"), directory.addresses("other-service")) for _ in range(10)]
    first, second = (f"http://127.0.0.1:{port}" for port in (one, two))
    assert sorted(prices for prices, _ in calls) == sorted([[first, second], [second, first]] * 5)
    assert all(others == [f"http://127.0.0.1:{three}"] for _, others in calls)


@needs_consul
def test_an_instance_on_all_interfaces_has_the_address_of_its_agent(agent: ConsulAgent, directory: Directory) -> None:
    with serving() as port, registered(agent, "price-service", port, host="0.0.0.0"):
        eventually(lambda: agent.passing_ports("price-service") == {port})
        assert agent.api.agent.services().popitem()[1]["Address"] == ""
        directory.refresh()
        assert directory.addresses("price-service") == [f"http://127.0.0.1:{port}"]


@needs_consul
def test_addresses_survive_an_outage_of_consul_and_entries_are_restored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "REGISTER_AGAIN_SECONDS", 0.2)
    assert PROGRAM
    with ConsulAgent(PROGRAM) as agent, serving() as port, registered(agent, "price-service", port):
        directory = Directory(VARIABLES, consul_host="127.0.0.1", consul_port=agent.port)
        directory.start()
        try:
            eventually(lambda: directory.addresses("price-service") == [f"http://127.0.0.1:{port}"])
            agent.kill()
            with pytest.raises((requests.ConnectionError, consul.ConsulException)):
                agent.api.agent.services()
            directory.refresh()
            assert directory.addresses("price-service") == [f"http://127.0.0.1:{port}"]
            agent.start()
            eventually(lambda: agent.passing_ports("price-service") == {port})
        finally:
            directory.stop()
