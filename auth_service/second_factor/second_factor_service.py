"""Endpoints of the second factor."""

from flask import Blueprint, Response

from auth_service.auth_logic import LockedOut, WrongPassword
from auth_service.auth_schemas import TokensAnswer
from auth_service.common_service import api, tools
from auth_service.second_factor import login_logic, second_factor_logic
from auth_service.second_factor.second_factor_logic import (
    InvalidOtp,
    MfaAlreadyEnabled,
    MfaNotEnabled,
    MfaNotSetUp,
    SecondFactors,
)
from auth_service.second_factor.second_factor_schemas import (
    Code,
    FreshProof,
    MfaRemoval,
    MfaStatusAnswer,
    RecoveryCodesAnswer,
    SecondStep,
    SetupAnswer,
    SteppedUpAnswer,
)
from shared.core.errors import InvalidToken
from shared.web.access import Caller, StepUpRequired, private_even_limited, public
from shared.web.parts import part
from shared.web.responses import success
from shared.web.validation.openapi import Answer, EmptyBody, documented

mfa = Blueprint("mfa", __name__, url_prefix="/api/auth/mfa")


@mfa.get("")
@private_even_limited
@api.validate(resp=documented(200, MfaStatusAnswer))
def status(caller: Caller) -> Response:
    """Return whether the caller's logins need a code, and the number of recovery codes left."""
    return success(**second_factor_logic.status(tools(), part(SecondFactors), caller).model_dump())


@mfa.post("/setup")
@private_even_limited
@api.validate(resp=documented(200, SetupAnswer, MfaAlreadyEnabled, StepUpRequired))
def set_up(caller: Caller, json: EmptyBody) -> Response:
    """Make a secret for an authenticator app. Nothing is enabled yet; another call makes another secret. Who has a
    passkey proves it first, by `passkeys/step_up`."""
    return success(**second_factor_logic.set_up(tools(), part(SecondFactors), caller).model_dump())


@mfa.post("/enable")
@private_even_limited
@api.validate(resp=documented(200, RecoveryCodesAnswer, InvalidOtp, MfaNotSetUp, MfaAlreadyEnabled, LockedOut))
def enable(caller: Caller, json: Code) -> Response:
    """Enable the authenticator app with a code of the new secret, and end the caller's other sessions. The code is used
    up by that: the next login takes the next code."""
    codes = second_factor_logic.enable(tools(), part(SecondFactors), caller, json.otp)
    return success(recovery_codes=codes, message="The second factor is on. Store the recovery codes in a safe place.")


@mfa.post("/disable")
@private_even_limited
@api.validate(resp=documented(200, Answer, InvalidOtp, WrongPassword, MfaNotEnabled, LockedOut))
def disable(caller: Caller, json: MfaRemoval) -> Response:
    """Remove the authenticator app with the password and a code, and end the caller's other sessions."""
    second_factor_logic.disable(tools(), part(SecondFactors), caller, json)
    return success(message="The authenticator app is removed.")


@mfa.post("/recovery_codes")
@private_even_limited
@api.validate(resp=documented(200, RecoveryCodesAnswer, InvalidOtp, MfaNotEnabled, StepUpRequired, LockedOut))
def renew_recovery_codes(caller: Caller, json: FreshProof) -> Response:
    """Make ten new recovery codes, which replace all earlier ones."""
    codes = second_factor_logic.renew_recovery_codes(tools(), part(SecondFactors), caller, json.otp)
    return success(recovery_codes=codes, message="The earlier recovery codes are no longer good.")


@mfa.post("/step_up")
@private_even_limited
@api.validate(resp=documented(200, SteppedUpAnswer, InvalidOtp, MfaNotEnabled, LockedOut))
def step_up(caller: Caller, json: Code) -> Response:
    """Prove the second factor again, for requests that were refused with `STEP_UP_REQUIRED`. The session goes on under
    a new id: the present tokens stop working."""
    return success(**second_factor_logic.step_up(tools(), part(SecondFactors), caller, json.otp).model_dump())


@mfa.post("/login")
@public
@api.validate(resp=documented(200, TokensAnswer, InvalidOtp, InvalidToken, LockedOut))
def finish_login(json: SecondStep) -> Response:
    """Finish a login that was answered with `MFA_REQUIRED`, and start a session."""
    tokens = login_logic.finish(tools(), part(SecondFactors), json)
    return success(**tokens.model_dump(), message="You are logged in.")
