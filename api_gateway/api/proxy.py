"""Forwards each `/api` request to the service that owns its first path segment, and returns the response.

Only bearer tokens count. The browser's session is never used, so no foreign page can act through it (CSRF).
"""

import re

from flask import Blueprint, Response, request

from api_gateway.web.browser_session import refuse_ended_sessions
from api_gateway.web.documents import DOCUMENT_HEADERS, copy_headers, send_on
from api_gateway.web.tools import tools
from shared.core.errors import NotFound
from shared.http import request_ids
from shared.security.tokens import TokenVerifier, bearer_token
from shared.web.access import public
from shared.web.parts import part

OWNERS = {
    "auth": "auth-service",
    "accounts": "account-service",
    "transactions": "transaction-service",
    "reports": "reporting-service",
}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SEGMENTS = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*/?")
END_NO_SESSION = frozenset(
    {
        "auth/register",
        "auth/login",
        "auth/mfa/login",
        "auth/passkeys/login",
        "auth/passkeys/login/options",
        "auth/passkeys/second_step",
        "auth/passkeys/second_step/options",
        "auth/refresh",
        "auth/token",
        "auth/password/forgot",
    }
)
PUBLIC_PATHS = END_NO_SESSION | {
    "auth/jwks",
    "auth/link",
    "auth/password/reset",
    "auth/email/verify",
    "auth/email/undo",
}
DOCUMENTS = ("reports/statement/", "reports/receipt/", "reports/export")
REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Content-Encoding",
    "Idempotency-Key",
    "If-None-Match",
    "User-Agent",
)
RESPONSE_HEADERS = (
    *DOCUMENT_HEADERS,
    "Retry-After",
    "Idempotent-Replayed",
    "WWW-Authenticate",
    "Allow",
    "Accept-Encoding",
)
api = Blueprint("api", __name__)


@public
def forward(owner: str, rest: str) -> Response:
    """Forward the request unchanged and return the owning service's response.

    A bad token is refused here, without a call. Raises NotFound for a path that is not made of plain segments.
    """
    if SEGMENTS.fullmatch(rest) is None:
        raise NotFound
    path = f"{owner}/{rest}"
    _refuse_bad_token(path)
    target = f"/api/{path}"
    if request.query_string:
        target += "?" + request.query_string.decode("latin-1")
    # HEAD gets the headers of GET, Content-Length among them (RFC 9110, section 9.3.2): the service is asked by GET,
    # and Flask drops the body.
    method = "GET" if request.method == "HEAD" else request.method
    service = tools().peers[OWNERS[owner]]
    body = request.get_data(cache=False)
    if method == "GET" and path.startswith(DOCUMENTS):
        return send_on(service.stream(target, _request_headers()), RESPONSE_HEADERS)
    answer = service.forward(method, target, _request_headers(), body)
    if answer.ok and _may_end_sessions(path):
        refuse_ended_sessions()
    response = Response(answer.content, answer.status_code)
    copy_headers(answer, response, RESPONSE_HEADERS)
    return response


# A rule for each owner, none for all of /api: that one would match the gateway's own paths with any method, and answer
# 404 where it should be 405.
for _owner in OWNERS:
    api.add_url_rule(
        f"/api/{_owner}/<path:rest>",
        view_func=forward,
        methods=METHODS,
        defaults={"owner": _owner},
        provide_automatic_options=False,
    )


def _refuse_bad_token(path: str) -> None:
    token = bearer_token(request.headers.get("Authorization"))
    if token is not None and path.rstrip("/") not in PUBLIC_PATHS:
        part(TokenVerifier).verify(token)


def _may_end_sessions(path: str) -> bool:
    """Return whether a successful request may have ended a session: a logout, a password change, a change of a user."""
    return request.method not in SAFE_METHODS and path.startswith("auth/") and path.rstrip("/") not in END_NO_SESSION


def _request_headers() -> dict[str, str]:
    headers = {name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers}
    headers["X-Forwarded-For"] = request.remote_addr or ""
    headers[request_ids.HEADER] = request_ids.current() or ""
    return headers
