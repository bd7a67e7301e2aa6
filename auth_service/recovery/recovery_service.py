"""Endpoints for people who can't log in. A link in a mail authenticates them."""

from flask import Blueprint, Response

from auth_service.common_service import api, tools
from auth_service.recovery import recovery_logic
from auth_service.recovery.recovery_logic import InvalidLink
from auth_service.recovery.recovery_schemas import ForgottenPassword, LinkAnswer, LinkCheck, LinkUse, PasswordReset
from auth_service.user_logic import EmailTaken
from shared.web.access import Caller, private, public
from shared.web.responses import success
from shared.web.validation.openapi import Answer, documented

recovery = Blueprint("recovery", __name__, url_prefix="/api/auth")


@recovery.post("/password/forgot")
@public
@api.validate(resp=documented(200, Answer))
def forgot_password(json: ForgottenPassword) -> Response:
    """Send a link for a new password to this address, if a user has it. The response is always the same."""
    recovery_logic.ask_for_reset(tools(), json.email)
    return success(message="If we know this address, a mail with a link is on its way. The link works for 30 minutes.")


@recovery.post("/password/reset")
@public
@api.validate(resp=documented(200, Answer, InvalidLink))
def reset_password(json: PasswordReset) -> Response:
    """Set a new password by the token of a link, which works once. All sessions of the user end."""
    recovery_logic.reset_password(tools(), json)
    return success(message="The password is changed, and you are logged out everywhere. Log in with the new one.")


@recovery.post("/email/send_verification")
@private
@api.validate(resp=documented(200, Answer))
def send_verification(caller: Caller) -> Response:
    """Send the mail that asks the caller to verify their e-mail address once more."""
    recovery_logic.ask_for_check(tools(), caller)
    return success(message="If your address is not verified yet, a mail with a link is on its way.")


@recovery.post("/email/verify")
@public
@api.validate(resp=documented(200, Answer, InvalidLink))
def verify_email(json: LinkUse) -> Response:
    """Verify an e-mail address by the token of a link."""
    recovery_logic.verify_email(tools(), json.token)
    return success(message="Your e-mail address is verified.")


@recovery.post("/email/undo")
@public
@api.validate(resp=documented(200, Answer, InvalidLink, EmailTaken))
def undo_email(json: LinkUse) -> Response:
    """Return to the e-mail address before a change, by the token of the link that it got. All sessions of the user end,
    and the password becomes useless; a link for a new one is sent."""
    recovery_logic.undo_email(tools(), json.token)
    return success(message="Your old e-mail address is back. We have sent it a link to set a new password.")


@recovery.post("/link")
@public
@api.validate(resp=documented(200, LinkAnswer, InvalidLink))
def check_link(json: LinkCheck) -> Response:
    """Return whether a link can be used, without using it."""
    return success(expires_at=recovery_logic.check(tools(), json.purpose, json.token).expires_at)
