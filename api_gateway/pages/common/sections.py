"""What the pages of the sections have in common: the services they ask, several at a time, and their lists."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from flask import g, render_template

from api_gateway.clients.account import Account, AccountClient
from api_gateway.clients.auth import AuthClient
from api_gateway.clients.reporting import ReportingClient
from api_gateway.clients.transaction import TransactionClient
from api_gateway.pages.common.filters import FilterForm
from api_gateway.pages.common.responses import peer
from api_gateway.web.tools import tools
from shared.core.errors import ServiceUnavailable
from shared.http.client import Peer

P = ParamSpec("P")
T = TypeVar("T")
SERVICES = ("auth-service", "account-service", "transaction-service", "reporting-service")


def auth_service() -> AuthClient:
    """The auth service."""
    return AuthClient(peer("auth-service"))


def account_service() -> AccountClient:
    """The account service."""
    return AccountClient(peer("account-service"))


def transaction_service() -> TransactionClient:
    """The transaction service."""
    return TransactionClient(peer("transaction-service"))


def reporting_service() -> ReportingClient:
    """The reporting service."""
    return ReportingClient(peer("reporting-service"))


def begin(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Ask a service while others are asked; `result()` gives the answer or raises the refusal."""
    return tools().context_pool.submit(function, *args, **kwargs)


@dataclass(frozen=True)
class ProbeResult:
    """What a health check has found, and how long the process took to answer."""

    is_healthy: bool
    milliseconds: float

    @property
    def word(self) -> str:
        """The health as one word."""
        return "healthy" if self.is_healthy else "unhealthy"


def probe_services() -> dict[str, ProbeResult]:
    """Check the health of all five processes at once, by name.

    This one, the gateway, answers; its time is what passed from the arrival of the request until it asks the others.
    """
    own = ProbeResult(True, _milliseconds_since(g.began_at))
    calls = {name: begin(_probe, peer(name)) for name in SERVICES}
    return {"api-gateway": own, **{name: call.result() for name, call in calls.items()}}


def _probe(service: Peer) -> ProbeResult:
    began_at = time.perf_counter()
    return ProbeResult(service.is_healthy(), _milliseconds_since(began_at))


def _milliseconds_since(began_at: float) -> float:
    return (time.perf_counter() - began_at) * 1000


def unless_away(call: Future[T]) -> T | None:
    """The answer, or None when its service is silent: for what a page can do without."""
    try:
        return call.result()
    except ServiceUnavailable:
        return None


def list_page(template: str, filters: FilterForm, **context: Any) -> tuple[str, int]:
    """A page with a filtered list: 400 when a filter can't be read, 503 when the list can't be had now."""
    status = 503 if filters.is_away else 400 if filters.errors else 200
    return render_template(template, form=filters, **context), status


def by_id(own: list[Account]) -> dict[UUID, Account]:
    """One's accounts, to tell by a transaction's ids which of them it touches."""
    return {account.id: account for account in own}
