"""Addresses: where a process listens, and the URL under which it is reached."""

import errno
import ipaddress
import socket
from urllib.parse import urlsplit

from shared.core.errors import CannotStart

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def reachable_host(host: str) -> str:
    """Return the host for local connections to `host`, which may be a wildcard address."""
    return _WILDCARDS.get(host, host)


def base_url(host: str, port: int | str) -> str:
    """Return the URL of a server on `host` and `port`, such as http://127.0.0.1:8001."""
    reachable = reachable_host(host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def listening_ip(host: str) -> str:
    """Return the IP address to listen on for `host`, which may be a name: IPv4, unless it is given as IPv6.

    Raises OSError for an unknown name.
    """
    return host if ":" in host else socket.gethostbyname(host)


def service_url(text: str) -> str:
    """Return a service's URL without a trailing slash. Raises ValueError for anything else."""
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # not a valid port or IPv6 address
        is_url = False
    if not is_url:
        raise ValueError("must be a URL such as http://127.0.0.1:8001")
    return text.rstrip("/")


def client_address(peer: str, forwarded_for: str) -> str:
    """Return the client's address: the last entry of an X-Forwarded-For that can be trusted, without one the peer.

    Earlier entries are unverified claims of the client. An IPv6 zone, which may be of any length, is removed.
    """
    try:
        return str(ipaddress.ip_address(forwarded_for.rpartition(",")[2].strip())).partition("%")[0]
    except ValueError:
        return peer


def why_not_free(host: str, port: int) -> OSError | None:
    """Return the error that listening on this port would raise now; None when it is free.

    The probe does not set SO_REUSEPORT: with it, servers would silently share a port that is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
        except UnicodeError:  # not encodable as a host name
            return socket.gaierror(socket.EAI_NONAME, "not a host name")
    return None


def cannot_listen(error: OSError, host: str, port: int, *, name: str, port_variable: str) -> CannotStart:
    """Explain an error of `why_not_free`: which setting of `name` is wrong, and what to do."""
    if isinstance(error, socket.gaierror):
        return CannotStart(
            f"BANK_HOST is {host!r}, and no address is known by that name: "
            "set it to an address of this machine, such as 127.0.0.1"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return CannotStart(
            f"BANK_HOST is {host!r}, which is no address of this machine: set it to one, such as 127.0.0.1"
        )
    if error.errno == errno.EACCES:
        return CannotStart(
            f"{port_variable} is {port}, a port that this user may not listen on: set it to one from 1024 to 65535"
        )
    if error.errno == errno.EADDRINUSE:
        return CannotStart(
            f"port {port} on {host} is not free for {name}: "
            f"stop what listens there, or set {port_variable} to another port"
        )
    return CannotStart(
        f"{name} can't listen on port {port} of {host} ({error.strerror}): set BANK_HOST or {port_variable}"
    )
