"""The way to `/api`: each request goes on to the service that owns its first segment, and the answer comes back.

Only bearer tokens count here. The browser's session is never used, so that no page of somebody else's can act for it.
"""

import re
from collections.abc import Mapping

from flask import Blueprint, Response, request

from api_gateway.web.browser_session import refuse_ended_sessions
from api_gateway.web.tools import tools
from shared.core.errors import NotFound
from shared.http import request_ids
from shared.security.tokens import bearer_token
from shared.web.access import public, token_verifier

OWNERS = {
    "auth": "auth-service",
    "accounts": "account-service",
    "transactions": "transaction-service",
    "reports": "reporting-service",
}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
READING = frozenset({"GET", "HEAD", "OPTIONS"})
PATH = re.compile(r"(auth|accounts|transactions|reports)(?:/[A-Za-z0-9_-]+)+/?")
OPEN_TO_ALL = frozenset({"auth/register", "auth/login", "auth/refresh", "auth/token", "auth/jwks"})
TAKEN_ON = ("Authorization", "Content-Type", "Content-Encoding", "Idempotency-Key", "User-Agent")
BROUGHT_BACK = (
    "Content-Type",
    "Content-Disposition",
    "Cache-Control",
    "Retry-After",
    "Idempotent-Replayed",
    "WWW-Authenticate",
    "Allow",
    "Accept-Encoding",
)
api = Blueprint("api", __name__)


@api.route("/api/<path:path>", methods=METHODS, provide_automatic_options=False)
@public
def forward(path: str) -> Response:
    """Hand the request on as it is. What the owning service says of it stands; only a bad token is refused here."""
    owner = PATH.fullmatch(path)
    if owner is None:
        raise NotFound
    _refuse_bad_token(path)
    target = f"/api/{path}"
    if request.query_string:
        target += "?" + request.query_string.decode("latin-1")
    # HEAD is answered with the headers of GET, the length among them (RFC 9110, section 9.3.2): the service is asked by
    # GET, and Flask leaves the body out.
    method = "GET" if request.method == "HEAD" else request.method
    answer = tools().peers[OWNERS[owner[1]]].forward(method, target, _headers(), request.get_data(cache=False))
    if answer.ok and _may_end_sessions(path):
        refuse_ended_sessions()
    response = Response(answer.content, answer.status_code)
    _take(response, answer.headers)
    return response


def _refuse_bad_token(path: str) -> None:
    token = bearer_token(request.headers.get("Authorization"))
    if token is not None and path.rstrip("/") not in OPEN_TO_ALL:
        token_verifier().verify(token)


def _may_end_sessions(path: str) -> bool:
    """Whether a request that succeeded may have ended a session: a logout, a new password, a change of a person."""
    return request.method not in READING and path.startswith("auth/") and path.rstrip("/") not in OPEN_TO_ALL


def _headers() -> dict[str, str]:
    headers = {name: request.headers[name] for name in TAKEN_ON if name in request.headers}
    headers["X-Forwarded-For"] = request.remote_addr or ""
    headers[request_ids.HEADER] = request_ids.current() or ""
    return headers


def _take(response: Response, headers: Mapping[str, str]) -> None:
    for name in BROUGHT_BACK:
        if name in headers:
            response.headers[name] = headers[name]
