"""The services as pages call them: as the user of the page, within its deadline, in parallel; and their health."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import ParamSpec, TypeVar
from uuid import UUID

from flask import g, request

from api_gateway.clients.account import AccountClient
from api_gateway.clients.approvals import KINDS, ApprovalClient
from api_gateway.clients.audit import AuditClient
from api_gateway.clients.auth import AuthClient, Person
from api_gateway.clients.cases import CaseClient
from api_gateway.clients.counter import CounterClient
from api_gateway.clients.customers import CustomerClient
from api_gateway.clients.passkeys import PasskeyClient
from api_gateway.clients.reporting import ReportingClient
from api_gateway.clients.second_factor import SecondFactorClient
from api_gateway.clients.transaction import TransactionClient
from api_gateway.web.tools import tools
from shared.core.errors import ServiceUnavailable
from shared.http.client import Peer
from shared.web.access import Caller

P = ParamSpec("P")
T = TypeVar("T")
SERVICES = ("auth-service", "account-service", "transaction-service", "reporting-service")


def peer(name: str) -> Peer:
    """Return a service by name, such as "account-service", with the page's deadline.

    All reads of a page share one timeout, so that a hung service can't hang the page. A write has its own timeout, and
    the reads before and after it start the page's timeout anew.
    """
    deadline = time.monotonic() + tools().page_timeout_seconds
    return tools().peers[name].until(deadline if request.method == "POST" else g.setdefault("page_deadline", deadline))


class Services:
    """The clients of all services, with the page's deadline: `Services(caller).accounts.list_own()`.

    They call with the token of `caller`, or without a token. Make them anew for each call, since a write renews the
    deadline.
    """

    def __init__(self, caller: Caller | None = None) -> None:
        token = caller.token if caller else None
        peers = {name: peer(name) for name in SERVICES}
        auth, account, transaction, reporting = peers.values()
        self.auth = AuthClient(auth, token)
        self.audit = AuditClient(auth, token)
        self.cases = CaseClient(auth, token)
        self.customers = CustomerClient(auth, token)
        self.passkeys = PasskeyClient(auth, token)
        self.second_factor = SecondFactorClient(auth, token)
        self.accounts = AccountClient(account, token)
        self.transactions = TransactionClient(transaction, token)
        self.counter = CounterClient(transaction, token)
        self.reports = ReportingClient(reporting, token)
        self.approvals = {kind: ApprovalClient(peers[service], token, kind) for kind, (service, *_) in KINDS.items()}


def start_call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Start a call in the thread pool. `result()` of the future returns its answer or raises its error."""
    return tools().context_pool.submit(function, *args, **kwargs)


def or_none(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Return the answer of a call, or None when the service did not answer. For optional parts of a page."""
    try:
        return function(*args, **kwargs)
    except ServiceUnavailable:
        return None


def result_or_none(call: Future[T]) -> T | None:
    """Return the answer of a call that was started, or None when the service did not answer."""
    return or_none(call.result)


def people_by_id(caller: Caller, user_ids: Iterable[UUID | None]) -> dict[UUID, Person]:
    """Return these users by their ids, for staff; none while the auth service does not answer."""
    return or_none(Services(caller).customers.by_id, filter(None, user_ids)) or {}


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

    Concurrent requests share a check of the services. The gateway counts as healthy, since it runs this; its time is
    the age of the current request.
    """
    own = ProbeResult(True, _milliseconds_since(g.began_at))
    return {"api-gateway": own, **tools().health_check.run(_probe_all)}


def _probe_all() -> dict[str, ProbeResult]:
    calls = {name: start_call(_probe, peer(name)) for name in SERVICES}
    return {name: call.result() for name, call in calls.items()}


def _probe(service: Peer) -> ProbeResult:
    began_at = time.perf_counter()
    return ProbeResult(service.is_healthy(), _milliseconds_since(began_at))


def _milliseconds_since(began_at: float) -> float:
    return (time.perf_counter() - began_at) * 1000
