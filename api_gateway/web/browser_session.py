"""The login session of a browser: tokens in an encrypted cookie, renewed before they expire.

Pages use the decorators of `shared.web.access` (`@public`, `@private`, `@staff_only`, `@admin_only`) like any endpoint;
the Caller comes from the cookie instead of a bearer token.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, flash, g, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.wrappers import Response

from api_gateway.clients.auth import AuthClient, Origin, RenewedTokens, Tokens
from api_gateway.web.encrypted_cookies import EncryptedCookies
from api_gateway.web.tools import tools
from shared.core.errors import AppError, NotAuthenticated, TokenExpired
from shared.security.encryption import fernet_key
from shared.security.tokens import TokenVerifier
from shared.web.access import Caller, Identification, caller_of, token_of_request
from shared.web.parts import keep, part

HOME = "/dashboard"
STAFF_HOME = "/admin"
MACHINE_PATHS = ("/api/", "/health/", "/metrics/", "/openapi.json/", "/internal/")
RENEW_BEFORE_SECONDS = 60


class SignedIn(UserMixin):
    """Flask-Login's user object for one request."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def get_id(self) -> str:
        """Return the id of the session at the auth service."""
        return str(self.caller.session_id)


def install(app: Flask, *, secret: str, idle_seconds: int, older_secrets: Sequence[str] = ()) -> None:
    """Install sessions: the encrypted cookie, Flask-Login, and the Caller of each request."""
    app.secret_key = fernet_key(secret, "form tokens")
    form_keys = [fernet_key(one, "form tokens") for one in (secret, *older_secrets)]
    app.config["WTF_CSRF_SECRET_KEY"] = form_keys[::-1]  # itsdangerous signs with the last one, and accepts all
    app.config.update(
        SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_HTTPONLY=True, PERMANENT_SESSION_LIFETIME=idle_seconds
    )
    cookies = EncryptedCookies(secret, without_session=(*MACHINE_PATHS, "/static/"), older=older_secrets)
    app.session_interface = cookies
    keep(app, Identification(_identify))
    manager = LoginManager(app, add_context_processor=False)
    manager.session_protection = None  # the cookie can't be read or forged, and the addresses of phones change
    manager.user_loader(_load_user)
    app.context_processor(lambda: {"person": g.get("caller")})
    app.jinja_env.globals["session_lasts_seconds"] = lambda: cookies.lasts_seconds(app)


def is_machine_path() -> bool:
    """Return whether the path belongs to programs, which get JSON and have no session."""
    return f"{request.path}/".startswith(MACHINE_PATHS)


def sign_in(tokens: Tokens) -> Caller:
    """Start a new session in the browser. The old one is cleared against session fixation."""
    session.clear()
    session["began_at"] = int(time.time())
    _store_tokens(tokens)
    caller = caller_of(tokens.token, even_limited=True)
    login_user(SignedIn(caller))
    return caller


def replace_session(tokens: RenewedTokens) -> Caller:
    """Replace the browser's session by the one of these tokens, under a new id, and refuse the old one."""
    before = caller_at_browser()
    _store_tokens(tokens)
    caller = caller_of(tokens.token, even_limited=True)
    login_user(SignedIn(caller))
    refuse_session(before.session_id)
    return caller


def renew_session() -> None:
    """Give the browser's session a new id after a change of privilege, against tokens that were taken before.

    If the auth service does not answer, the session goes on under its present id.
    """
    refuse_ended_sessions()
    with suppress(AppError):
        replace_session(AuthClient(tools().peers["auth-service"], caller_at_browser().token).renew_session())


def sign_out() -> None:
    """Remove the tokens from the browser's session."""
    logout_user()
    session.clear()
    g.pop("caller", None)


def origin() -> Origin:
    """Return where the request comes from, for a login."""
    return Origin(request.remote_addr or "", request.headers.get("User-Agent", ""))


def refuse_session(session_id: UUID) -> None:
    """Refuse a logged-out session, in every tab and at `/api`, without waiting for the feed of ended sessions."""
    part(TokenVerifier).revocations.add(session_id)


def refuse_ended_sessions() -> None:
    """Poll the feed of ended sessions now, after a request through this gateway that may have ended some.

    If the auth service does not answer, the regular poll catches up.
    """
    with suppress(AppError):
        part(TokenVerifier).revocations.poll()


def caller_at_browser() -> Caller:
    """Return the Caller of the browser's session. Raises NotAuthenticated, or ServiceUnavailable if it is unknown."""
    if not current_user.is_authenticated:
        raise NotAuthenticated
    caller: Caller = current_user.caller
    g.caller = caller
    return caller


def visitor() -> Caller | None:
    """Return the Caller, or None if nobody is logged in or it is unknown now. For public pages."""
    try:
        return caller_at_browser()
    except AppError:
        return None


def session_id() -> str | None:
    """Return the verified session id of the request, from its token or its cookie; None without one."""
    if not is_machine_path():
        return session.get("_user_id")
    try:
        return str(caller_of(token_of_request(), even_limited=True).session_id)
    except AppError:
        return None


def person_id() -> str | None:
    """Return the verified id of the request's user; None without one."""
    if not is_machine_path():
        caller = visitor()
        return str(caller.user_id) if caller else None
    try:
        return str(caller_of(token_of_request()).user_id)
    except AppError:
        return None


def to_login() -> Response:
    """Redirect to the login page, which leads back afterwards."""
    had_session = "token" in session or "session_ended" in g
    sign_out()
    flash("Your session has ended. Please log in again." if had_session else "Please log in first.", "info")
    return redirect(url_for("logins.login", next=return_address()), 303)


def return_address() -> str | None:
    """Return the address to return to after a login: the current page or, for a POST, the page of its form."""
    if request.method in ("GET", "HEAD"):
        return request.full_path.removesuffix("?")
    return referring_page()


def referring_page() -> str | None:
    """Return the local path in Referer; None if it is foreign, missing, or the requested page itself."""
    referrer = urlsplit(request.referrer or "")
    path = f"{referrer.path}?{referrer.query}" if referrer.query else referrer.path
    is_ours = referrer.netloc == request.host and local_path(path) == path
    is_itself = request.method in ("GET", "HEAD") and referrer.path == request.path
    return path if is_ours and not is_itself else None


def home_of(caller: Caller) -> str:
    """Return the page to show after a login."""
    return STAFF_HOME if caller.is_staff else HOME


def redirect_after_login(caller: Caller) -> Response:
    """Redirect to the page that was requested before the login, else to the caller's home page."""
    return redirect(local_path(request.args.get("next"), home_of(caller)), 303)


def local_path(path: str | None, home: str = HOME) -> str:
    """Return `path` if it is local, else `home`. Prevents open redirects."""
    if not path or not path.startswith("/") or path.startswith("//"):
        return home
    if "\\" in path or any(ord(character) <= 0x20 or ord(character) == 0x7F for character in path):
        return home
    return path


def _identify() -> Caller:
    return caller_of(token_of_request(), even_limited=True) if is_machine_path() else caller_at_browser()


def _load_user(_session_id: str) -> SignedIn | None:
    """Load the user from the cookie's tokens, renewing them when needed; None when the session has ended."""
    try:
        return SignedIn(_caller_of_cookie())
    except NotAuthenticated:
        session.clear()
        g.session_ended = True
        return None


def _caller_of_cookie() -> Caller:
    if time.time() - session.get("began_at", 0) > tools().session_max_seconds:
        raise TokenExpired
    token = str(session.get("token"))
    try:
        lasts_seconds = part(TokenVerifier).verify(token).expires_at - time.time()
    except TokenExpired:
        return renew_tokens()
    if lasts_seconds > RENEW_BEFORE_SECONDS:
        return caller_of(token, even_limited=True)
    try:
        return renew_tokens()
    except NotAuthenticated:
        raise
    except AppError:
        return caller_of(token, even_limited=True)  # the auth service does not answer, but the token is still valid


def renew_tokens() -> Caller:
    """Exchange the tokens of the browser's session for the next ones, which contain the user's current role."""
    tokens = tools().renewals.tokens_for(str(session.get("refresh_token")))
    _store_tokens(tokens)
    return caller_of(tokens.token, even_limited=True)


def _store_tokens(tokens: RenewedTokens) -> None:
    session["token"] = tokens.token
    session["refresh_token"] = tokens.refresh_token
