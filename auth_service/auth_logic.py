"""Proving who one is: people by their password, services by their secret."""

import hashlib
import hmac
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_service.auth_models import Lockout, User
from auth_service.auth_schemas import ClientCredentials, IssuedToken
from auth_service.auth_storage import LockoutStorage, UserStorage
from auth_service.session_storage import SessionStorage
from shared.core import clock, periods
from shared.core.errors import InvalidCredentials, InvalidRequest, Refused, TooManyRequests
from shared.db.outages import rerun_when_aborted
from shared.security.passwords import Passwords, why_too_common
from shared.security.token_signer import LIFETIME_SECONDS, TokenSigner

FAILURES_ALLOWED = 5
LONGEST_LOCKOUT = timedelta(minutes=15)
FAILURES_REMEMBERED = timedelta(days=1)
SCOPES = {
    "account-service": frozenset({"revocations:read", "sessions:report", "users:read"}),
    "transaction-service": frozenset({"revocations:read", "sessions:report", "postings:read", "postings:write"}),
    "reporting-service": frozenset({"revocations:read", "sessions:report", "statistics:read"}),
    "api-gateway": frozenset({"revocations:read", "sessions:report", "transactions:submit"}),
}
_log = logging.getLogger(__name__)


class WrongPassword(Refused):
    """400: a logged-in person did not prove themselves anew. Not a 401, upon which clients would log them out."""

    code = "INVALID_CREDENTIALS"
    message = "The current password is not right. Enter it again."


class LockedOut(TooManyRequests):
    """429: the name was not proven too often in a row; whether there is such a person is not told."""

    code = "TOO_MANY_ATTEMPTS"
    message = "The password was wrong too often. Wait, then try again."


class InvalidClient(InvalidCredentials):
    """401: no service of that name and secret."""

    code = "INVALID_CLIENT"
    message = "The client is not known, or its secret is not right."


class InvalidScope(Refused):
    """400: a scope that this service does not have."""

    code = "INVALID_SCOPE"
    message = "The client may not have that scope. Leave scope out for all that it may have."


@dataclass(frozen=True)
class Tools:
    """What the rules of this service work with."""

    users: UserStorage
    lockouts: LockoutStorage
    sessions: SessionStorage
    passwords: Passwords
    signer: TokenSigner

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction over all three storages, which share a database."""
        with self.users.transaction():
            yield

    def hash(self, password: str) -> str:
        """See Passwords.hash. No transaction and no connection is kept meanwhile."""
        self.users.refresh()
        return self.passwords.hash(password)


@dataclass(frozen=True)
class Origin:
    """Where a request comes from, as its session remembers it."""

    ip: str
    user_agent: str


def is_proven(tools: Tools, origin: Origin, username: str, user: User | None, password: str) -> bool:
    """Whether this is the password of `user`, the active person called `username`.

    Someone unknown, a wrong password and a disabled person can't be told apart, by the answer or by its time: who has
    found a password of a disabled person must not learn that it is right. Each counts as a failure of that name. Raises
    LockedOut after too many, even for the right password.
    """
    digest = _digest(username)
    _require_not_locked(tools.lockouts.find_lockout(digest))
    tools.users.refresh()
    matches = tools.passwords.matches(password, user.password_hash if user else None)
    proven = matches and user is not None and user.status == "active"
    _count(tools, digest, proven=proven)
    if not proven:
        _log.info("password refused", extra={"user_id": str(user.id) if user else None, "ip": origin.ip})
    return proven


def find_unchanged(tools: Tools, user: User) -> User | None:
    """In a transaction: the present row of someone proven just before, unless they were changed in between."""
    present = tools.users.find_user_to_change(user.id)
    if present is None or present.status != "active" or present.password_hash != user.password_hash:
        return None
    return present


def forget_failures(tools: Tools, username: str) -> None:
    """In a transaction: let the person of that name try again at once."""
    tools.lockouts.delete_lockout(_digest(username))


def locked_until(tools: Tools, usernames: Iterable[str]) -> dict[str, datetime]:
    """Until when those of these names that are locked are so."""
    by_digest = {_digest(name): name for name in usernames}
    found = tools.lockouts.locked_until(by_digest, clock.real_now())
    return {by_digest[digest]: until for digest, until in found.items()}


def require_uncommon(field: str, password: str, username: str, email: str) -> None:
    """Raise InvalidRequest when a new password would be among the first that somebody tries."""
    if reason := why_too_common(password, (username, email, email.partition("@")[0])):
        raise InvalidRequest(details={field: reason})


def service_token(tools: Tools, client_digests: Mapping[str, str], given: ClientCredentials) -> IssuedToken:
    """A token for a service that knows its secret; `client_digests` has the SHA-256 of each, in hexadecimal."""
    digest = hashlib.sha256(given.client_secret.encode()).hexdigest()
    if not hmac.compare_digest(digest, client_digests.get(given.client_id, "")) or given.client_id not in SCOPES:
        _log.warning("service refused: wrong name or secret")
        raise InvalidClient
    granted = frozenset(given.scope.split()) if given.scope else SCOPES[given.client_id]
    if not granted <= SCOPES[given.client_id]:
        raise InvalidScope
    return IssuedToken(
        access_token=tools.signer.sign_service(given.client_id, granted),
        expires_in=LIFETIME_SECONDS,
        scope=" ".join(sorted(granted)),
    )


@rerun_when_aborted
def _count(tools: Tools, digest: str, *, proven: bool) -> None:
    """Write down how an attempt ended.

    Looks again whether the name is locked: of many attempts begun at once, only the first few may learn their outcome.
    """
    now = clock.real_now()
    with tools.transaction():
        lockout = tools.lockouts.find_lockout_to_change(digest)
        _require_not_locked(lockout)
        if proven:
            tools.lockouts.delete_lockout(digest)
            return
        if lockout is None:
            lockout = Lockout(name_digest=digest, failures=0, failed_at=now)
            tools.lockouts.add_lockout(lockout)
        lockout.failures += 1
        lockout.failed_at = now
        if lockout.failures >= FAILURES_ALLOWED:
            lockout.locked_until = now + _delay(lockout.failures)


def _delay(failures: int) -> timedelta:
    """1, 2, 4, … minutes."""
    doublings = min(failures - FAILURES_ALLOWED, 10)
    return min(timedelta(minutes=2**doublings), LONGEST_LOCKOUT)


def _require_not_locked(lockout: Lockout | None) -> None:
    if lockout is None or lockout.locked_until is None:
        return
    left_seconds = (lockout.locked_until - clock.real_now()).total_seconds()
    if left_seconds > 0:
        _log.info("attempt refused: the name is locked")
        raise LockedOut(
            f"The password was wrong too often. Try again in {periods.in_words(left_seconds)}.",
            retry_after_seconds=math.ceil(left_seconds),
        )


def _digest(username: str) -> str:
    return hashlib.sha256(username.lower().encode()).hexdigest()
