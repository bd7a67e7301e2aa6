"""Rules of the second factor: set-up of an authenticator app, codes that count once, recovery codes.

Codes are TOTP (RFC 6238): six digits, 30 seconds, SHA-1, as all authenticator apps know them. The codes of the step
before and after the present one are accepted too, since clocks differ.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self, TypeVar

import pyotp

from auth_service import auth_logic, session_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import User
from auth_service.second_factor.second_factor_models import Authenticator
from auth_service.second_factor.second_factor_schemas import (
    MfaRemoval,
    MfaStatus,
    SecondFactorSettings,
    Setup,
    SteppedUp,
)
from auth_service.second_factor.second_factor_storage import SecondFactorStorage
from shared.core import clock
from shared.core.errors import Conflict, NotAuthenticated, Refused
from shared.http import origins
from shared.security.encryption import Encryption
from shared.web.access import STEP_UP_SECONDS, Caller

STEP_SECONDS = 30
STEPS_OFF = 1
SECRET_LENGTH = 32  # base32 characters: 160 bits, as RFC 4226, section 4, recommends
RECOVERY_CODES = 10
_GROUPS, _GROUP_LENGTH = 4, 6
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without similar ones such as 0 and o: 24 of them have 118 bits
_T = TypeVar("_T")


class MfaRequired(NotAuthenticated):
    """401: the password is right, and the second factor is needed. `details.mfa_token` takes its place.

    `details.methods` names what the user has: `app`, `passkey`, `recovery_code`.
    """

    code = "MFA_REQUIRED"
    message = "Enter the code that your authenticator app shows, use your passkey, or enter a recovery code."


class InvalidOtp(NotAuthenticated):
    """401: the code of the second factor is wrong, too old, or was accepted before."""

    code = "INVALID_OTP"
    message = "The code is wrong, too old, or was used before. Enter the code that the app shows now."


class MfaAlreadyEnabled(Conflict):
    """409: the caller has an authenticator app already."""

    code = "MFA_ALREADY_ENABLED"
    message = "You have an authenticator app already. Remove it first to set up another one."


class MfaNotSetUp(Refused):
    """400: there is no secret to enable."""

    code = "MFA_NOT_SET_UP"
    message = "There is no secret for an authenticator app yet. Begin the set-up first."


class MfaNotEnabled(Refused):
    """400: the caller has no second factor, or none of this kind."""

    code = "MFA_NOT_ENABLED"
    message = "You have no such second factor, so there is nothing to change."


@dataclass(frozen=True)
class SecondFactors:
    """What the rules of the second factor use. `tickets` encrypts the proof of a first login step."""

    storage: SecondFactorStorage
    tickets: Encryption
    bank_name: str

    @classmethod
    def of(cls, settings: SecondFactorSettings, storage: SecondFactorStorage, bank_name: str) -> Self:
        """Return the second factors with the keys of `settings`, or of the secret file, which is made when missing."""
        return cls(storage, Encryption(settings.read_encryption_keys(), "half-done logins"), bank_name)


def status(tools: Tools, factors: SecondFactors, caller: Caller) -> MfaStatus:
    """Return the state of the caller's second factor."""
    user = auth_logic.own_user(tools, caller)
    return MfaStatus(
        mfa_enabled=user.mfa_enabled,
        app_enabled=_enabled_app(factors, user) is not None,
        passkeys=factors.storage.count_passkeys(user.id),
        recovery_codes_left=factors.storage.count_recovery_codes(user.id),
    )


def methods(factors: SecondFactors, user: User) -> list[str]:
    """Return by what a user can prove the second factor: `app`, `passkey`, `recovery_code`."""
    has = {
        "app": _enabled_app(factors, user) is not None,
        "passkey": factors.storage.count_passkeys(user.id) > 0,
        "recovery_code": factors.storage.count_recovery_codes(user.id) > 0,
    }
    return [method for method, is_there in has.items() if is_there]


def set_up(tools: Tools, factors: SecondFactors, caller: Caller) -> Setup:
    """Make a new secret in place of one that was not enabled. Raises MfaAlreadyEnabled, StepUpRequired."""
    auth_logic.require_fresh_factor(tools, caller)
    secret = pyotp.random_base32(length=SECRET_LENGTH)
    with tools.transaction():
        user = auth_logic.own_user_to_change(tools, caller)
        if _enabled_app(factors, user):
            raise MfaAlreadyEnabled
        factors.storage.replace_authenticator(Authenticator(user_id=user.id, secret=secret))
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=factors.bank_name)
    return Setup(secret=secret, otpauth_uri=uri)


def enable(tools: Tools, factors: SecondFactors, caller: Caller, otp: str) -> list[str]:
    """Enable an authenticator app after a code of its secret, end the caller's other sessions, return recovery codes.

    Who knows the code has made the secret with a fresh second factor. Raises MfaNotSetUp, MfaAlreadyEnabled,
    InvalidOtp, LockedOut.
    """
    user = auth_logic.own_user(tools, caller)

    def check() -> list[str] | None:
        present = auth_logic.own_user_to_change(tools, caller)
        authenticator = factors.storage.find_authenticator(present.id)
        if authenticator is None:
            raise MfaNotSetUp
        if authenticator.is_enabled:
            raise MfaAlreadyEnabled
        if not _accept_app_code(factors, authenticator, otp):
            return None
        authenticator.is_enabled = True
        codes = replace_recovery_codes(factors, present)
        enable_mfa(tools, present, caller)
        audit_logic.record(tools.audit, "mfa.enable", actor=caller, subject=caller)
        notify(tools, present, "an authenticator app was set up")
        return codes

    return _require(tools, user, check, action="mfa.enable", clears_failures=False)


def enable_mfa(tools: Tools, user: User, caller: Caller) -> None:
    """Require the second factor at each login of `user`, who is the caller, and end their other sessions.

    Call it inside a transaction that has locked the user, after a second factor was added and proven.
    """
    user.mfa_enabled = True
    if session := tools.sessions.find_session(caller.session_id):
        session.second_factor_at = clock.now()
    tools.sessions.end_sessions(user.id, clock.now(), all_but=caller.session_id)


def disable_mfa_if_unused(tools: Tools, factors: SecondFactors, user: User, caller: Caller) -> None:
    """End the other sessions of `user`, the caller, and require no second factor any more if they have none left.

    Call it inside a transaction that has locked the user, after a second factor was removed.
    """
    if _enabled_app(factors, user) is None and factors.storage.count_passkeys(user.id) == 0:
        user.mfa_enabled = False
        factors.storage.delete_recovery_codes(user.id)
    tools.sessions.end_sessions(user.id, clock.now(), all_but=caller.session_id)


def disable(tools: Tools, factors: SecondFactors, caller: Caller, removal: MfaRemoval) -> None:
    """Remove the caller's authenticator app and end their other sessions.

    Raises MfaNotEnabled, WrongPassword, InvalidOtp, LockedOut.
    """
    user = _user_with_factor(tools, caller)
    if _enabled_app(factors, user) is None:
        raise MfaNotEnabled
    auth_logic.require_password(tools, user, removal.password, field="password", action="mfa.disable")

    def check() -> bool:
        present = auth_logic.own_user_to_change(tools, caller)
        if present.password_hash != user.password_hash or not _accept(tools, factors, present, removal.otp):
            return False
        factors.storage.delete_authenticator(present.id)
        disable_mfa_if_unused(tools, factors, present, caller)
        audit_logic.record(tools.audit, "mfa.disable", actor=caller, subject=caller)
        notify(tools, present, "the authenticator app was removed")
        return True

    _require(tools, user, check, action="mfa.disable")


def renew_recovery_codes(tools: Tools, factors: SecondFactors, caller: Caller, otp: str | None) -> list[str]:
    """Replace all recovery codes after a code of the second factor, or without one while the last proof is fresh.

    Raises MfaNotEnabled, StepUpRequired, InvalidOtp, LockedOut.
    """
    user = _user_with_factor(tools, caller)
    if otp is None:
        auth_logic.require_fresh_factor(tools, caller)

    def check() -> list[str] | None:
        present = auth_logic.own_user_to_change(tools, caller)
        if otp is not None and not _accept(tools, factors, present, otp):
            return None
        codes = replace_recovery_codes(factors, present)
        audit_logic.record(tools.audit, "mfa.recovery_codes", actor=caller, subject=caller)
        notify(tools, present, "the recovery codes were replaced")
        return codes

    return _require(tools, user, check, action="mfa.recovery_codes", clears_failures=otp is not None)


def step_up(tools: Tools, factors: SecondFactors, caller: Caller, otp: str) -> SteppedUp:
    """Accept a code of the second factor. Return the tokens, which say so, of a session that replaces the caller's.

    Raises MfaNotEnabled, InvalidOtp, LockedOut.
    """

    def check() -> SteppedUp | None:
        present = auth_logic.own_user_to_change(tools, caller)
        return complete_step_up(tools, caller, present) if _accept(tools, factors, present, otp) else None

    return _require(tools, _user_with_factor(tools, caller), check, action="mfa.step_up")


def complete_step_up(tools: Tools, caller: Caller, user: User) -> SteppedUp:
    """Record that `user`, the caller, has proven a factor, and return the tokens of the session that replaces theirs.

    Call it inside a transaction that has locked the user. Raises InvalidToken.
    """
    if session := tools.sessions.find_session(caller.session_id):
        session.second_factor_at = clock.now()
    tokens = session_logic.replace_session(tools, caller, user)
    audit_logic.record(tools.audit, "mfa.step_up", actor=caller, subject=caller)
    return SteppedUp(**tokens.model_dump(), fresh_for=int(STEP_UP_SECONDS))


def prove(tools: Tools, factors: SecondFactors, user: User, otp: str, *, action: str) -> None:
    """Accept a code of a user's second factor, once. Raises InvalidOtp, and LockedOut after too many wrong ones."""

    def check() -> bool:
        present = tools.users.find_user_to_change(user.id)
        return present is not None and _accept(tools, factors, present, otp)

    _require(tools, user, check, action=action)


def _accept(tools: Tools, factors: SecondFactors, user: User, otp: str) -> bool:
    """Accept a code of the user's app or an unused recovery code. Call it inside a transaction."""
    if not user.mfa_enabled:
        return False
    authenticator = _enabled_app(factors, user)
    if authenticator is not None and _accept_app_code(factors, authenticator, otp):
        return True
    if not factors.storage.use_recovery_code(user.id, _digest(otp), clock.now()):
        return False
    left = factors.storage.count_recovery_codes(user.id)
    audit_logic.record(tools.audit, "mfa.recovery_code_used", actor=user, subject=user, details={"left": left})
    auth_logic.notify(tools, user, "recovery_code_used", left=str(left), ip=origins.current().address)
    return True


def notify(tools: Tools, user: User, what: str) -> None:
    """Queue a mail to a user about a change of their second factor; `what` goes on after "On … at …,"."""
    auth_logic.notify(tools, user, "second_factor_changed", what=what, ip=origins.current().address)


def _accept_app_code(factors: SecondFactors, authenticator: Authenticator, otp: str) -> bool:
    code = _plain(otp).encode()
    totp = pyotp.TOTP(authenticator.secret, interval=STEP_SECONDS)
    present = int(clock.now().timestamp()) // STEP_SECONDS
    steps = range(present - STEPS_OFF, present + STEPS_OFF + 1)
    matching = [step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), code)]
    return any(factors.storage.accept_step(authenticator.user_id, step) for step in matching)


def replace_recovery_codes(factors: SecondFactors, user: User) -> list[str]:
    """Replace the recovery codes of a user and return the new ones. Call it inside a transaction."""
    codes = [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
        for _ in range(RECOVERY_CODES)
    ]
    factors.storage.replace_recovery_codes(user.id, map(_digest, codes))
    return codes


def _enabled_app(factors: SecondFactors, user: User) -> Authenticator | None:
    authenticator = factors.storage.find_authenticator(user.id)
    return authenticator if authenticator is not None and authenticator.is_enabled else None


def _plain(otp: str) -> str:
    """Return a code without what people and apps put between its groups."""
    return otp.replace(" ", "").replace("-", "").lower()


def _digest(recovery_code: str) -> str:
    return hashlib.sha256(_plain(recovery_code).encode()).hexdigest()


def _require(
    tools: Tools, user: User, check: Callable[[], _T | None], *, action: str, clears_failures: bool = True
) -> _T:
    """Return the result of `check`, which runs in a transaction. Raises InvalidOtp, and counts it, without one."""
    attempt = partial(auth_logic.attempt, action=action, what="code", clears_failures=clears_failures)
    if result := attempt(tools, user.username, user, check):
        return result
    raise InvalidOtp(details={"otp": "is wrong, too old, or was used before; enter the code that the app shows now"})


def _user_with_factor(tools: Tools, caller: Caller) -> User:
    user = auth_logic.own_user(tools, caller)
    if not user.mfa_enabled:
        raise MfaNotEnabled
    return user
