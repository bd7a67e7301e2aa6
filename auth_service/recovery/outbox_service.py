"""The mails of the outbox folder, for the page that the gateway shows to a developer."""

from flask import Blueprint, Response, current_app

from auth_service.common_service import api
from auth_service.mail.mail_clients import OutboxFolder
from auth_service.mail.mail_logic import Mailroom
from auth_service.mail.mail_schemas import OutboxAnswer
from shared.core.errors import NotFound
from shared.web.access import service_only
from shared.web.responses import success
from shared.web.validation.openapi import documented

MAILS_SHOWN = 100

outbox = Blueprint("outbox", __name__, url_prefix="/internal")


@outbox.get("/outbox")
@service_only("outbox:read")
@api.validate(resp=documented(200, OutboxAnswer, NotFound))
def list_mails() -> Response:
    """List the newest mails of the outbox folder. There is none when mail goes to a mail server."""
    mailroom: Mailroom = current_app.extensions["mailroom"]
    if not isinstance(mailroom.transport, OutboxFolder):
        raise NotFound("Mail goes to a mail server.")
    return success(mails=list(mailroom.transport.newest(MAILS_SHOWN)))
