"""Where a process listens, and how others on this machine reach it there."""

import ipaddress
import socket
from urllib.parse import urlsplit

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def reachable_host(host: str) -> str:
    """The host under which this machine reaches what listens on `host`, which may mean all interfaces."""
    return _EVERYWHERE.get(host, host)


def base_url(host: str, port: int) -> str:
    """The URL of what listens on `host` and `port`, such as http://127.0.0.1:8001."""
    reachable = reachable_host(host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def listening_ip(host: str) -> str:
    """The IP address to listen on for `host`, which may be a name such as localhost: IPv4, unless it is given as IPv6.

    Raises OSError for a name that nobody knows.
    """
    return host if ":" in host else socket.gethostbyname(host)


def service_url(text: str) -> str:
    """The URL under which a service is reached, without a slash at its end. Raises ValueError for what is none."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("must be a URL such as http://127.0.0.1:8001")
    return text.rstrip("/")


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
