"""The login in one or two steps: the password, then the second factor where the user has one."""

import hashlib
from uuid import UUID

from auth_service import auth_logic, session_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import User
from auth_service.auth_schemas import Login, Tokens
from auth_service.second_factor import second_factor_logic
from auth_service.second_factor.second_factor_logic import MfaRequired, SecondFactors
from auth_service.second_factor.second_factor_schemas import SecondStep
from shared.core.errors import InvalidCredentials, InvalidToken
from shared.security.encryption import UnknownKey

TICKET_SECONDS = 300


def log_in(tools: Tools, factors: SecondFactors, credentials: Login) -> Tokens:
    """Authenticate a user and start a session.

    Raises InvalidCredentials, LockedOut, and only after the right password MfaRequired or InvalidOtp.
    """
    user = tools.users.find_by_username(credentials.username)
    name, password = credentials.username, credentials.password
    if not auth_logic.check_password(tools, name, user, password, action="login") or user is None:
        raise InvalidCredentials
    user = _renew_hash(tools, user, password)
    if user.mfa_enabled and credentials.otp is None:
        methods = second_factor_logic.methods(factors, user)
        raise MfaRequired(details={"mfa_token": _ticket(factors, user), "methods": methods})
    return _prove_and_start(tools, factors, user, credentials.otp)


def finish(tools: Tools, factors: SecondFactors, step: SecondStep) -> Tokens:
    """Start a session after the second step of a login. Raises InvalidToken for a late or used up first step,
    InvalidOtp, LockedOut."""
    return _prove_and_start(tools, factors, user_of(tools, factors, step.mfa_token), step.otp)


def _prove_and_start(tools: Tools, factors: SecondFactors, user: User, otp: str | None) -> Tokens:
    if user.mfa_enabled:
        second_factor_logic.prove(tools, factors, user, otp or "", action="login")
    return start(tools, user)


def start(tools: Tools, user: User, **how: bool) -> Tokens:
    """Start a session of a user who has proven the password and the second factor, unless they have changed meanwhile.

    `how` is added to the entry of the audit trail. Raises InvalidCredentials.
    """
    tokens = None
    with tools.transaction():
        present = auth_logic.lock_unchanged_user(tools, user)
        if present is not None and present.mfa_enabled == user.mfa_enabled:
            tokens = session_logic.start_session(tools, present)
            how |= {"second_factor": True} if present.mfa_enabled else {}
            audit_logic.record(tools.audit, "login", actor=present, subject=present, details=how)
    if tokens is None:
        reason = {"reason": "changed meanwhile"}
        audit_logic.record(tools.audit, "login", subject=user, outcome="failure", details=reason)
        raise InvalidCredentials
    return tokens


def _renew_hash(tools: Tools, user: User, password: str) -> User:
    """Hash the proven password of `user` anew if the stored hash has parameters of an earlier time."""
    if not tools.passwords.needs_rehash(user.password_hash):
        return user
    password_hash = tools.hash(password)
    with tools.transaction():
        present = auth_logic.lock_unchanged_user(tools, user)
        if present is None:
            return user
        present.password_hash = password_hash
    return present


def _ticket(factors: SecondFactors, user: User) -> str:
    """Return a text that proves the right password of `user` for TICKET_SECONDS, as long as it stays the same."""
    return factors.tickets.encrypt(f"{user.id}:{_fingerprint(user)}")


def user_of(tools: Tools, factors: SecondFactors, ticket: str) -> User:
    """Return the user whose right password a ticket proves. Raises InvalidToken for a late or used up one."""
    try:
        user_id, _, fingerprint = factors.tickets.decrypt(ticket, max_age_seconds=TICKET_SECONDS).partition(":")
        user = tools.users.find_user(UUID(user_id))
    except (UnknownKey, ValueError):  # a token of passkeys has the same key, and no id of a user
        raise InvalidToken("Too much time has passed. Enter your password again.") from None
    if user is None or user.status != "active" or not user.mfa_enabled or _fingerprint(user) != fingerprint:
        raise InvalidToken("Your login has changed meanwhile. Enter your password again.")
    return user


def _fingerprint(user: User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:32]
