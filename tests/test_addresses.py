import socket

import pytest

from shared.addresses import base_url, client_address, listening_ip, reachable_host, service_url, why_not_free


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
def test_what_listens_somewhere_is_reached_there_and_what_listens_everywhere_on_loopback(host: str, url: str) -> None:
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
        ("198.51.100.1", "192.0.2.7", "198.51.100.1"),
        ("", "192.0.2.7", ""),
    ],
)
def test_only_a_proxy_on_this_machine_is_believed_and_only_its_own_word(
    peer: str, forwarded_for: str, client: str
) -> None:
    assert client_address(peer, forwarded_for) == client


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::1", "::1"), ("::", "::"), ("localhost", "127.0.0.1")],
)
def test_a_process_may_listen_on_what_a_name_stands_for(host: str, address: str) -> None:
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
def test_a_service_is_called_where_it_is_said_to_be(given: str, used: str) -> None:
    assert service_url(given) == used


@pytest.mark.parametrize(
    "given", ["localhost:8001", "127.0.0.1:8001", "8001", "ftp://x", "http://", "http://x:http", "http://x:99999"]
)
def test_what_is_no_url_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        service_url(given)


def test_a_port_is_free_until_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert why_not_free("127.0.0.1", port) == "Address already in use"
    assert why_not_free("127.0.0.1", port) is None


def test_a_port_that_others_would_share_is_not_free() -> None:
    with socket.socket() as sharing:
        sharing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sharing.bind(("127.0.0.1", 0))
        sharing.listen()
        assert why_not_free("127.0.0.1", sharing.getsockname()[1]) == "Address already in use"


def test_an_address_of_another_machine_is_no_place_to_listen() -> None:
    assert why_not_free("192.0.2.1", 80) == "Cannot assign requested address"
    assert why_not_free("no such host", 80)
