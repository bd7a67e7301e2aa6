"""For a developer: the mails that were written into the outbox folder because no mail server is set.

They contain links that open accounts, so the page is for the person who runs the bank on this machine. It takes the key
that run_services.py prints, and a direct connection from this machine: a proxy on it would let strangers in.
"""

import hmac
import ipaddress

from flask import Blueprint, Response, make_response, render_template, request

from api_gateway.clients.auth import OutboxClient
from api_gateway.pages.common.services import peer
from api_gateway.web.browser_session import visitor
from api_gateway.web.tools import tools
from shared.core.errors import NotFound
from shared.web.access import public

PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")

developer = Blueprint("developer", __name__)


@developer.get("/developer/mail")
@public
def mail() -> Response:
    """Show the mails that were not sent, to this machine only, with the key that the supervisor prints."""
    key = request.args.get("key", "")
    if not _is_from_this_machine() or not tools().outbox_key:
        raise NotFound
    if not hmac.compare_digest(key.encode(), tools().outbox_key.encode()):
        raise NotFound("Open the address that run_services.py printed at its start: it ends with the key of this page.")
    visitor()
    mails = OutboxClient(peer("auth-service"), tools().peers.token).mails()
    response = make_response(render_template("developer_mail.html", mails=mails))
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _is_from_this_machine() -> bool:
    address = ipaddress.ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104 - compared, not bound
    return address.is_loopback and not any(name in request.headers for name in PROXY_HEADERS)
