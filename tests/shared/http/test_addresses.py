import socket
from pathlib import Path

import pytest

from shared.http.addresses import (
    base_url,
    cannot_listen,
    client_address,
    listening_ip,
    reachable_host,
    service_url,
    why_not_free,
)
from tests.support.processes import as_another_user


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("bank.example", "http://bank.example:80"),
    ],
)
def test_a_wildcard_address_is_reached_on_loopback(host: str, url: str) -> None:
    assert base_url(host, 80) == url
    assert reachable_host(host) in url


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("127.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.1", "10.9.9.9, 192.0.2.7", "192.0.2.7"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.7, nonsense", "127.0.0.1"),
        ("127.0.0.1", "<script>", "127.0.0.1"),
        ("198.51.100.1", "192.0.2.7", "192.0.2.7"),
        ("", "", ""),
    ],
)
def test_only_the_last_entry_is_the_client(peer: str, forwarded_for: str, client: str) -> None:
    assert client_address(peer, forwarded_for) == client


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::1", "::1"), ("::", "::"), ("localhost", "127.0.0.1")],
)
def test_a_host_name_is_resolved_for_listening(host: str, address: str) -> None:
    assert listening_ip(host) == address


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://bank.example:8001//", "http://bank.example:8001"),
        ("https://bank.example/auth/", "https://bank.example/auth"),
        ("http://[::1]:8001/", "http://[::1]:8001"),
    ],
)
def test_a_valid_service_url_is_accepted(given: str, used: str) -> None:
    assert service_url(given) == used


@pytest.mark.parametrize(
    "given", ["localhost:8001", "127.0.0.1:8001", "8001", "ftp://x", "http://", "http://x:http", "http://x:99999"]
)
def test_an_invalid_service_url_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        service_url(given)


def test_a_port_is_free_until_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert reason("127.0.0.1", port) == (
            f"port {port} on 127.0.0.1 is not free for shop: stop what listens there, or set SHOP_PORT to another port"
        )
    assert why_not_free("127.0.0.1", port) is None


def test_a_port_with_so_reuseport_is_not_free() -> None:
    with socket.socket() as sharing:
        sharing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sharing.bind(("127.0.0.1", 0))
        sharing.listen()
        assert "is not free for shop" in reason("127.0.0.1", sharing.getsockname()[1])


def reason(host: str, port: int) -> str:
    error = why_not_free(host, port)
    assert error
    return str(cannot_listen(error, host, port, name="shop", port_variable="SHOP_PORT"))


def test_an_address_of_another_machine_is_explained() -> None:
    assert reason("192.0.2.1", 80) == (
        "BANK_HOST is '192.0.2.1', which is no address of this machine: set it to one, such as 127.0.0.1"
    )


@pytest.mark.parametrize("host", ["no such host", "nosuch.invalid", "a..b", "127.0.0.1:80", "x" * 64])
def test_an_unknown_host_name_is_explained(host: str) -> None:
    assert reason(host, 8001).startswith(f"BANK_HOST is {host!r}, and no address is known by that name: set it to")


def test_a_privileged_port_is_explained() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 81:
        pytest.skip("on this machine everybody may listen on port 81")
    with as_another_user():
        assert reason("127.0.0.1", 81) == (
            "SHOP_PORT is 81, a port that this user may not listen on: set it to one from 1024 to 65535"
        )
