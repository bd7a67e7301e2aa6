"""Parts that the sections share: clients, parallel calls, health probes, lists."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from flask import g, render_template

from api_gateway.clients.account import Account, AccountClient
from api_gateway.clients.approvals import KINDS, ApprovalClient
from api_gateway.clients.auth import AuthClient
from api_gateway.clients.cases import CaseClient
from api_gateway.clients.customers import CustomerClient
from api_gateway.clients.reporting import ReportingClient
from api_gateway.clients.second_factor import SecondFactorClient
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
    """Return the client for the auth service, with the page's deadline."""
    return AuthClient(peer("auth-service"))


def customer_service() -> CustomerClient:
    """Return the client for the staff's view of customers, with the page's deadline."""
    return CustomerClient(peer("auth-service"))


def case_service() -> CaseClient:
    """Return the client for disputes and questions, with the page's deadline."""
    return CaseClient(peer("auth-service"))


def second_factor() -> SecondFactorClient:
    """Return the client for second factors of logins, with the page's deadline."""
    return SecondFactorClient(peer("auth-service"))


def approval_service(kind: str) -> ApprovalClient:
    """Return the client for one of the `KINDS` of requests that wait for a second person."""
    return ApprovalClient(peer(KINDS[kind][0]), kind)


def account_service() -> AccountClient:
    """Return the client for the account service, with the page's deadline."""
    return AccountClient(peer("account-service"))


def transaction_service() -> TransactionClient:
    """Return the client for the transaction service, with the page's deadline."""
    return TransactionClient(peer("transaction-service"))


def reporting_service() -> ReportingClient:
    """Return the client for the reporting service, with the page's deadline."""
    return ReportingClient(peer("reporting-service"))


def start_call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Start a call in the thread pool. `result()` of the future returns its answer or raises its error."""
    return tools().context_pool.submit(function, *args, **kwargs)


@dataclass(frozen=True)
class ProbeResult:
    """The result of a health check, and the response time of the process."""

    is_healthy: bool
    milliseconds: float

    @property
    def word(self) -> str:
        """Return "healthy" or "unhealthy"."""
        return "healthy" if self.is_healthy else "unhealthy"


def probe_services() -> dict[str, ProbeResult]:
    """Check the health of all five processes in parallel and return the results by name.

    The gateway counts as healthy, since it runs this; its time is the age of the current request.
    """
    own = ProbeResult(True, _milliseconds_since(g.began_at))
    calls = {name: start_call(_probe, peer(name)) for name in SERVICES}
    return {"api-gateway": own, **{name: call.result() for name, call in calls.items()}}


def _probe(service: Peer) -> ProbeResult:
    began_at = time.perf_counter()
    return ProbeResult(service.is_healthy(), _milliseconds_since(began_at))


def _milliseconds_since(began_at: float) -> float:
    return (time.perf_counter() - began_at) * 1000


def result_or_none(call: Future[T]) -> T | None:
    """Return the answer, or None when the service did not answer. For optional parts of a page."""
    try:
        return call.result()
    except ServiceUnavailable:
        return None


def list_page(template: str, filters: FilterForm, **context: Any) -> tuple[str, int]:
    """Render a filtered list: 400 when a filter is invalid, 503 when its service did not answer."""
    status = 503 if filters.is_unavailable else 400 if filters.errors else 200
    return render_template(template, form=filters, **context), status


def by_id(own: list[Account]) -> dict[UUID, Account]:
    """Return the accounts by id, to find out which of them a transaction touches."""
    return {account.id: account for account in own}
