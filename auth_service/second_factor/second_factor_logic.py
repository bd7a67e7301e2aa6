"""Rules of the second factor: set-up of an authenticator app, codes that count once, recovery codes.

Codes are TOTP (RFC 6238): six digits, 30 seconds, SHA-1, as all authenticator apps know them. The codes of the step
before and after the present one are accepted too, since clocks differ.
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import pyotp

from auth_service import auth_logic, session_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Origin, Tools
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
from shared.core.errors import CannotStart, Conflict, InvalidToken, NotAuthenticated, Refused
from shared.core.periods import to_text
from shared.http import origins
from shared.security.encryption import Encryption, UnknownKey
from shared.security.token_signer import LIFETIME_SECONDS
from shared.web.access import STEP_UP_SECONDS, Caller

STEP_SECONDS = 30
STEPS_OFF = 1
SECRET_LENGTH = 32  # base32 characters: 160 bits, as RFC 4226, section 4, recommends
RECOVERY_CODES = 10
_GROUPS, _GROUP_LENGTH = 4, 6
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without similar ones such as 0 and o: 24 of them have 118 bits
_log = logging.getLogger(__name__)


class MfaRequired(NotAuthenticated):
    """401: the password is right, and a code of the second factor is needed. `details.mfa_token` takes its place."""

    code = "MFA_REQUIRED"
    message = "Enter the code that your authenticator app shows, or a recovery code."


class InvalidOtp(NotAuthenticated):
    """401: the code of the second factor is wrong, too old, or was accepted before."""

    code = "INVALID_OTP"
    message = "The code is wrong, too old, or was used before. Enter the code that the app shows now."


class MfaAlreadyEnabled(Conflict):
    """409: the caller has a second factor already."""

    code = "MFA_ALREADY_ENABLED"
    message = "You have a second factor already. Remove it first to set up another one."


class MfaNotSetUp(Refused):
    """400: there is no secret to enable."""

    code = "MFA_NOT_SET_UP"
    message = "There is no secret for an authenticator app yet. Begin the set-up first."


class MfaNotEnabled(Refused):
    """400: the caller has no second factor."""

    code = "MFA_NOT_ENABLED"
    message = "You have no second factor, so there is nothing to change."


@dataclass(frozen=True)
class SecondFactors:
    """What the rules of the second factor use. `secrets` encrypts what is stored, `tickets` half-done logins."""

    storage: SecondFactorStorage
    secrets: Encryption
    tickets: Encryption
    bank_name: str

    @classmethod
    def of(cls, settings: SecondFactorSettings, storage: SecondFactorStorage, bank_name: str) -> Self:
        """Return the second factors with the keys of `settings`, or of the secret file, which is made when missing."""
        keys = settings.read_encryption_keys()
        return cls(storage, secrets_of(keys), Encryption(keys, "half-done logins"), bank_name)


def secrets_of(keys: Sequence[str]) -> Encryption:
    """Return what encrypts the secrets of authenticator apps with the first of these keys."""
    return Encryption(keys, "authenticator secrets")


def status(tools: Tools, factors: SecondFactors, caller: Caller) -> MfaStatus:
    """Return the state of the caller's second factor."""
    user = _user(tools, caller)
    left = factors.storage.count_recovery_codes(user.id) if user.mfa_enabled else 0
    return MfaStatus(mfa_enabled=user.mfa_enabled, recovery_codes_left=left)


def set_up(tools: Tools, factors: SecondFactors, caller: Caller) -> Setup:
    """Make a new secret in place of one that was not enabled. Raises MfaAlreadyEnabled."""
    secret = pyotp.random_base32(length=SECRET_LENGTH)
    encrypted = factors.secrets.encrypt(secret)
    with tools.transaction():
        user = _lock_user(tools, caller)
        if user.mfa_enabled:
            raise MfaAlreadyEnabled
        factors.storage.replace_authenticator(Authenticator(user_id=user.id, encrypted_secret=encrypted))
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=factors.bank_name)
    return Setup(secret=secret, otpauth_uri=uri)


def enable(tools: Tools, factors: SecondFactors, caller: Caller, otp: str) -> list[str]:
    """Enable the second factor after a code of the new secret, end the caller's other sessions, return recovery codes.

    Raises MfaNotSetUp, MfaAlreadyEnabled, InvalidOtp, LockedOut.
    """
    user, codes = _user(tools, caller), _make_codes()

    def check() -> bool:
        present = _lock_user(tools, caller)
        if present.mfa_enabled:
            raise MfaAlreadyEnabled
        authenticator = factors.storage.find_authenticator(present.id)
        if authenticator is None:
            raise MfaNotSetUp
        if not _accept_app_code(factors, authenticator, otp):
            return False
        present.mfa_enabled = True
        if session := tools.sessions.find_session(caller.session_id):
            session.second_factor_at = clock.now()
        factors.storage.replace_recovery_codes(present.id, map(_digest, codes))
        tools.sessions.end_sessions(present.id, clock.now(), all_but=caller.session_id)
        audit_logic.record(tools.audit, "mfa.enable", actor=caller, subject=caller)
        tell(tools, present, "a second factor was set up")
        return True

    _require(tools, user, check, action="mfa.enable", clears_failures=False)
    _log.info("second factor enabled", extra={"user_id": str(user.id)})
    return codes


def disable(tools: Tools, factors: SecondFactors, origin: Origin, caller: Caller, removal: MfaRemoval) -> None:
    """Remove the caller's second factor and end their other sessions.

    Raises MfaNotEnabled, WrongPassword, InvalidOtp, LockedOut.
    """
    user = _user_with_factor(tools, caller)
    if not auth_logic.check_password(tools, origin, user.username, user, removal.password, action="mfa.disable"):
        raise auth_logic.WrongPassword(details={"password": "is not right; enter it again"})

    def check() -> bool:
        present = auth_logic.lock_unchanged_user(tools, user)
        if present is None or not _accept(tools, factors, present, removal.otp):
            return False
        present.mfa_enabled = False
        factors.storage.delete_all(present.id)
        tools.sessions.end_sessions(present.id, clock.now(), all_but=caller.session_id)
        audit_logic.record(tools.audit, "mfa.disable", actor=caller, subject=caller)
        tell(tools, present, "the second factor was removed")
        return True

    _require(tools, user, check, action="mfa.disable")
    _log.info("second factor removed", extra={"user_id": str(user.id), "ip": origin.ip})


def renew_recovery_codes(tools: Tools, factors: SecondFactors, caller: Caller, otp: str) -> list[str]:
    """Replace all recovery codes after a code of the second factor. Raises MfaNotEnabled, InvalidOtp, LockedOut."""
    user, codes = _user_with_factor(tools, caller), _make_codes()

    def check() -> bool:
        present = _lock_user(tools, caller)
        if not _accept(tools, factors, present, otp):
            return False
        factors.storage.replace_recovery_codes(present.id, map(_digest, codes))
        audit_logic.record(tools.audit, "mfa.recovery_codes", actor=caller, subject=caller)
        tell(tools, present, "the recovery codes were replaced")
        return True

    _require(tools, user, check, action="mfa.recovery_codes")
    _log.info("recovery codes renewed", extra={"user_id": str(user.id)})
    return codes


def step_up(tools: Tools, factors: SecondFactors, caller: Caller, otp: str) -> SteppedUp:
    """Accept a code and return an access token of the same session that says so.

    Raises MfaNotEnabled, InvalidOtp, LockedOut.
    """
    user = _user_with_factor(tools, caller)
    tokens: list[str] = []

    def check() -> bool:
        present, session = _lock_user(tools, caller), tools.sessions.find_session(caller.session_id)
        if session is None or not _accept(tools, factors, present, otp):
            return False
        session.second_factor_at = clock.now()
        tokens[:] = [session_logic.issue_access_token(tools, session, present)]
        return True

    _require(tools, user, check, action="mfa.step_up")
    return SteppedUp(token=tokens[0], expires_in=LIFETIME_SECONDS, fresh_for=int(STEP_UP_SECONDS))


def prove(tools: Tools, factors: SecondFactors, user: User, otp: str, *, action: str) -> None:
    """Accept a code of a user's second factor, once. Raises InvalidOtp, and LockedOut after too many wrong ones."""

    def check() -> bool:
        present = tools.users.find_user_to_change(user.id)
        return present is not None and _accept(tools, factors, present, otp)

    _require(tools, user, check, action=action)


def rotate_keys(tools: Tools, factors: SecondFactors) -> None:
    """Encrypt the stored secrets with the first key, where they are not. Raises CannotStart when a key is missing."""
    with tools.transaction():
        for authenticator in factors.storage.list_with_other_key(factors.secrets.key_id):
            try:
                secret = factors.secrets.decrypt(authenticator.encrypted_secret)
            except UnknownKey:
                raise CannotStart(
                    "AUTH_ENCRYPTION_KEYS lacks a key that secrets of authenticator apps are encrypted with: add it "
                    "at the end of the list, or restore the file encryption_keys of the secrets from a backup"
                ) from None
            authenticator.encrypted_secret = factors.secrets.encrypt(secret)


def _accept(tools: Tools, factors: SecondFactors, user: User, otp: str) -> bool:
    """Accept a code of the user's app or an unused recovery code. Call it inside a transaction."""
    if not user.mfa_enabled:
        return False
    authenticator = factors.storage.find_authenticator(user.id)
    if authenticator is not None and _accept_app_code(factors, authenticator, otp):
        return True
    if not factors.storage.use_recovery_code(user.id, _digest(otp), clock.now()):
        return False
    left = factors.storage.count_recovery_codes(user.id)
    audit_logic.record(tools.audit, "mfa.recovery_code_used", actor=user, subject=user, details={"left": left})
    _tell(tools, user, "recovery_code_used", left=str(left))
    return True


def tell(tools: Tools, user: User, what: str) -> None:
    """Queue a mail to a user about a change of their second factor; `what` goes on after "On … at …,"."""
    _tell(tools, user, "second_factor_changed", what=what)


def _tell(tools: Tools, user: User, kind: str, **facts: str) -> None:
    """Queue a mail to a user about what has just happened to their second factor."""
    origin = origins.current()
    common = {"username": user.username, "at": to_text(clock.now()), "ip": origin.address}
    tools.mails.add_mail(kind, user.email, **common, **facts)


def _accept_app_code(factors: SecondFactors, authenticator: Authenticator, otp: str) -> bool:
    code = _plain(otp).encode()
    totp = pyotp.TOTP(factors.secrets.decrypt(authenticator.encrypted_secret), interval=STEP_SECONDS)
    present = int(clock.now().timestamp()) // STEP_SECONDS
    steps = range(present - STEPS_OFF, present + STEPS_OFF + 1)
    matching = [step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), code)]
    return any(factors.storage.accept_step(authenticator.user_id, step) for step in matching)


def _make_codes() -> list[str]:
    return [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
        for _ in range(RECOVERY_CODES)
    ]


def _plain(otp: str) -> str:
    """Return a code without what people and apps put between its groups."""
    return otp.replace(" ", "").replace("-", "").lower()


def _digest(recovery_code: str) -> str:
    return hashlib.sha256(_plain(recovery_code).encode()).hexdigest()


def _require(tools: Tools, user: User, check: Callable[[], bool], *, action: str, clears_failures: bool = True) -> None:
    """Raise InvalidOtp and count the failure unless `check` succeeds, which runs in a transaction."""
    if not auth_logic.attempt(
        tools, user.username, user, check, action=action, what="code", clears_failures=clears_failures
    ):
        _log.info("second factor refused", extra={"user_id": str(user.id)})
        raise InvalidOtp(
            details={"otp": "is wrong, too old, or was used before; enter the code that the app shows now"}
        )


def _user(tools: Tools, caller: Caller) -> User:
    user = tools.users.find_user(caller.user_id)
    if user is None:
        raise InvalidToken
    return user


def _user_with_factor(tools: Tools, caller: Caller) -> User:
    user = _user(tools, caller)
    if not user.mfa_enabled:
        raise MfaNotEnabled
    return user


def _lock_user(tools: Tools, caller: Caller) -> User:
    user = tools.users.find_user_to_change(caller.user_id)
    if user is None:
        raise InvalidToken
    return user
