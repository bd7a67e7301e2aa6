"""Endpoints of passkeys."""

from uuid import UUID

from flask import Blueprint, Response, current_app

from auth_service.auth_logic import LockedOut, WrongPassword
from auth_service.auth_schemas import TokensAnswer
from auth_service.common_service import api, origin, tools
from auth_service.passkeys import passkey_logic
from auth_service.passkeys.passkey_logic import InvalidPasskey, Passkeys, TooManyPasskeys
from auth_service.passkeys.passkey_schemas import (
    NewPasskey,
    PasskeyAnswer,
    PasskeyLogin,
    PasskeyOptionsAnswer,
    PasskeyOut,
    PasskeyRequest,
    PasskeysAnswer,
)
from auth_service.second_factor.second_factor_schemas import Empty
from shared.web.access import Caller, StepUpRequired, private, public
from shared.web.responses import success
from shared.web.validation.openapi import Answer, documented

passkeys = Blueprint("passkeys", __name__, url_prefix="/api/auth/passkeys")


@passkeys.get("")
@private
@api.validate(resp=documented(200, PasskeysAnswer))
def list_passkeys(caller: Caller) -> Response:
    """List the caller's passkeys, oldest first."""
    rows = _passkeys().storage.list_passkeys(caller.user_id)
    return success(passkeys=[PasskeyOut.model_validate(row) for row in rows])


@passkeys.post("/options")
@private
@api.validate(resp=documented(200, PasskeyOptionsAnswer, WrongPassword, StepUpRequired, TooManyPasskeys, LockedOut))
def begin_registration(caller: Caller, json: PasskeyRequest) -> Response:
    """Begin the registration of a passkey: return the options for `navigator.credentials.create`."""
    options = passkey_logic.begin_registration(tools(), _passkeys(), origin(), caller, json.password)
    return success(**options.model_dump())


@passkeys.post("")
@private
@api.validate(resp=documented(201, PasskeyAnswer, InvalidPasskey))
def register(caller: Caller, json: NewPasskey) -> Response:
    """Register a passkey with the answer of `navigator.credentials.create`."""
    passkey = passkey_logic.finish_registration(tools(), _passkeys(), caller, json)
    return success(201, passkey=PasskeyOut.model_validate(passkey), message="The passkey is added.")


@passkeys.delete("/<uuid:passkey_id>")
@private
@api.validate(resp=documented(200, Answer, StepUpRequired))
def remove(caller: Caller, passkey_id: UUID) -> Response:
    """Remove a passkey of the caller."""
    passkey_logic.remove(tools(), _passkeys(), caller, passkey_id)
    return success(message="The passkey is removed.")


@passkeys.post("/login/options")
@public
@api.validate(resp=documented(200, PasskeyOptionsAnswer))
def begin_login(json: Empty) -> Response:
    """Begin a login without a password: return the options for `navigator.credentials.get`."""
    return success(**passkey_logic.begin_login(_passkeys()).model_dump())


@passkeys.post("/login")
@public
@api.validate(resp=documented(200, TokensAnswer, InvalidPasskey))
def log_in(json: PasskeyLogin) -> Response:
    """Log in with the answer of `navigator.credentials.get`, and start a session."""
    tokens = passkey_logic.log_in(tools(), _passkeys(), origin(), json)
    return success(**tokens.model_dump(), message="You are logged in.")


def _passkeys() -> Passkeys:
    found: Passkeys = current_app.extensions["passkeys"]
    return found
