"""What endpoints of the auth service share: their OpenAPI, their tools, and what they read of a request."""

from flask import current_app, request

from auth_service.auth_logic import Origin, Tools
from shared.http.addresses import client_address
from shared.web.validation.openapi import make_api

LONGEST_USER_AGENT = 200

api = make_api("Auth")


def tools() -> Tools:
    """Return the tools of the current app."""
    found: Tools = current_app.extensions["tools"]
    return found


def origin() -> Origin:
    """Return the client address and the user agent of the current request."""
    return Origin(
        ip=client_address(request.remote_addr or "", request.headers.get("X-Forwarded-For", "")),
        user_agent=request.headers.get("User-Agent", "")[:LONGEST_USER_AGENT],
    )
