"""The rules of sessions: they begin with a login, go on with each refresh, and end everywhere at once."""

import hashlib
import logging
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from auth_service import auth_logic
from auth_service.auth_logic import Origin, Tools
from auth_service.auth_models import LoginSession, RefreshToken, User
from auth_service.auth_schemas import Login, PasswordChange, Tokens
from shared.core import clock
from shared.core.errors import InvalidCredentials, InvalidRequest, InvalidToken, NotFound, TokenExpired
from shared.db.outages import rerun_when_aborted
from shared.security.token_signer import LIFETIME_SECONDS
from shared.web import cursors
from shared.web.access import Caller
from shared.web.cursors import Page, Pagination

UNUSED_LIFETIME = timedelta(days=30)
REFRESH_GRACE = timedelta(seconds=10)
FEED_REACHES_BACK = timedelta(hours=2)
FEED_REPEATS = timedelta(seconds=10)
RECORDS_KEPT = timedelta(days=1)
USE_WRITTEN_EVERY = timedelta(seconds=25)
ENDED = "The session has ended. Please log in again."
_log = logging.getLogger(__name__)


def log_in(tools: Tools, origin: Origin, given: Login) -> Tokens:
    """Begin a session. Raises InvalidCredentials, LockedOut."""
    user = tools.users.find_by_username(given.username)
    if not auth_logic.is_proven(tools, origin, given.username, user, given.password) or user is None:
        raise InvalidCredentials
    tokens = None
    with tools.transaction():
        present = auth_logic.find_unchanged(tools, user)
        if present:
            tokens = _begin(tools, origin, present)
    if tokens is None:
        raise InvalidCredentials
    _log.info("logged in", extra={"user_id": str(user.id), "ip": origin.ip})
    return tokens


def refresh(tools: Tools, refresh_token: str) -> Tokens:
    """Return the next tokens of a session. Raises InvalidToken, TokenExpired.

    A refresh token has one successor. Within REFRESH_GRACE of the first use the same token is answered with it again:
    several tabs refresh at once, and a client whose answer was lost asks again. A later use means that two hold the
    token, one of whom has stolen it: the session ends.
    """
    now = clock.real_now()
    tokens = None
    with tools.transaction():
        token = tools.sessions.find_refresh_token_to_change(_digest(refresh_token))
        session = tools.sessions.find_session(token.session_id) if token else None
        user = tools.users.find_user_to_change(session.user_id) if session else None
        if token is None or session is None or user is None:
            raise InvalidToken
        successor = tools.signer.successor_of(refresh_token)
        if token.used_at is None:
            _require_alive(tools, session, now)
            token.used_at = session.last_used_at = now
            _keep_refresh_token(tools, session, successor)
            tokens = _tokens(tools, session, user, successor)
        elif _is_repeated(tools, token, successor, now):
            _require_alive(tools, session, now)
            tokens = _tokens(tools, session, user, successor)
        else:
            tools.sessions.end_sessions(user.id, now, only=session.id)
    if tokens is None:
        _log.warning("refresh token used again too late: the session has ended", extra={"user_id": str(user.id)})
        raise InvalidToken(ENDED)
    return tokens


def log_out(tools: Tools, caller: Caller) -> None:
    """End the caller's session."""
    with tools.transaction():
        tools.sessions.end_sessions(caller.user_id, clock.real_now(), only=caller.session_id)
    _log.info("logged out", extra={"user_id": str(caller.user_id)})


def list_sessions(tools: Tools, caller: Caller, page: Page) -> tuple[list[LoginSession], Pagination]:
    """A page of the caller's sessions, newest first."""
    rows = tools.sessions.list_alive(
        caller.user_id,
        clock.real_now(),
        limit=page.limit + 1,
        after=cursors.decode(page.cursor, datetime, UUID),
    )
    return cursors.paginate(list(rows), page.limit, "created_at", "id")


def end_session(tools: Tools, caller: Caller, session_id: UUID) -> None:
    """End one session of the caller's. Raises NotFound when it is not theirs or has ended."""
    with tools.transaction():
        ended = tools.sessions.end_sessions(caller.user_id, clock.real_now(), only=session_id)
    if not ended:
        raise NotFound("There is no such session.")
    _log.info("session ended", extra={"user_id": str(caller.user_id)})


def change_password(tools: Tools, origin: Origin, caller: Caller, change: PasswordChange) -> None:
    """Change the caller's password and end their other sessions. Raises WrongPassword, LockedOut, InvalidRequest."""
    user = tools.users.find_user(caller.user_id)
    if user is None:
        raise InvalidToken
    auth_logic.require_uncommon("new_password", change.new_password, user.username, user.email)
    if change.new_password == change.current_password:
        raise InvalidRequest(details={"new_password": "must differ from the current password"})
    if not auth_logic.is_proven(tools, origin, user.username, user, change.current_password):
        raise auth_logic.WrongPassword(details={"current_password": "is not right; enter it again"})
    password_hash = tools.hash(change.new_password)
    with tools.transaction():
        present = auth_logic.find_unchanged(tools, user)
        if present is None:
            raise auth_logic.WrongPassword(details={"current_password": "is not right; enter it again"})
        present.password_hash = password_hash
        tools.sessions.end_sessions(user.id, clock.real_now(), all_but=caller.session_id)
    _log.info("password changed", extra={"user_id": str(user.id), "ip": origin.ip})


def ended_since(tools: Tools, after: int) -> tuple[int, list[UUID]]:
    """The feed: its cursor, and the sessions that have ended since the cursor `after`; from 0, those of two hours.

    Access tokens live one hour, so what ended longer ago is past. The last ten seconds are told again: on PostgreSQL a
    lower number may be committed after a higher one. A cursor that is ahead of the feed begins anew: the database is
    another one, or was restored.
    """
    now = clock.real_now()
    cursor = tools.sessions.find_last_ended()
    ended = tools.sessions.list_ended(
        after=after if after <= cursor else 0, since=now - FEED_REACHES_BACK, always_since=now - FEED_REPEATS
    )
    return cursor, list(ended)


@rerun_when_aborted
def note_use(tools: Tools, seconds_ago: Mapping[UUID, float]) -> None:
    """Remember when sessions were last used, as each service reports it every half minute.

    Several services report the same session, so a change of less than USE_WRITTEN_EVERY is not written.
    """
    now = clock.real_now()
    used_at = {session_id: now - timedelta(seconds=ago) for session_id, ago in seconds_ago.items()}
    if used_at:
        with tools.transaction():
            tools.sessions.note_use(used_at, USE_WRITTEN_EVERY)


def clean_up(tools: Tools) -> None:
    """Forget what no longer matters: sessions that are over, failures of long ago."""
    now = clock.real_now()
    with tools.transaction():
        tools.sessions.delete_older(now - RECORDS_KEPT)
        tools.lockouts.delete_older(now - auth_logic.FAILURES_REMEMBERED)


def _begin(tools: Tools, origin: Origin, user: User) -> Tokens:
    now = clock.real_now()
    session = LoginSession(
        id=uuid4(),
        user_id=user.id,
        ip=origin.ip,
        user_agent=origin.user_agent,
        created_at=now,
        last_used_at=now,
        expires_at=now + UNUSED_LIFETIME,
    )
    tools.sessions.add_session(session)
    refresh_token = secrets.token_urlsafe(32)
    _keep_refresh_token(tools, session, refresh_token)
    return _tokens(tools, session, user, refresh_token)


def _keep_refresh_token(tools: Tools, session: LoginSession, refresh_token: str) -> None:
    session.expires_at = session.last_used_at + UNUSED_LIFETIME
    tools.sessions.add_refresh_token(RefreshToken(digest=_digest(refresh_token), session_id=session.id))


def _is_repeated(tools: Tools, token: RefreshToken, successor: str, now: datetime) -> bool:
    """Whether a used token comes again within the grace, and what was given for it then is what would be given now.

    It is not when the signing key was replaced in between. A clock that is set back must not prolong the grace.
    """
    if token.used_at is None or abs(now - token.used_at) > REFRESH_GRACE:
        return False
    return tools.sessions.has_refresh_token(_digest(successor))


def _tokens(tools: Tools, session: LoginSession, user: User, refresh_token: str) -> Tokens:
    return Tokens(
        token=tools.signer.sign_user(user_id=user.id, session_id=session.id, username=user.username, role=user.role),
        refresh_token=refresh_token,
        expires_in=LIFETIME_SECONDS,
        user_id=user.id,
        username=user.username,
        role=user.role,
    )


def _require_alive(tools: Tools, session: LoginSession, now: datetime) -> None:
    if not tools.sessions.is_alive(session.id):  # asked anew: it may have ended while this waited for its person's row
        raise InvalidToken(ENDED)
    if session.expires_at <= now:
        raise TokenExpired


def _digest(refresh_token: str) -> str:
    return hashlib.sha256(refresh_token.encode()).hexdigest()
