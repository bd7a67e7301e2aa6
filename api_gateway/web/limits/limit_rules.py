"""The rate limits of the gateway: tight ones for requests that guess or search, wide ones for all the others."""

import ipaddress
from collections.abc import Callable

from flask import request

from api_gateway.web import browser_session
from api_gateway.web.limits.rate_limits import Rule, TokenBuckets
from api_gateway.web.limits.shared_limits import RedisServer, SharedBuckets

UNLIMITED = ("/static/", "/health", "/metrics", "/api/health", "/api/live")
LOGIN = (
    "/login",
    "/login/passkey",
    "/api/auth/login",
    "/api/auth/mfa/login",
    "/api/auth/passkeys/login",
    "/api/auth/passkeys/second_step",
)
REGISTRATION = ("/register", "/api/auth/register")
RESET = (
    "/forgot-password",
    "/reset-password",
    "/undo-email-change",
    "/verify-email",
    "/api/auth/email/undo",
    "/api/auth/email/verify",
    "/api/auth/link",
    "/api/auth/password/forgot",
    "/api/auth/password/reset",
)
REFRESH = ("/api/auth/refresh",)
TRANSFER = ("/transactions/transfer", "/transactions/transfer/review")
OPENING = "/admin/accounts/create"
LOOKUP = ("/api/accounts/lookup", "/api/auth/users/lookup", "/transactions/payee", *TRANSFER, OPENING)
Key = Callable[[], str | None]


def make(by_session: TokenBuckets, *, address_requests_per_second: int, server: RedisServer | None) -> tuple[Rule, ...]:
    """Return the rules. Those for guessing and searching are counted in `server`, if there is one.

    Lookups are counted by person; what comes before a login, by address.
    """

    def buckets(name: str, per_second: float, burst: int) -> TokenBuckets:
        return SharedBuckets(name, per_second, burst, server) if server else TokenBuckets(per_second, burst)

    by_address = TokenBuckets(address_requests_per_second, address_requests_per_second)
    return (
        Rule(_address_posting_to(LOGIN), buckets("login", 1, 60)),
        Rule(_address_posting_to(REGISTRATION), buckets("registration", 1 / 3, 20)),
        Rule(_address_posting_to(RESET), buckets("reset", 1 / 3, 20)),
        Rule(_address_posting_to(REFRESH), buckets("refresh", 1, 60)),
        Rule(_person_looking_up, buckets("lookup", 1, 60)),
        Rule(_address_without_session, by_address),
        Rule(browser_session.session_id, by_session),
    )


def client() -> str:
    """Return the key of the current request's client: its session, or its network without one."""
    return browser_session.session_id() or network(request.remote_addr) or ""


def network(address: str | None) -> str | None:
    """Return the key of an address: IPv6 by its first 64 bits, since one customer of a provider has them all."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _address_posting_to(paths: tuple[str, ...]) -> Key:
    return lambda: network(request.remote_addr) if request.method == "POST" and _path() in paths else None


def _person_looking_up() -> str | None:
    path = _path()
    only_shows_a_form = path in TRANSFER and request.method in ("GET", "HEAD")
    looks_nobody_up = path == OPENING and "who" not in request.args
    return browser_session.person_id() if path in LOOKUP and not (only_shows_a_form or looks_nobody_up) else None


def _address_without_session() -> str | None:
    if request.path.startswith(UNLIMITED) or browser_session.session_id() is not None:
        return None
    return network(request.remote_addr)


def _path() -> str:
    return request.path.rstrip("/")
