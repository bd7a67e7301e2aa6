"""Where a process listens, and how others on this machine reach it there."""

import errno
import ipaddress
import socket
from urllib.parse import urlsplit

from shared.core.errors import CannotStart

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
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        is_url = False
    if not is_url:
        raise ValueError("must be a URL such as http://127.0.0.1:8001")
    return text.rstrip("/")


def client_address(peer: str, forwarded_for: str) -> str:
    """Where a request began: the last entry of X-Forwarded-For when the peer is a proxy on this machine, else the peer.

    Entries before the last are whatever the client claimed. An IPv6 zone, which may be of any length, is cut off.
    """
    try:
        last = ipaddress.ip_address(forwarded_for.rpartition(",")[2].strip())
        return str(last).partition("%")[0] if ipaddress.ip_address(peer).is_loopback else peer
    except ValueError:
        return peer


def why_not_free(host: str, port: int) -> OSError | None:
    """Return what would keep anybody from listening on this port now; None when it is free.

    The port is asked for alone: servers that set SO_REUSEPORT would quietly share it with whoever has it already.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
        except UnicodeError:  # a name that no name server could be asked for
            return socket.gaierror(socket.EAI_NONAME, "not a host name")
    return None


def cannot_listen(error: OSError, host: str, port: int, *, name: str, port_variable: str) -> CannotStart:
    """Explain to a person what `why_not_free` returned: which setting of `name` is wrong, and what to do."""
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
