"""Endpoints of passkeys."""

from uuid import UUID

from flask import Blueprint, Response

from auth_service.auth_logic import LockedOut, WrongPassword
from auth_service.auth_schemas import TokensAnswer
from auth_service.common_service import api, tools
from auth_service.passkeys import passkey_logic
from auth_service.passkeys.passkey_logic import InvalidPasskey, Passkeys, TooManyPasskeys
from auth_service.passkeys.passkey_schemas import (
    NewPasskey,
    NewPasskeyAnswer,
    PasskeyLogin,
    PasskeyOptionsAnswer,
    PasskeyOut,
    PasskeyRequest,
    PasskeySecondStep,
)
from auth_service.second_factor.second_factor_logic import MfaNotEnabled
from auth_service.second_factor.second_factor_schemas import FirstStep, SteppedUpAnswer
from shared.core.errors import InvalidToken
from shared.web.access import Caller, StepUpRequired, private, private_even_limited, public
from shared.web.parts import part
from shared.web.responses import success
from shared.web.validation.openapi import Answer, EmptyBody, answer, documented

passkeys = Blueprint("passkeys", __name__, url_prefix="/api/auth/passkeys")


@passkeys.get("")
@private_even_limited
@api.validate(resp=documented(200, answer(passkeys=list[PasskeyOut])))
def list_passkeys(caller: Caller) -> Response:
    """List the caller's passkeys, oldest first."""
    rows = part(Passkeys).storage.list_passkeys(caller.user_id)
    return success(passkeys=[PasskeyOut.model_validate(row) for row in rows])


@passkeys.post("/options")
@private_even_limited
@api.validate(resp=documented(200, PasskeyOptionsAnswer, WrongPassword, StepUpRequired, TooManyPasskeys, LockedOut))
def begin_registration(caller: Caller, json: PasskeyRequest) -> Response:
    """Begin the registration of a passkey: return the options for `navigator.credentials.create`."""
    options = passkey_logic.begin_registration(tools(), part(Passkeys), caller, json.password)
    return success(**options.model_dump())


@passkeys.post("")
@private_even_limited
@api.validate(resp=documented(201, NewPasskeyAnswer, InvalidPasskey, TooManyPasskeys))
def register(caller: Caller, json: NewPasskey) -> Response:
    """Register a passkey with the answer of `navigator.credentials.create`. The first second factor comes with recovery
    codes and ends the caller's other sessions; from then on a login by password needs it."""
    passkey, codes = passkey_logic.finish_registration(tools(), part(Passkeys), caller, json)
    out = PasskeyOut.model_validate(passkey)
    return success(201, passkey=out, recovery_codes=codes, message="The passkey is added.")


@passkeys.delete("/<uuid:passkey_id>")
@private
@api.validate(resp=documented(200, Answer, StepUpRequired))
def remove(caller: Caller, passkey_id: UUID) -> Response:
    """Remove a passkey of the caller."""
    passkey_logic.remove(tools(), part(Passkeys), caller, passkey_id)
    return success(message="The passkey is removed.")


@passkeys.post("/login/options")
@public
@api.validate(resp=documented(200, PasskeyOptionsAnswer))
def begin_login(json: EmptyBody) -> Response:
    """Begin a login without a password: return the options for `navigator.credentials.get`."""
    return success(**passkey_logic.begin_login(part(Passkeys)).model_dump())


@passkeys.post("/login")
@public
@api.validate(resp=documented(200, TokensAnswer, InvalidPasskey))
def log_in(json: PasskeyLogin) -> Response:
    """Log in with the answer of `navigator.credentials.get`, and start a session."""
    tokens = passkey_logic.log_in(tools(), part(Passkeys), json)
    return success(**tokens.model_dump(), message="You are logged in.")


@passkeys.post("/second_step/options")
@public
@api.validate(resp=documented(200, PasskeyOptionsAnswer, InvalidToken))
def begin_second_step(json: FirstStep) -> Response:
    """Begin the second step of a login that was answered with `MFA_REQUIRED`: return the options for
    `navigator.credentials.get`."""
    return success(**passkey_logic.begin_second_step(tools(), part(Passkeys), json).model_dump())


@passkeys.post("/second_step")
@public
@api.validate(resp=documented(200, TokensAnswer, InvalidPasskey, InvalidToken, LockedOut))
def finish_second_step(json: PasskeySecondStep) -> Response:
    """Finish a login that was answered with `MFA_REQUIRED` with a passkey, and start a session."""
    tokens = passkey_logic.finish_second_step(tools(), part(Passkeys), json)
    return success(**tokens.model_dump(), message="You are logged in.")


@passkeys.post("/step_up/options")
@private_even_limited
@api.validate(resp=documented(200, PasskeyOptionsAnswer, MfaNotEnabled))
def begin_step_up(caller: Caller, json: EmptyBody) -> Response:
    """Begin to prove the second factor again: return the options for `navigator.credentials.get`."""
    return success(**passkey_logic.begin_step_up(part(Passkeys), caller).model_dump())


@passkeys.post("/step_up")
@private_even_limited
@api.validate(resp=documented(200, SteppedUpAnswer, InvalidPasskey, LockedOut))
def step_up(caller: Caller, json: PasskeyLogin) -> Response:
    """Prove the second factor again with a passkey, for requests that were refused with `STEP_UP_REQUIRED`. The session
    goes on under a new id: the present tokens stop working."""
    return success(**passkey_logic.step_up(tools(), part(Passkeys), caller, json).model_dump())
