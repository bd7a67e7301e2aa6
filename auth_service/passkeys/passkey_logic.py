"""Rules of passkeys: registration, and login without a password (Web Authentication, level 3).

The options of a ceremony hold a challenge, which the client sends back encrypted together with the signed answer. Each
challenge counts once. The device must verify its user by a PIN or biometrics, so a passkey is two factors in one.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from auth_service import auth_logic, session_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Origin, Tools
from auth_service.auth_schemas import Tokens
from auth_service.passkeys.passkey_schemas import NewPasskey, PasskeyLogin, PasskeyOptions
from auth_service.passkeys.passkey_storage import PasskeyStorage
from auth_service.second_factor.second_factor_logic import SecondFactors, tell
from auth_service.second_factor.second_factor_models import Passkey
from shared.core import clock
from shared.core.errors import InvalidToken, NotAuthenticated, NotFound, Refused
from shared.db.outages import rerun_when_aborted
from shared.security.encryption import Encryption, UnknownKey
from shared.web.access import Caller, require_fresh_second_factor

CHALLENGE_SECONDS = 300
MOST_PASSKEYS = 20
_log = logging.getLogger(__name__)


class InvalidPasskey(NotAuthenticated):
    """401: the passkey is not known, or its answer is wrong, late or was used before."""

    code = "INVALID_PASSKEY"
    message = "The passkey was not accepted. Begin again, or use your password."


class TooManyPasskeys(Refused):
    """400: the caller has as many passkeys as are allowed."""

    code = "TOO_MANY_PASSKEYS"
    message = f"You have {MOST_PASSKEYS} passkeys already. Remove one that you no longer use."


@dataclass(frozen=True)
class Passkeys:
    """What the rules of passkeys use. `site` is the domain that passkeys belong to, `origin` the address of pages."""

    storage: PasskeyStorage
    tickets: Encryption
    site: str
    origin: str
    bank_name: str

    @classmethod
    def of(cls, factors: SecondFactors, storage: PasskeyStorage, bank_url: str) -> Self:
        """Return the passkeys of the bank at `bank_url`. Browsers take no IP address: on loopback it is localhost."""
        url = urlsplit(bank_url)
        host = "localhost" if url.hostname in (None, "127.0.0.1", "::1") else str(url.hostname)
        port = f":{url.port}" if url.port else ""
        return cls(storage, factors.tickets, host, f"{url.scheme}://{host}{port}", factors.bank_name)


def begin_registration(
    tools: Tools, passkeys: Passkeys, origin: Origin, caller: Caller, password: str
) -> PasskeyOptions:
    """Return options for a new passkey, after the password and, for who has one, a fresh second factor.

    Raises StepUpRequired, WrongPassword, LockedOut, TooManyPasskeys.
    """
    require_fresh_second_factor(caller)
    user = tools.users.find_user(caller.user_id)
    if user is None:
        raise InvalidToken
    if not auth_logic.check_password(tools, origin, user.username, user, password, action="passkey.add"):
        raise auth_logic.WrongPassword(details={"password": "is not right; enter it again"})
    known = passkeys.storage.list_passkeys(caller.user_id)
    if len(known) >= MOST_PASSKEYS:
        raise TooManyPasskeys
    options = webauthn.generate_registration_options(
        rp_id=passkeys.site,
        rp_name=passkeys.bank_name,
        user_id=user.id.bytes,
        user_name=user.username,
        user_display_name=user.full_name or user.username,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(passkey.credential_id)) for passkey in known
        ],
    )
    token = _seal(passkeys, f"add {caller.user_id}", options.challenge)
    return PasskeyOptions(passkey_token=token, options=json.loads(webauthn.options_to_json(options)))


def finish_registration(tools: Tools, passkeys: Passkeys, caller: Caller, new: NewPasskey) -> Passkey:
    """Store a new passkey and tell its owner by mail. Raises InvalidPasskey."""
    challenge = _open(passkeys, f"add {caller.user_id}", new.passkey_token)
    with _refusing(caller.username):
        verified = webauthn.verify_registration_response(
            credential=new.credential,
            expected_challenge=challenge,
            expected_rp_id=passkeys.site,
            expected_origin=passkeys.origin,
            require_user_verification=True,
        )
    passkey = Passkey(
        user_id=caller.user_id,
        credential_id=bytes_to_base64url(verified.credential_id),
        public_key=bytes_to_base64url(verified.credential_public_key),
        sign_count=verified.sign_count,
        name=new.name,
    )
    with tools.transaction():
        _spend(passkeys, challenge)
        if passkeys.storage.find_by_credential(passkey.credential_id):
            raise InvalidPasskey
        passkeys.storage.add_passkey(passkey)
        audit_logic.record(tools.audit, "passkey.add", actor=caller, subject=caller)
        _tell(tools, caller.user_id, f"the passkey {new.name!r} was added")
    _log.info("passkey added", extra={"user_id": str(caller.user_id)})
    return passkey


def remove(tools: Tools, passkeys: Passkeys, caller: Caller, passkey_id: UUID) -> None:
    """Remove a passkey of the caller and tell them by mail. Raises StepUpRequired, NotFound."""
    require_fresh_second_factor(caller)
    with tools.transaction():
        passkey = passkeys.storage.delete_passkey(caller.user_id, passkey_id)
        if passkey is None:
            raise NotFound("There is no such passkey.")
        audit_logic.record(tools.audit, "passkey.remove", actor=caller, subject=caller)
        _tell(tools, caller.user_id, f"the passkey {passkey.name!r} was removed")


def begin_login(passkeys: Passkeys) -> PasskeyOptions:
    """Return options for a login with any passkey of the browser's user."""
    options = webauthn.generate_authentication_options(
        rp_id=passkeys.site, user_verification=UserVerificationRequirement.REQUIRED
    )
    token = _seal(passkeys, "login", options.challenge)
    return PasskeyOptions(passkey_token=token, options=json.loads(webauthn.options_to_json(options)))


@rerun_when_aborted
def log_in(tools: Tools, passkeys: Passkeys, origin: Origin, answer: PasskeyLogin) -> Tokens:
    """Start a session for the owner of a passkey. Raises InvalidPasskey."""
    challenge = _open(passkeys, "login", answer.passkey_token)
    with tools.transaction():
        passkey = passkeys.storage.find_by_credential(str(answer.credential.get("id")))
        user = tools.users.find_user_to_change(passkey.user_id) if passkey else None
        if passkey is None or user is None or user.status != "active":
            raise InvalidPasskey
        with _refusing(user.username):
            verified = webauthn.verify_authentication_response(
                credential=answer.credential,
                expected_challenge=challenge,
                expected_rp_id=passkeys.site,
                expected_origin=passkeys.origin,
                credential_public_key=base64url_to_bytes(passkey.public_key),
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        _spend(passkeys, challenge)
        passkey.sign_count, passkey.last_used_at = verified.new_sign_count, clock.now()
        tokens = session_logic.start_session(tools, origin, user)
        audit_logic.record(tools.audit, "login", actor=user, subject=user, details={"passkey": True})
    _log.info("logged in by a passkey", extra={"user_id": str(user.id), "ip": origin.ip})
    return tokens


def clean_up(passkeys: Passkeys) -> None:
    """Delete the challenges that were answered so long ago that they have expired."""
    with passkeys.storage.transaction():
        passkeys.storage.delete_spent(clock.now() - 2 * timedelta(seconds=CHALLENGE_SECONDS))


def _seal(passkeys: Passkeys, purpose: str, challenge: bytes) -> str:
    return passkeys.tickets.encrypt(f"passkey {purpose}:{bytes_to_base64url(challenge)}")


def _open(passkeys: Passkeys, purpose: str, token: str) -> bytes:
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
def _refusing(username: str) -> Iterator[None]:
    """Raise InvalidPasskey for an answer that does not verify."""
    try:
        yield
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        _log.info("passkey refused", extra={"username": username, "reason": type(error).__name__})
        raise InvalidPasskey from None


def _tell(tools: Tools, user_id: UUID, what: str) -> None:
    user = tools.users.find_user(user_id)
    if user is not None:
        tell(tools, user, what)
