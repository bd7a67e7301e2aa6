"""Queries on sessions, their refresh tokens and the feed of ended sessions."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from auth_service.auth_models import EndedSession, LoginSession, RefreshToken
from shared.db.database import Storage
from shared.db.keyset import newest_first
from shared.security.tokens import Revocations


class SessionStorage(Storage):
    """Queries on sessions, refresh tokens and ended sessions."""

    def find_refresh_token_to_change(self, digest: str) -> RefreshToken | None:
        """Return the refresh token with this SHA-256, locked until the transaction ends."""
        return self._session.scalar(select(RefreshToken).where(RefreshToken.digest == digest).with_for_update())

    def has_refresh_token(self, digest: str) -> bool:
        """Return whether a refresh token with this SHA-256 exists, used or not."""
        return self._session.scalar(select(RefreshToken.digest).where(RefreshToken.digest == digest)) is not None

    def find_session(self, session_id: UUID) -> LoginSession | None:
        """Return the session with this id, also when it has ended or expired."""
        return self._session.get(LoginSession, session_id)

    def is_alive(self, session_id: UUID) -> bool:
        """Return whether a session with this id exists and has not been ended. Expiry is not checked."""
        query = select(LoginSession.id).where(LoginSession.id == session_id, LoginSession.ended_at.is_(None))
        return self._session.scalar(query) is not None

    def list_alive(
        self, user_id: UUID, now: datetime, *, limit: int, after: tuple[datetime, UUID] | None
    ) -> Sequence[LoginSession]:
        """Return a user's active sessions, newest first, from behind `after`, a (created_at, id) pair."""
        query = select(LoginSession).where(
            LoginSession.user_id == user_id, LoginSession.ended_at.is_(None), LoginSession.expires_at > now
        )
        return self._session.scalars(
            newest_first(query, (LoginSession.created_at, LoginSession.id), limit, after)
        ).all()

    def end_sessions(
        self, user_id: UUID, now: datetime, *, only: UUID | None = None, all_but: UUID | None = None
    ) -> list[UUID]:
        """End a user's sessions (`only` one, or `all_but` one), add them to the feed and return their ids."""
        query = update(LoginSession).where(LoginSession.user_id == user_id, LoginSession.ended_at.is_(None))
        if only:
            query = query.where(LoginSession.id == only)
        if all_but:
            query = query.where(LoginSession.id != all_but)
        ended = list(self._session.scalars(query.values(ended_at=now).returning(LoginSession.id)))
        if ended:
            rows = [{"session_id": session_id, "ended_at": now} for session_id in ended]
            self._session.execute(insert(EndedSession), rows)
        return ended

    def record_use(self, used_at: Mapping[UUID, datetime], least_change: timedelta) -> None:
        """Update the last use of sessions that have not ended, where it is later by at least `least_change`."""
        query = (
            update(LoginSession)
            .where(LoginSession.id == bindparam("session_id"), LoginSession.ended_at.is_(None))
            .where(LoginSession.last_used_at <= bindparam("stale_at"))
            .values(last_used_at=bindparam("used_at"))
        )
        rows = [
            {"session_id": session_id, "used_at": at, "stale_at": at - least_change}
            for session_id, at in sorted(used_at.items())
        ]
        self._session.connection().execute(query, rows)

    def find_last_ended(self) -> int:
        """Return the highest sequence number of the feed, or 0 when it is empty."""
        return self._session.scalar(select(func.max(EndedSession.sequence))) or 0

    def list_ended(self, *, after: int, since: datetime, always_since: datetime) -> Sequence[UUID]:
        """Return sessions with sequences above `after` that ended since `since`, and all ended since `always_since`."""
        fresh = (EndedSession.sequence > after) & (EndedSession.ended_at >= since)
        query = select(EndedSession.session_id).where(or_(fresh, EndedSession.ended_at >= always_since))
        return self._session.scalars(query.order_by(EndedSession.sequence)).all()

    def delete_older(self, before: datetime) -> None:
        """Delete sessions that ended or expired before `before`, their refresh tokens and their feed entries."""
        self._session.execute(
            delete(LoginSession).where(or_(LoginSession.ended_at < before, LoginSession.expires_at < before))
        )
        self._session.execute(delete(EndedSession).where(EndedSession.ended_at < before))


class StoredRevocations(Revocations):
    """Revocations read directly from the session table, so that the auth service needs no polling."""

    def __init__(self, storage: SessionStorage) -> None:
        super().__init__(lambda cursor: (cursor, ()))
        self._storage = storage

    def __contains__(self, session_id: UUID) -> bool:
        return not self._storage.is_alive(session_id)
