"""Where a process listens, and how others on this machine reach it there."""

import ipaddress
import socket

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def reachable_host(host: str) -> str:
    """The host under which this machine reaches what listens on `host`, which may mean all interfaces."""
    return _EVERYWHERE.get(host, host)


def base_url(host: str, port: int) -> str:
    """The URL of what listens on `host` and `port`, such as http://127.0.0.1:8001."""
    reachable = reachable_host(host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def client_address(peer: str, forwarded_for: str) -> str:
    """Where a request began: the last entry of X-Forwarded-For when the peer is a proxy on this machine, else the peer.

    Entries before the last are whatever the client claimed.
    """
    try:
        last = ipaddress.ip_address(forwarded_for.rpartition(",")[2].strip())
        return str(last) if ipaddress.ip_address(peer).is_loopback else peer
    except ValueError:
        return peer


def why_not_free(host: str, port: int) -> str | None:
    """Why nobody could listen on this port now, in the system's words; None when it is free.

    The port is asked for alone: servers that set SO_REUSEPORT would quietly share it with whoever has it already.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return None
