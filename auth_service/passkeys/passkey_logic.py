"""Rules of passkeys: registration, login without a password, second step of a login, step-up.

They follow Web Authentication, level 3.

The options of a ceremony hold a challenge, which the client sends back encrypted together with the signed answer. Each
challenge counts once. The device must verify its user by a PIN or biometrics, so a passkey is two factors in one.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auth_service import auth_logic, session_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import User
from auth_service.auth_schemas import Tokens
from auth_service.passkeys.passkey_schemas import NewPasskey, PasskeyLogin, PasskeyOptions, PasskeySecondStep
from auth_service.passkeys.passkey_storage import PasskeyStorage
from auth_service.second_factor import login_logic, second_factor_logic
from auth_service.second_factor.second_factor_logic import MfaNotEnabled, SecondFactors
from auth_service.second_factor.second_factor_models import Passkey
from auth_service.second_factor.second_factor_schemas import FirstStep, SteppedUp
from shared.core import clock
from shared.core.errors import NotAuthenticated, NotFound, Refused
from shared.db.outages import rerun_when_aborted
from shared.security.encryption import Encryption, UnknownKey
from shared.web.access import Caller

CHALLENGE_SECONDS = 300
MAX_PASSKEYS = 20
MAX_CREDENTIAL_ID_BYTES = 1023  # Web Authentication, level 3, section 7.1
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class InvalidPasskey(NotAuthenticated):
    """401: the passkey is not known, or its answer is wrong, late or was used before."""

    code = "INVALID_PASSKEY"
    message = "The passkey was not accepted. Begin again, or use your password."


class TooManyPasskeys(Refused):
    """400: the caller has as many passkeys as are allowed."""

    code = "TOO_MANY_PASSKEYS"
    message = f"You have {MAX_PASSKEYS} passkeys already. Remove one that you no longer use."


@dataclass(frozen=True)
class Passkeys:
    """What the rules of passkeys use. `rp_id` is the domain that passkeys belong to, `origin` the address of pages."""

    storage: PasskeyStorage
    factors: SecondFactors
    tickets: Encryption
    rp_id: str
    origin: str
    bank_name: str

    @classmethod
    def of(cls, factors: SecondFactors, storage: PasskeyStorage, bank_url: str) -> Self:
        """Return the passkeys of the bank at `bank_url`. Browsers take no IP address: on loopback it is localhost."""
        url = urlsplit(bank_url)
        host = "localhost" if url.hostname in (None, "127.0.0.1", "::1") else str(url.hostname)
        port = f":{url.port}" if url.port else ""
        return cls(storage, factors, factors.tickets, host, f"{url.scheme}://{host}{port}", factors.bank_name)


def begin_registration(tools: Tools, passkeys: Passkeys, caller: Caller, password: str) -> PasskeyOptions:
    """Return options for a new passkey, after the password and, for who has one, a fresh second factor.

    Raises StepUpRequired, WrongPassword, LockedOut, TooManyPasskeys.
    """
    auth_logic.require_fresh_factor(tools, caller)
    user = auth_logic.own_user(tools, caller)
    auth_logic.require_password(tools, user, password, field="password", action="passkey.add")
    options = webauthn.generate_registration_options(
        rp_id=passkeys.rp_id,
        rp_name=passkeys.bank_name,
        user_id=user.id.bytes,
        user_name=user.username,
        user_display_name=user.display_name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(_require_room(passkeys, caller)),
    )
    token = _encrypt_challenge(passkeys, f"add {caller.user_id}", options.challenge)
    return PasskeyOptions(passkey_token=token, options=json.loads(webauthn.options_to_json(options)))


@rerun_when_aborted
def finish_registration(tools: Tools, passkeys: Passkeys, caller: Caller, new: NewPasskey) -> tuple[Passkey, list[str]]:
    """Store a new passkey and tell its owner by mail. Return it, and recovery codes if it is the first second factor.

    Raises InvalidPasskey, TooManyPasskeys.
    """
    challenge = _decrypt_challenge(passkeys, f"add {caller.user_id}", new.passkey_token)
    with _refusing(caller.user_id):
        verified = webauthn.verify_registration_response(
            credential=new.credential,
            expected_challenge=challenge,
            expected_rp_id=passkeys.rp_id,
            expected_origin=passkeys.origin,
            require_user_verification=True,
        )
        _require_own_page(new.credential)
    if len(verified.credential_id) > MAX_CREDENTIAL_ID_BYTES:
        raise InvalidPasskey
    passkey = Passkey(
        user_id=caller.user_id,
        credential_id=bytes_to_base64url(verified.credential_id),
        public_key=bytes_to_base64url(verified.credential_public_key),
        sign_count=verified.sign_count,
        name=new.name,
    )
    with tools.transaction():
        user = auth_logic.own_user_to_change(tools, caller)
        _require_room(passkeys, caller)
        _spend(passkeys, challenge)
        if passkeys.storage.find_by_credential(passkey.credential_id):
            raise InvalidPasskey
        passkeys.storage.insert(passkey)
        codes = [] if user.mfa_enabled else second_factor_logic.replace_recovery_codes(passkeys.factors, user)
        if codes:
            second_factor_logic.enable_mfa(tools, user, caller)
        audit_logic.record(tools.audit, "passkey.add", actor=caller, subject=caller)
        second_factor_logic.notify(tools, user, f"the passkey {new.name!r} was added")
    return passkey, codes


@rerun_when_aborted
def remove(tools: Tools, passkeys: Passkeys, caller: Caller, passkey_id: UUID) -> None:
    """Remove a passkey of the caller, end their other sessions and tell them by mail.

    Raises StepUpRequired, NotFound.
    """
    auth_logic.require_fresh_factor(tools, caller)
    with tools.transaction():
        user = auth_logic.own_user_to_change(tools, caller)
        passkey = passkeys.storage.delete_passkey(caller.user_id, passkey_id)
        if passkey is None:
            raise NotFound("There is no such passkey.")
        second_factor_logic.disable_mfa_if_unused(tools, passkeys.factors, user, caller)
        audit_logic.record(tools.audit, "passkey.remove", actor=caller, subject=caller)
        second_factor_logic.notify(tools, user, f"the passkey {passkey.name!r} was removed")


def begin_login(passkeys: Passkeys) -> PasskeyOptions:
    """Return options for a login with any passkey of the browser's user."""
    return _begin_authentication(passkeys, "login", None)


def log_in(tools: Tools, passkeys: Passkeys, answer: PasskeyLogin) -> Tokens:
    """Start a session for the owner of a passkey. Raises InvalidPasskey, which is audited."""
    challenge = _decrypt_challenge(passkeys, "login", answer.passkey_token)
    owner_id = passkeys.storage.find_owner(str(answer.credential.get("id")))
    try:
        return _log_in(tools, passkeys, owner_id, challenge, answer.credential)
    except InvalidPasskey:
        user = tools.users.find_user(owner_id) if owner_id else None
        reason = "unknown passkey" if user is None else "wrong passkey" if user.status == "active" else "disabled"
        audit_logic.record(tools.audit, "login", subject=user, outcome="failure", details={"reason": reason})
        raise


@rerun_when_aborted
def _log_in(
    tools: Tools, passkeys: Passkeys, owner_id: UUID | None, challenge: bytes, credential: dict[str, Any]
) -> Tokens:
    with tools.transaction():
        user = tools.users.find_user_to_change(owner_id) if owner_id else None
        passkey = _passkey_of(passkeys, user, credential)
        if user is None or passkey is None or user.status != "active":
            raise InvalidPasskey
        _use(passkeys, passkey, user, challenge, credential)
        tokens = session_logic.start_session(tools, user)
        audit_logic.record(tools.audit, "login", actor=user, subject=user, details={"passkey": True})
    return tokens


def begin_second_step(tools: Tools, passkeys: Passkeys, step: FirstStep) -> PasskeyOptions:
    """Return options for the second step of a login with a passkey of its user. Raises InvalidToken."""
    user = login_logic.user_of(tools, passkeys.factors, step.mfa_token)
    return _begin_authentication(passkeys, f"second step {user.id}", user.id)


def finish_second_step(tools: Tools, passkeys: Passkeys, step: PasskeySecondStep) -> Tokens:
    """Start a session after the right password and a passkey of the user.

    Raises InvalidToken for a late or used up first step, InvalidPasskey, LockedOut.
    """
    user = login_logic.user_of(tools, passkeys.factors, step.mfa_token)
    challenge = _decrypt_challenge(passkeys, f"second step {user.id}", step.passkey_token)
    _prove(tools, passkeys, user, challenge, step.credential, action="login", on_success=lambda _user: True)
    return login_logic.start(tools, user, passkey=True)


def begin_step_up(passkeys: Passkeys, caller: Caller) -> PasskeyOptions:
    """Return options for a step-up with a passkey of the caller. Raises MfaNotEnabled for who has none."""
    if not passkeys.storage.list_passkeys(caller.user_id):
        raise MfaNotEnabled
    return _begin_authentication(passkeys, f"step-up {caller.session_id}", caller.user_id)


def step_up(tools: Tools, passkeys: Passkeys, caller: Caller, answer: PasskeyLogin) -> SteppedUp:
    """Accept a passkey. Return the tokens, which say so, of a session that replaces the caller's.

    Raises InvalidPasskey, LockedOut.
    """
    user = auth_logic.own_user(tools, caller)
    challenge = _decrypt_challenge(passkeys, f"step-up {caller.session_id}", answer.passkey_token)
    complete = partial(second_factor_logic.complete_step_up, tools, caller)
    return _prove(tools, passkeys, user, challenge, answer.credential, action="mfa.step_up", on_success=complete)


def clean_up(passkeys: Passkeys) -> None:
    """Delete the challenges that were answered so long ago that they have expired."""
    with passkeys.storage.transaction():
        passkeys.storage.delete_spent(clock.now() - 2 * timedelta(seconds=CHALLENGE_SECONDS))


def _begin_authentication(passkeys: Passkeys, purpose: str, user_id: UUID | None) -> PasskeyOptions:
    """Return options for `navigator.credentials.get` with any passkey, or with those of a user."""
    own = passkeys.storage.list_passkeys(user_id) if user_id else ()
    options = webauthn.generate_authentication_options(
        rp_id=passkeys.rp_id,
        allow_credentials=_descriptors(own) or None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    token = _encrypt_challenge(passkeys, purpose, options.challenge)
    return PasskeyOptions(passkey_token=token, options=json.loads(webauthn.options_to_json(options)))


def _prove(
    tools: Tools,
    passkeys: Passkeys,
    user: User,
    challenge: bytes,
    credential: dict[str, Any],
    *,
    action: str,
    on_success: Callable[[User], _T],
) -> _T:
    """Accept an answer by a passkey of a user, and return the result of `on_success`, which gets their locked row.

    It runs in the same transaction.

    Raises InvalidPasskey, and LockedOut after too many failures; they count together with wrong passwords and codes.
    """

    def check() -> _T | None:
        present = tools.users.find_user_to_change(user.id)
        passkey = _passkey_of(passkeys, present, credential)
        if present is None or passkey is None:
            return None
        try:
            _use(passkeys, passkey, present, challenge, credential)
        except InvalidPasskey:
            return None
        return on_success(present)

    if result := auth_logic.attempt(tools, user.username, user, check, action=action, what="passkey"):
        return result
    raise InvalidPasskey


def _passkey_of(passkeys: Passkeys, user: User | None, credential: dict[str, Any]) -> Passkey | None:
    """Return the passkey that the credential names, locked until the transaction ends; None if it is not the user's.

    The caller has locked the user's row: all code locks the user first, then the passkey, so there is no deadlock.
    """
    passkey = passkeys.storage.find_by_credential(str(credential.get("id")))
    return passkey if user and passkey and passkey.user_id == user.id else None


def _use(passkeys: Passkeys, passkey: Passkey, user: User, challenge: bytes, credential: dict[str, Any]) -> None:
    """Verify the answer of a passkey and use up its challenge. Raises InvalidPasskey. Call it inside a transaction."""
    with _refusing(user.id):
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=passkeys.rp_id,
            expected_origin=passkeys.origin,
            credential_public_key=base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
        _require_own_page(credential)
    _spend(passkeys, challenge)
    passkey.sign_count, passkey.last_used_at = verified.new_sign_count, clock.now()


def _require_room(passkeys: Passkeys, caller: Caller) -> Sequence[Passkey]:
    """Return the passkeys of the caller. Raises TooManyPasskeys when there is no room for another one."""
    known = passkeys.storage.list_passkeys(caller.user_id)
    if len(known) >= MAX_PASSKEYS:
        raise TooManyPasskeys
    return known


def _require_own_page(credential: dict[str, Any]) -> None:
    """Refuse an answer that a page of another site has asked for in a frame, which `webauthn` does not look at."""
    if parse_client_data_json(base64url_to_bytes(credential["response"]["clientDataJSON"])).cross_origin:
        raise InvalidPasskey


def _descriptors(own: Iterable[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(passkey.credential_id)) for passkey in own]


def _encrypt_challenge(passkeys: Passkeys, purpose: str, challenge: bytes) -> str:
    return passkeys.tickets.encrypt(f"passkey {purpose}:{bytes_to_base64url(challenge)}")


def _decrypt_challenge(passkeys: Passkeys, purpose: str, token: str) -> bytes:
    try:
        sealed_for, _, challenge = passkeys.tickets.decrypt(token, max_age_seconds=CHALLENGE_SECONDS).partition(":")
    except UnknownKey:
        raise InvalidPasskey from None
    if sealed_for != f"passkey {purpose}":
        raise InvalidPasskey
    return base64url_to_bytes(challenge)


def _spend(passkeys: Passkeys, challenge: bytes) -> None:
    """Use up a challenge. Raises InvalidPasskey when it was answered before. Call it inside a transaction."""
    digest = hashlib.sha256(challenge).hexdigest()
    if passkeys.storage.is_spent(digest):
        raise InvalidPasskey
    passkeys.storage.spend(digest, clock.now())


@contextmanager
def _refusing(user_id: UUID) -> Iterator[None]:
    """Raise InvalidPasskey for an answer that does not verify."""
    try:
        yield
    except (WebAuthnException, ValueError, LookupError, TypeError) as error:
        # Audited without the reason, which tells an operator that BANK_URL is not the address in the browser.
        _log.info("passkey refused", extra={"user_id": str(user_id), "reason": type(error).__name__})
        raise InvalidPasskey from None
