"""Mail for other services: notices that they send, and the outbox folder, which the gateway shows to a developer."""

from flask import Blueprint, Response

from auth_service import user_logic
from auth_service.common_service import api, tools
from auth_service.mail.mail_clients import OutboxFolder
from auth_service.mail.mail_logic import Mailer
from auth_service.mail.mail_schemas import Notice, OutboxMail
from shared.core.errors import NotFound
from shared.web.access import service_only
from shared.web.parts import part
from shared.web.responses import success
from shared.web.validation.openapi import Answer, answer, documented

MAILS_SHOWN = 100

outbox = Blueprint("outbox", __name__, url_prefix="/internal")


@outbox.get("/outbox")
@service_only("outbox:read")
@api.validate(resp=documented(200, answer(mails=list[OutboxMail]), NotFound))
def list_mails() -> Response:
    """List the newest mails of the outbox folder. There is none when mail goes to a mail server."""
    transport = part(Mailer).transport
    if not isinstance(transport, OutboxFolder):
        raise NotFound("Mail goes to a mail server.")
    return success(mails=list(transport.newest(MAILS_SHOWN)))


@outbox.post("/notices")
@service_only("mails:write")
@api.validate(resp=documented(200, Answer, NotFound))
def notify(json: Notice) -> Response:
    """Queue a mail that tells a user what another service has done for them."""
    user_logic.notify(tools(), json.user_id, json.kind, year=str(json.year))
    return success(message="The notice is queued.")
