"""Authentication rules: users by password, services by client secret, lockout after repeated failures."""

import hashlib
import hmac
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from auth_service.audit import audit_logic
from auth_service.audit.audit_storage import AuditStorage
from auth_service.auth_models import Lockout, User
from auth_service.auth_schemas import ClientCredentials, IssuedToken
from auth_service.auth_storage import EncryptedColumns, LinkStorage, LockoutStorage, UserStorage
from auth_service.mail.mail_storage import MailStorage
from auth_service.session_storage import SessionStorage
from shared.core import clock, periods
from shared.core.errors import CannotStart, InvalidCredentials, InvalidRequest, InvalidToken, Refused, TooManyRequests
from shared.db.outages import rerun_when_aborted
from shared.security.encryption import UnknownKey
from shared.security.passwords import Passwords, why_too_common
from shared.security.token_signer import LIFETIME_SECONDS, TokenSigner
from shared.web.access import Caller, require_fresh_second_factor

FAILURES_ALLOWED = 5
LONGEST_LOCKOUT = timedelta(minutes=15)
FAILURES_REMEMBERED = timedelta(days=1)
ENCRYPTED_AT_ONCE = 500
SCOPES = {
    "account-service": frozenset(
        {"audit:write", "names:read", "permissions:read", "revocations:read", "sessions:report", "users:read"}
    ),
    "transaction-service": frozenset(
        {
            "audit:write",
            "names:read",
            "permissions:read",
            "postings:read",
            "postings:write",
            "revocations:read",
            "sessions:report",
        }
    ),
    "reporting-service": frozenset(
        {
            "audit:write",
            "mails:write",
            "revocations:read",
            "sessions:report",
            "statistics:read",
            "transactions:read",
            "users:read",
        }
    ),
    "api-gateway": frozenset(
        {"audit:write", "outbox:read", "revocations:read", "sessions:report", "transactions:submit"}
    ),
}
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class WrongPassword(Refused):
    """400: the current password of a logged-in user is wrong. Clients would log the user out after a 401."""

    code = "INVALID_CREDENTIALS"
    message = "The current password is wrong. Enter it again."


class LockedOut(TooManyRequests):
    """429: too many failed attempts in a row for a username. Unknown usernames are locked alike."""

    code = "TOO_MANY_ATTEMPTS"
    message = "The password was wrong too often. Wait, then try again."


class InvalidClient(InvalidCredentials):
    """401: the client id or the client secret of a service is wrong (RFC 6749, section 5.2)."""

    code = "INVALID_CLIENT"
    message = "The client is unknown, or its secret is wrong."


class InvalidScope(Refused):
    """400: a service asks for a scope that it is not allowed (RFC 6749, section 5.2)."""

    code = "INVALID_SCOPE"
    message = "The client may not have that scope. Leave scope out for all that it may have."


@dataclass(frozen=True)
class Tools:
    """The storages and security components that the rules of this service use."""

    users: UserStorage
    lockouts: LockoutStorage
    sessions: SessionStorage
    links: LinkStorage
    mails: MailStorage
    passwords: Passwords
    signer: TokenSigner
    audit: AuditStorage
    client_digests: Mapping[str, str]
    """For each service the SHA-256 of its secret, in hexadecimal, or of several with commas."""
    admin_requires_mfa: bool = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open one transaction over all storages, which share a session."""
        with self.users.transaction():
            yield

    def hash(self, password: str) -> str:
        """Hash a password. Ends the read transaction first, so that no connection is held while hashing."""
        self.users.refresh()
        return self.passwords.hash(password)


def notify(tools: Tools, user: User, kind: str, **facts: str) -> None:
    """Queue a mail of this kind about the login of a user. Call it inside the transaction of what it tells."""
    tools.mails.add_mail(kind, user.email, username=user.username, at=periods.to_text(clock.now()), **facts)


def check_password(
    tools: Tools, username: str, user: User | None, password: str, *, action: str = "password.check"
) -> bool:
    """Check the password of `user`, who is the user with the name `username`, or None when there is none.

    Return True only for the correct password of an active user. Unknown users, wrong passwords and disabled users give
    the same result after the same time, so that an attacker can't confirm the password of a disabled user. Each counts
    as a failure of that username, and is audited as `action`. Raises LockedOut after too many failures, also for the
    correct password.

    The correct password clears the failures of a user without a second factor. With one only a code does, since
    somebody who knows the password could otherwise guess codes without end.
    """
    with _auditing_refusals(tools, user, action):
        _require_not_locked(tools.lockouts.find_lockout(_digest(username)))
    tools.users.refresh()
    matches = tools.passwords.matches(password, user.password_hash if user else None)
    proven = matches and user is not None and user.status == "active"
    attempt(tools, username, user, lambda: proven, action=action, clears_failures=not (user and user.mfa_enabled))
    return proven


def require_password(
    tools: Tools, user: User, password: str, *, field: str = "current_password", action: str = "password.check"
) -> None:
    """Require the password of a logged-in user. Raises LockedOut, and WrongPassword, which names `field`."""
    if not check_password(tools, user.username, user, password, action=action):
        raise WrongPassword(details={field: "is wrong; enter it again"})


def attempt(
    tools: Tools,
    username: str,
    user: User | None,
    check: Callable[[], _T | None],
    *,
    action: str,
    what: str = "password",
    clears_failures: bool = True,
) -> _T | None:
    """Run the check of a credential in a transaction. Return its result, which is true if the credential is right.

    FAILURES_ALLOWED failures in a row lock the username; a success deletes them, if it `clears_failures`. Failures are
    audited as `action`, with `what` was wrong. Raises LockedOut for attempts that come after the username was locked,
    without their outcome: many concurrent ones pass an earlier check of the lockout.
    """
    with _auditing_refusals(tools, user, action):
        return _attempt(tools, username, user, check, action=action, what=what, clears_failures=clears_failures)


def lock_unchanged_user(tools: Tools, user: User) -> User | None:
    """Lock and return the current row of an authenticated user, or None if password or status changed since.

    Call it inside a transaction.
    """
    present = tools.users.find_user_to_change(user.id)
    if present is None or present.status != "active" or present.password_hash != user.password_hash:
        return None
    return present


def own_user(tools: Tools, caller: Caller) -> User:
    """Return the caller's row. Raises InvalidToken when it is gone."""
    return _require_own(tools.users.find_user(caller.user_id))


def own_user_to_change(tools: Tools, caller: Caller) -> User:
    """Return the caller's row, locked until the transaction ends. Raises InvalidToken when the session has ended.

    It may have ended since the token was verified. Whoever ends all sessions of a user locks the row first, so that
    nothing that needs a session is changed afterwards.
    """
    user = _require_own(tools.users.find_user_to_change(caller.user_id))
    if not tools.sessions.is_alive(caller.session_id):
        raise InvalidToken
    return user


def require_fresh_factor(tools: Tools, caller: Caller) -> None:
    """Raise StepUpRequired unless a user with a second factor has proven it in this session within STEP_UP_SECONDS.

    The database decides, since a token from before the first second factor does not name one.
    """
    user, session = own_user(tools, caller), tools.sessions.find_session(caller.session_id)
    proven_at = session.second_factor_at if session else None
    seconds = proven_at.timestamp() if proven_at else 0.0
    require_fresh_second_factor(replace(caller, second_factor_at=seconds if user.mfa_enabled else None))


def clear_failures(tools: Tools, username: str) -> None:
    """Delete the failed attempts of a username, which also ends its lockout. Call it inside a transaction."""
    tools.lockouts.delete_lockout(_digest(username))


def locked_until(tools: Tools, usernames: Iterable[str]) -> dict[str, datetime]:
    """Return the end of the lockout for each of the usernames that is locked now."""
    by_digest = {_digest(name): name for name in usernames}
    found = tools.lockouts.locked_until(by_digest, clock.now())
    return {by_digest[digest]: until for digest, until in found.items()}


def locked_usernames(tools: Tools) -> set[str]:
    """Return the usernames of the users who are locked now.

    Lockouts are kept by digests of names, so they are looked for among the users whose lockout the audit trail has
    since the longest one can have begun.
    """
    return set(locked_until(tools, tools.audit.find_subjects("lockout", clock.now() - LONGEST_LOCKOUT)))


def encrypt_anew(columns: EncryptedColumns) -> None:
    """Encrypt the values that are not encrypted with the first key yet, at most ENCRYPTED_AT_ONCE in a transaction.

    Raises CannotStart when the key of a value is missing.
    """
    for column in columns.list_columns():
        is_found = True
        while is_found:
            try:
                with columns.transaction():
                    is_found = columns.encrypt_anew(column, ENCRYPTED_AT_ONCE)
            except UnknownKey:
                raise CannotStart(
                    f"AUTH_ENCRYPTION_KEYS lacks a key that {column.type.purpose} are encrypted with: add it at the "
                    "end of the list, or restore the file encryption_keys of the secrets from a backup"
                ) from None


def require_uncommon(field: str, password: str, username: str, email: str) -> None:
    """Raise InvalidRequest, naming `field`, when a new password is too easy to guess."""
    if reason := why_too_common(password, (username, email, email.partition("@")[0])):
        raise InvalidRequest(details={field: reason})


def service_token(tools: Tools, credentials: ClientCredentials) -> IssuedToken:
    """Issue a service token for client credentials (RFC 6749, section 4.4). Raises InvalidClient, InvalidScope."""
    digest = hashlib.sha256(credentials.client_secret.encode()).hexdigest()
    known = tools.client_digests.get(credentials.client_id, "").split(",")
    if credentials.client_id not in SCOPES or not any(hmac.compare_digest(digest, one) for one in known):
        # Audited too: whoever starts a service with a wrong secret looks here, and may not be able to log in.
        _log.warning("service token refused: unknown client id or wrong client secret")
        client_id = credentials.client_id if credentials.client_id in SCOPES else "unknown"
        audit_logic.record(tools.audit, "service_token", outcome="refused", details={"client_id": client_id})
        raise InvalidClient
    granted = frozenset(credentials.scope.split()) if credentials.scope else SCOPES[credentials.client_id]
    if not granted <= SCOPES[credentials.client_id]:
        raise InvalidScope
    return IssuedToken(
        access_token=tools.signer.sign_service(credentials.client_id, granted),
        expires_in=LIFETIME_SECONDS,
        scope=" ".join(sorted(granted)),
    )


@rerun_when_aborted
def _attempt(
    tools: Tools,
    username: str,
    user: User | None,
    check: Callable[[], _T | None],
    *,
    action: str,
    what: str,
    clears_failures: bool,
) -> _T | None:
    now, digest = clock.now(), _digest(username)
    with tools.transaction():
        lockout = tools.lockouts.find_lockout_to_change(digest)
        _require_not_locked(lockout)
        if result := check():
            if clears_failures:
                tools.lockouts.delete_lockout(digest)
            return result
        if lockout is None:
            lockout = Lockout(name_digest=digest, failures=0, failed_at=now)
            tools.lockouts.insert(lockout)
        lockout.failures += 1
        lockout.failed_at = now
        _audit_failure(tools, user, action, what, failures=lockout.failures)
        if lockout.failures >= FAILURES_ALLOWED:
            lockout.locked_until = now + _lockout_duration(lockout.failures)
    return None


@contextmanager
def _auditing_refusals(tools: Tools, user: User | None, action: str) -> Iterator[None]:
    try:
        yield
    except LockedOut:
        audit_logic.record(tools.audit, action, subject=user, outcome="refused", details={"reason": "locked"})
        raise


def _audit_failure(tools: Tools, user: User | None, action: str, what: str, *, failures: int) -> None:
    """Write who could not log in, and a lockout that begins. Unknown usernames are left out: they may be passwords."""
    reason = "unknown username" if user is None else f"wrong {what}" if user.status == "active" else "disabled"
    details = {"reason": reason, "failures_in_a_row": failures}
    audit_logic.record(tools.audit, action, subject=user, outcome="failure", details=details)
    if failures >= FAILURES_ALLOWED:
        audit_logic.record(tools.audit, "lockout", subject=user, details={"failures_in_a_row": failures})


def _lockout_duration(failures: int) -> timedelta:
    """Return the lockout after that many failures: 1, 2, 4, … minutes, at most LONGEST_LOCKOUT."""
    doublings = min(failures - FAILURES_ALLOWED, 10)
    return min(timedelta(minutes=2**doublings), LONGEST_LOCKOUT)


def _require_not_locked(lockout: Lockout | None) -> None:
    if lockout is None or lockout.locked_until is None:
        return
    left_seconds = (lockout.locked_until - clock.now()).total_seconds()
    if left_seconds > 0:
        raise LockedOut(
            f"The password was wrong too often. Try again in {periods.wait_text(left_seconds)}.",
            retry_after_seconds=math.ceil(left_seconds),
        )


def _require_own(user: User | None) -> User:
    if user is None:
        raise InvalidToken
    return user


def _digest(username: str) -> str:
    return hashlib.sha256(username.lower().encode()).hexdigest()
