"""Session rules: start, refresh token rotation, logout, password change and the feed of ended sessions."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from auth_service import auth_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import LoginSession, RefreshToken, User
from auth_service.auth_schemas import PasswordChange, Tokens
from shared.core import clock
from shared.core.errors import InvalidRequest, InvalidToken, NotFound, TokenExpired
from shared.core.user_agents import device_name
from shared.db.outages import rerun_when_aborted
from shared.http import origins
from shared.security.token_signer import LIFETIME_SECONDS
from shared.web import cursors
from shared.web.access import Caller
from shared.web.cursors import Page, Pagination

UNUSED_LIFETIME = timedelta(days=30)
LONGEST_LIFETIME = timedelta(days=90)
REFRESH_GRACE = timedelta(seconds=10)
FEED_WINDOW = timedelta(hours=2)
FEED_OVERLAP = timedelta(seconds=10)
RETENTION = timedelta(days=1)
USE_WRITE_INTERVAL = timedelta(seconds=25)
ENDED = "The session has ended. Please log in again."


def start_session(tools: Tools, user: User) -> Tokens:
    """Start a session of a user who has proven their password and, if they have one, their second factor.

    Call it inside a transaction.
    """
    now, origin = clock.now(), origins.current()
    _notice_device(tools, user, origin.user_agent)
    session = LoginSession(
        ip=origin.address,
        user_agent=origin.user_agent,
        created_at=now,
        second_factor_at=now if user.mfa_enabled else None,
    )
    return _begin(tools, session, user)


@rerun_when_aborted
def refresh(tools: Tools, refresh_token: str) -> Tokens:
    """Rotate the refresh token of a session and return new tokens. Raises InvalidToken, TokenExpired.

    Within REFRESH_GRACE of the first use, the same refresh token returns the same successor again: several tabs may
    refresh at the same time, and a client whose response was lost retries. A later reuse means that the token was
    stolen, so it ends the session (RFC 9700, section 4.14.2).
    """
    now = clock.now()
    tokens = None
    with tools.transaction():
        token = tools.sessions.find_refresh_token_to_change(_digest(refresh_token))
        session = tools.sessions.find_session(token.session_id) if token else None
        user = tools.users.find_user_to_change(session.user_id) if session else None
        if token is None or session is None or user is None:
            raise InvalidToken
        if token.used_at is None:
            _require_active(tools, session, now)
            token.used_at = session.last_used_at = now
            successor = tools.signer.successor_of(refresh_token)
            _add_refresh_token(tools, session, successor)
            tokens = _issue_tokens(tools, session, user, successor)
        elif issued := _find_successor(tools, token, refresh_token, now):
            _require_active(tools, session, now)
            tokens = _issue_tokens(tools, session, user, issued)
        else:
            tools.sessions.end_sessions(user.id, now, only=session.id)
            audit_logic.record(tools.audit, "session.refresh_reuse", subject=user, outcome="refused")
    if tokens is None:
        raise InvalidToken(ENDED)
    return tokens


@rerun_when_aborted
def renew(tools: Tools, caller: Caller) -> Tokens:
    """Replace the caller's session in a transaction of its own, as `replace_session` does. Raises InvalidToken.

    It is called after a change of privilege (OWASP ASVS 5.0, 7.2.4), so that an earlier token can't be used any more.
    """
    with tools.transaction():
        return replace_session(tools, caller, auth_logic.own_user_to_change(tools, caller))


def replace_session(tools: Tools, caller: Caller, user: User) -> Tokens:
    """End the caller's session, begin one under a new id with the same login and limits, and return its tokens.

    Call it inside a transaction that has locked `user`, who is the caller. Raises InvalidToken.
    """
    before = tools.sessions.find_session(caller.session_id)
    if before is None or not tools.sessions.end_sessions(user.id, clock.now(), only=before.id):
        raise InvalidToken(ENDED)
    session = LoginSession(
        ip=before.ip,
        user_agent=before.user_agent,
        created_at=before.created_at,
        second_factor_at=before.second_factor_at,
    )
    return _begin(tools, session, user)


@rerun_when_aborted
def log_out(tools: Tools, caller: Caller) -> None:
    """End the session of the caller's token."""
    with tools.transaction():
        tools.sessions.end_sessions(caller.user_id, clock.now(), only=caller.session_id)
        audit_logic.record(tools.audit, "logout", actor=caller, subject=caller)


def list_sessions(tools: Tools, caller: Caller, page: Page) -> tuple[list[LoginSession], Pagination]:
    """Return a page of the caller's active sessions, newest first."""
    fetch = partial(tools.sessions.list_alive, caller.user_id, clock.now())
    return cursors.fetch_page(page, fetch, created_at=datetime, id=UUID)


@rerun_when_aborted
def end_session(tools: Tools, caller: Caller, session_id: UUID) -> None:
    """End one of the caller's sessions. Raises NotFound for a session that has ended or is another user's."""
    with tools.transaction():
        ended = tools.sessions.end_sessions(caller.user_id, clock.now(), only=session_id)
        if ended:
            audit_logic.record(tools.audit, "session.end", actor=caller, subject=caller)
    if not ended:
        raise NotFound("There is no such session.")


@rerun_when_aborted
def end_all_sessions(tools: Tools, caller: Caller) -> None:
    """End all sessions of the caller, this one included."""
    with tools.transaction():
        auth_logic.own_user_to_change(tools, caller)
        ended = tools.sessions.end_sessions(caller.user_id, clock.now())
        audit_logic.record(tools.audit, "session.end", actor=caller, subject=caller, details={"sessions": len(ended)})


@rerun_when_aborted
def change_password(tools: Tools, caller: Caller, change: PasswordChange) -> None:
    """Change the caller's password and end their other sessions.

    Raises WrongPassword, LockedOut, InvalidRequest, and StepUpRequired for a user with a second factor.
    """
    auth_logic.require_fresh_factor(tools, caller)
    user = auth_logic.own_user(tools, caller)
    auth_logic.require_uncommon("new_password", change.new_password, user.username, user.email)
    if change.new_password == change.current_password:
        raise InvalidRequest(details={"new_password": "must differ from the current password"})
    auth_logic.require_password(tools, user, change.current_password)
    password_hash = tools.hash(change.new_password)
    with tools.transaction():
        present = auth_logic.own_user_to_change(tools, caller)
        if present.password_hash != user.password_hash:
            raise auth_logic.WrongPassword(details={"current_password": "is wrong; enter it again"})
        present.password_hash = password_hash
        tools.sessions.end_sessions(user.id, clock.now(), all_but=caller.session_id)
        auth_logic.notify(tools, present, "password_changed", ip=origins.current().address)
        audit_logic.record(tools.audit, "password.change", actor=caller, subject=caller)


def ended_since(tools: Tools, after: int) -> tuple[int, list[UUID]]:
    """Return the next cursor of the feed and the sessions that have ended since the cursor `after`.

    The feed covers FEED_WINDOW, since access tokens expire after one hour. Sessions of the last FEED_OVERLAP are
    repeated, because on PostgreSQL a lower sequence number may be committed after a higher one. A cursor ahead of the
    feed starts from the beginning: the database was replaced or restored.
    """
    now = clock.now()
    cursor = tools.sessions.find_last_ended()
    ended = tools.sessions.list_ended(
        after=after if after <= cursor else 0, since=now - FEED_WINDOW, always_since=now - FEED_OVERLAP
    )
    return cursor, list(ended)


@rerun_when_aborted
def record_use(tools: Tools, seconds_ago: Mapping[UUID, float]) -> None:
    """Update the last use of sessions from the reports that each service sends every half minute.

    Several services report the same session, so changes of less than USE_WRITE_INTERVAL are not written.
    """
    now = clock.now()
    used_at = {session_id: now - timedelta(seconds=ago) for session_id, ago in seconds_ago.items()}
    if used_at:
        with tools.transaction():
            tools.sessions.record_use(used_at, USE_WRITE_INTERVAL)


def clean_up(tools: Tools) -> None:
    """Delete sessions that ended or expired before the retention period, and old login failures."""
    now = clock.now()
    with tools.transaction():
        tools.sessions.delete_older(now - RETENTION)
        tools.lockouts.delete_older(now - auth_logic.FAILURES_REMEMBERED)


def _notice_device(tools: Tools, user: User, user_agent: str) -> None:
    """Mail a user about a login from a kind of device that is new to them, except for their first one."""
    device = device_name(user_agent)
    is_new, is_first = tools.users.add_device(user.id, device)
    if is_new and not is_first:
        auth_logic.notify(tools, user, "new_device", device=device, ip=origins.current().address)


def _begin(tools: Tools, session: LoginSession, user: User) -> Tokens:
    """Insert a session of the user and return its first tokens."""
    session.id, session.user_id, session.last_used_at = uuid4(), user.id, clock.now()
    session.expires_at = _expiry(session)
    tools.sessions.insert(session)
    refresh_token = secrets.token_urlsafe(32)
    _add_refresh_token(tools, session, refresh_token)
    return _issue_tokens(tools, session, user, refresh_token)


def _expiry(session: LoginSession) -> datetime:
    return min(session.last_used_at + UNUSED_LIFETIME, session.created_at + LONGEST_LIFETIME)


def _add_refresh_token(tools: Tools, session: LoginSession, refresh_token: str) -> None:
    session.expires_at = _expiry(session)
    tools.sessions.insert(RefreshToken(digest=_digest(refresh_token), session_id=session.id))


def _find_successor(tools: Tools, token: RefreshToken, refresh_token: str, now: datetime) -> str | None:
    """Return the successor that was issued for a used token, if it is presented again within REFRESH_GRACE.

    The signing key may have changed since, so the successors by all keys are looked for. The difference of the times is
    absolute, so that a clock that is set back does not extend the grace period.
    """
    if token.used_at is None or abs(now - token.used_at) > REFRESH_GRACE:
        return None
    candidates = tools.signer.successors_of(refresh_token)
    return next((one for one in candidates if tools.sessions.has_refresh_token(_digest(one))), None)


def _issue_tokens(tools: Tools, session: LoginSession, user: User, refresh_token: str) -> Tokens:
    return Tokens(
        token=_issue_access_token(tools, session, user),
        refresh_token=refresh_token,
        expires_in=LIFETIME_SECONDS,
        user_id=user.id,
        username=user.username,
        role=user.role,
    )


def _issue_access_token(tools: Tools, session: LoginSession, user: User) -> str:
    """Return an access token of a session.

    For a user with a second factor it says when that was last proven in this session. For an admin without one it is
    limited to setting one up, where the settings require one.
    """
    proven_at = session.second_factor_at.timestamp() if session.second_factor_at else 0.0
    return tools.signer.sign_user(
        user_id=user.id,
        session_id=session.id,
        username=user.username,
        role=user.role,
        second_factor_at=int(proven_at) if user.mfa_enabled else None,
        is_limited=tools.admin_requires_mfa and user.role == "admin" and not user.mfa_enabled,
        permissions=None if user.permissions is None else user.permissions.split(),
    )


def _require_active(tools: Tools, session: LoginSession, now: datetime) -> None:
    if not tools.sessions.is_alive(session.id):  # it may have ended while this waited for the lock on the user's row
        raise InvalidToken(ENDED)
    if session.expires_at <= now:
        raise TokenExpired


def _digest(refresh_token: str) -> str:
    return hashlib.sha256(refresh_token.encode()).hexdigest()
