"""The gateway process, which browsers and programs talk to: pages, /api, and the health of all services."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, ClassVar

import requests
from flask import Blueprint, Flask, Response
from flask_wtf import CSRFProtect
from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import to_json
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.utils import find_modules, import_string

from api_gateway import pages
from api_gateway.api import docs, proxy
from api_gateway.api.payment_batching import KINDS, PaymentBatching
from api_gateway.clients.account import SUSPENSE_ACCOUNT_ID
from api_gateway.clients.auth import AuthClient
from api_gateway.clients.transaction import PaymentClient
from api_gateway.pages.common import display, macros, navigation, unread
from api_gateway.pages.common.responses import current_address, install_form_token_errors, render_error
from api_gateway.pages.common.services import SERVICES, probe_services
from api_gateway.web import (
    browser_security,
    browser_session,
    compression,
    static_files,
    time_zones,
)
from api_gateway.web.limits import admission, limit_rules, rate_limits, slow_bodies
from api_gateway.web.limits.fair_places import FairPlaces
from api_gateway.web.limits.rate_limits import TokenBuckets
from api_gateway.web.limits.shared_limits import RedisServer
from api_gateway.web.refusals import REPORT_SECONDS, Refusals
from api_gateway.web.renewals import Renewals
from api_gateway.web.sealed_values import SealedValues
from api_gateway.web.tools import Tools
from shared.concurrency.background import PeriodicTask
from shared.concurrency.context_pool import ContextPool
from shared.concurrency.shared_call import SharedCall
from shared.core import formats
from shared.core.money import Currency, CurrencyCode
from shared.core.texts import Line
from shared.core.time_zones import ZoneName, read_zone
from shared.security.encryption import read_keys
from shared.security.tokens import TokenVerifier
from shared.web import serving
from shared.web.access import public
from shared.web.application import AtEnd, Lifecycle, Peers, make_app, make_session
from shared.web.parts import keep, part
from shared.web.recording import Recorder
from shared.web.settings import Seconds, Settings

EXPIRY_SECONDS = 0.25
ROOT = Path(__file__).resolve().parent.parent
gateway = Blueprint("gateway", __name__)


def _redis_url(text: str) -> str:
    if not text.startswith(("redis://", "rediss://")):
        raise ValueError("must be a URL such as redis://127.0.0.1:6379/0")
    try:
        RedisServer(text).close()
    except ValueError:
        raise ValueError("must be a URL such as redis://127.0.0.1:6379/0") from None
    return text


RedisURL = Annotated[str, AfterValidator(_redis_url)]


class GatewaySettings(Settings):
    """Settings of the gateway."""

    service_name = "api-gateway"
    secrets: ClassVar[dict[str, str]] = {
        "SESSION_SECRET": "session_secret",
        "API_GATEWAY_SECRET": "api_gateway_secret",
        "OUTBOX_KEY": "outbox_key",
    }

    port: int = Field(5000, ge=0, le=65535, validation_alias="API_GATEWAY_PORT")
    session_secret: str = Field(min_length=32, repr=False, validation_alias="SESSION_SECRET")
    session_secrets: str | None = Field(None, repr=False, validation_alias="SESSION_SECRETS")
    client_secret: str = Field(min_length=32, repr=False, validation_alias="API_GATEWAY_SECRET")
    outbox_key: str | None = Field(None, min_length=32, repr=False, validation_alias="OUTBOX_KEY")
    session_idle_seconds: int = Field(1800, ge=60, validation_alias="SESSION_IDLE_SECONDS")
    session_max_seconds: int = Field(43_200, ge=60, validation_alias="SESSION_MAX_SECONDS")
    https: bool = Field(False, validation_alias="BANK_HTTPS")
    session_cookie_secure: bool = Field(False, validation_alias="SESSION_COOKIE_SECURE")
    trusted_proxies: int = Field(0, ge=0, validation_alias="BANK_TRUSTED_PROXIES")
    address_requests_per_second: int = Field(100, ge=40, validation_alias="BANK_ADDRESS_REQUESTS_PER_SECOND")
    rate_limit_url: RedisURL | None = Field(None, repr=False, validation_alias="RATE_LIMIT_URL")
    session_requests_per_second: int = Field(400, ge=40, validation_alias="BANK_SESSION_REQUESTS_PER_SECOND")
    bank_name: str = Field("Northwater Bank", validation_alias="BANK_NAME")
    bank_contact: Annotated[Line, Field(min_length=1, max_length=200)] = Field(
        "Please call or visit your branch.", validation_alias="BANK_CONTACT"
    )
    currency: CurrencyCode = Field("USD", validation_alias="BANK_CURRENCY")
    time_zone: ZoneName = Field("UTC", validation_alias="BANK_TIME_ZONE")
    waiting_requests: int = Field(96, ge=0, le=512, validation_alias="BANK_WAITING_REQUESTS")
    # How long a page waits for the data that it shows. Payments wait for `read_timeout_seconds`.
    page_timeout_seconds: Seconds = Field(3.0, validation_alias="BANK_PAGE_TIMEOUT_SECONDS")
    # Longer than the transaction service takes to answer 202 "pending"; a shorter timeout would report a failure
    # instead.
    read_timeout_seconds: Seconds = Field(12.0, validation_alias="BANK_READ_TIMEOUT_SECONDS")

    @model_validator(mode="before")
    @classmethod
    def _take_newest_session_secret(cls, values: dict[str, Any]) -> dict[str, Any]:
        listed = values.get("SESSION_SECRETS")
        return {**values, "SESSION_SECRET": listed.partition(",")[0].strip()} if listed else values

    @field_validator("session_secrets")
    @classmethod
    def _validate_session_secrets(cls, text: str | None) -> str | None:
        if text:
            read_keys(text)
        return text

    @property
    def older_session_secrets(self) -> list[str]:
        """The secrets that cookies, drafts and form tokens may still be made with: SESSION_SECRETS behind the first."""
        return read_keys(self.session_secrets)[1:] if self.session_secrets else []

    @property
    def server_threads(self) -> int:
        """Return the number of threads: for running requests, waiting ones, and refusing the rest."""
        return self.threads + self.waiting_requests + admission.REFUSING_THREADS


@gateway.get("/health")
@public
def health() -> Response:
    """Return the health of all five processes: 200 when all are healthy, else 503.

    The response time of each, in milliseconds, is in the header `Server-Timing`.
    """
    results = probe_services()
    is_healthy = all(result.is_healthy for result in results.values())
    body = {
        "status": "healthy" if is_healthy else "degraded",
        "services": {name: result.word for name, result in results.items()},
    }
    response = Response(to_json(body), 200 if is_healthy else 503, content_type="application/json")
    timing = (f"{name};dur={result.milliseconds:.1f}" for name, result in results.items())
    response.headers["Server-Timing"] = ", ".join(timing)
    return response


def create_app(settings: GatewaySettings, session: requests.Session | None = None) -> Flask:
    """Build the gateway app and connect its parts."""
    peers = Peers(settings, session or make_session(), settings.client_secret)
    app = make_app(
        settings,
        verifier=peers.verifier(),
        depends_on=[peers[name] for name in SERVICES],
        render_error=render_error,
        template_folder=str(ROOT / "templates"),
    )
    tools = _tools(peers, settings)
    keep(app, tools)
    part(Lifecycle, app).add(peers.directory)
    part(Lifecycle, app).add(AtEnd(tools.context_pool.close))
    part(Lifecycle, app).add(AtEnd(tools.renewals.close))
    part(Lifecycle, app).add(PeriodicTask(tools.refusals.report, name="refusals", interval_seconds=REPORT_SECONDS))
    by_session = TokenBuckets(settings.session_requests_per_second, settings.session_requests_per_second)
    places = FairPlaces(settings.threads, settings.waiting_requests)
    _install_payment_batching(app, peers, by_session, settings)
    _install_slow_bodies(app, settings)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # Flask's documented way
    app.config["SESSION_COOKIE_SECURE"] = settings.session_cookie_secure or settings.https
    if settings.https:
        app.config["SESSION_COOKIE_NAME"] = "__Host-session"
    browser_session.install(
        app,
        secret=settings.session_secret,
        idle_seconds=settings.session_idle_seconds,
        older_secrets=settings.older_session_secrets,
    )
    _install_limits(app, by_session, settings)
    admission.install(app, places, client=limit_rules.client, exempt=limit_rules.UNLIMITED)
    browser_security.install(app, always_https=settings.https)
    compression.install(app, is_of_browser=lambda: not browser_session.is_machine_path())
    _install_pages(app, settings)
    app.register_blueprint(proxy.api)
    app.register_blueprint(docs.docs)
    app.register_blueprint(gateway)
    return app


def _tools(peers: Peers, settings: GatewaySettings) -> Tools:
    context_pool = ContextPool("context-pool")
    return Tools(
        peers=peers,
        context_pool=context_pool,
        health_check=SharedCall(),
        refusals=Refusals(peers["auth-service"], peers.token),
        renewals=Renewals(AuthClient(peers["auth-service"]).renew, settings.page_timeout_seconds),
        drafts=SealedValues(settings.session_secret, "drafts", settings.older_session_secrets),
        currency=Currency.of(settings.currency),
        bank_zone=read_zone(settings.time_zone),
        session_max_seconds=settings.session_max_seconds,
        page_timeout_seconds=settings.page_timeout_seconds,
        outbox_key=settings.outbox_key or "",
        openapi_document=docs.Documents([peers[name] for name in SERVICES], context_pool).get,
    )


def _install_payment_batching(app: Flask, peers: Peers, buckets: TokenBuckets, settings: GatewaySettings) -> None:
    batching = PaymentBatching(
        app.wsgi_app,
        PaymentClient(peers["transaction-service"], peers.token),
        verifier=part(TokenVerifier, app),
        buckets=buckets,
        recorder=part(Recorder, app),
        always_https=settings.https,
    )
    app.wsgi_app = batching  # type: ignore[method-assign]  # Flask's documented way
    serving.add_fast_paths(app, KINDS)
    part(Lifecycle, app).add(batching)
    part(Lifecycle, app).add(PeriodicTask(batching.expire, name="payment-expiry", interval_seconds=EXPIRY_SECONDS))


def _install_slow_bodies(app: Flask, settings: GatewaySettings) -> None:
    bodies = slow_bodies.SlowBodies(app.wsgi_app, always_https=settings.https)
    app.wsgi_app = bodies  # type: ignore[method-assign]  # Flask's documented way
    part(Lifecycle, app).add(
        PeriodicTask(bodies.refuse, name="slow-bodies", interval_seconds=slow_bodies.CHECK_SECONDS)
    )


def _install_limits(app: Flask, by_session: TokenBuckets, settings: GatewaySettings) -> None:
    server = RedisServer(settings.rate_limit_url) if settings.rate_limit_url else None
    if server:
        part(Lifecycle, app).add(AtEnd(server.close))
    rules = limit_rules.make(
        by_session, address_requests_per_second=settings.address_requests_per_second, server=server
    )
    rate_limits.install(app, rules)


def _install_pages(app: Flask, settings: GatewaySettings) -> None:
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # a form token is valid as long as its session
    csrf = CSRFProtect(app)
    csrf.exempt(proxy.api)
    install_form_token_errors(app)
    static_files.serve(app, "static", "/static", ROOT / "static")
    static_files.serve(app, "bootstrap", "/static/bootstrap", _package_folder("flask_bootstrap") / "static/bootstrap5")
    static_files.serve(app, "swagger", "/static/swagger", _package_folder("flask_swagger_ui") / "dist")
    formats.install(app, time_zones.page_zone)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        bank_name=settings.bank_name,
        bank_contact=settings.bank_contact,
        bank_currency=settings.currency,
        current_address=current_address,
        SUSPENSE_ACCOUNT_ID=SUSPENSE_ACCOUNT_ID,
    )
    display.install(app)
    navigation.install(app)
    unread.install(app)
    macros.install(app)
    for blueprint in _blueprints_of_pages():
        app.register_blueprint(blueprint)


def _blueprints_of_pages() -> list[Blueprint]:
    """Return the blueprints of all modules of `pages`, so that a new page needs no entry here."""
    modules = map(import_string, find_modules(pages.__name__, recursive=True))
    return [value for module in modules for value in vars(module).values() if isinstance(value, Blueprint)]


def _package_folder(package: str) -> Path:
    """Return the directory of an installed package, from which its static files are served."""
    return Path(str(files(package)))


if __name__ == "__main__":
    serving.serve(create_app, GatewaySettings)
