"""The objects that the gateway's modules get from the app."""

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from api_gateway.web.refusals import Refusals
from api_gateway.web.renewals import Renewals
from api_gateway.web.sealed_values import SealedValues
from shared.concurrency.context_pool import ContextPool
from shared.concurrency.shared_call import SharedCall
from shared.core.money import Currency
from shared.web.application import Peers
from shared.web.parts import part


@dataclass(frozen=True)
class Tools:
    """The objects that views use."""

    peers: Peers
    context_pool: ContextPool
    health_check: SharedCall
    renewals: Renewals
    refusals: Refusals
    drafts: SealedValues
    currency: Currency
    bank_zone: ZoneInfo
    session_max_seconds: int
    page_timeout_seconds: float
    outbox_key: str
    """The key of the page with unsent mails; empty when there is no such page."""
    openapi_document: Callable[[], bytes]
    """Returns the OpenAPI document of all services as JSON."""


def tools() -> Tools:
    """Return the tools of the current app."""
    return part(Tools)
