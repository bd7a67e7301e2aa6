"""Queries on the audit trail and its hash chain."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, text

from auth_service.audit.audit_models import AuditEntry, AuditLink, AuditUnchained
from auth_service.audit.audit_schemas import ExportQuery
from auth_service.auth_models import User
from shared.core.texts import folded
from shared.db.database import Storage
from shared.db.keyset import newest_first

_ORDER = (AuditEntry.timestamp, AuditEntry.sequence)


class AuditStorage(Storage):
    """Entries, links, and the usernames that entries name."""

    def joined_transaction(self) -> AbstractContextManager[None]:
        """Return the open transaction, or else one of its own."""
        return nullcontext() if self._database.open_transaction else self.transaction()

    def add_entry(self, entry: AuditEntry) -> None:
        """Add an entry, to be chained in the background."""
        self.insert(entry)
        self._session.execute(insert(AuditUnchained).values(entry_sequence=entry.sequence))

    def find_known(self, ids: Collection[UUID]) -> set[UUID]:
        """Return those of the ids that have an entry."""
        return set(self._session.scalars(select(AuditEntry.id).where(AuditEntry.id.in_(ids))))

    def find_usernames(self, ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the present username of each of the users with these ids."""
        rows = self._session.execute(select(User.id, User.username).where(User.id.in_(ids)))
        return {row.id: row.username for row in rows}

    def find_subjects(self, action: str, since: datetime) -> set[str]:
        """Return the usernames of those whom entries with this action concern, since an instant."""
        wanted = AuditEntry.action == action, AuditEntry.timestamp >= since, AuditEntry.subject.is_not(None)
        return {name for name in self._session.scalars(select(AuditEntry.subject).where(*wanted)) if name}

    def list_entries(
        self,
        filters: ExportQuery,
        *,
        leaves_out: Iterable[str] = (),
        limit: int,
        after: tuple[datetime, int] | None,
    ) -> Sequence[AuditEntry]:
        """Return the entries that match all filters, newest first, from behind `after`, a (timestamp, sequence).

        Entries whose action begins with one of `leaves_out` are not listed.
        """
        hidden = [~AuditEntry.action.startswith(prefix, autoescape=True) for prefix in leaves_out]
        query = select(AuditEntry).where(*_conditions(filters), *hidden)
        return self._session.scalars(newest_first(query, _ORDER, limit, after)).all()

    def list_views(
        self, subject_id: UUID, *, prefix: str, limit: int, after: tuple[datetime, int] | None
    ) -> Sequence[AuditEntry]:
        """Return the entries on a user by others whose action begins with `prefix`, newest first."""
        query = select(AuditEntry).where(
            AuditEntry.subject_id == subject_id,
            AuditEntry.actor_id != subject_id,
            AuditEntry.action.startswith(prefix, autoescape=True),
            AuditEntry.outcome == "success",
        )
        return self._session.scalars(newest_first(query, _ORDER, limit, after)).all()

    def has_unchained(self) -> bool:
        """Return whether an entry waits to be chained."""
        return self._session.scalar(select(AuditUnchained.entry_sequence).limit(1)) is not None

    def lock_chain(self) -> None:
        """Let nobody else extend the chain until the transaction ends. SQLite has only one writer at a time anyway."""
        if self._database.writer.dialect.name == "postgresql":
            self._session.execute(text("LOCK TABLE audit_link IN EXCLUSIVE MODE"))

    def find_last_link(self) -> AuditLink | None:
        """Return the last link of the chain."""
        return self._session.scalar(select(AuditLink).order_by(AuditLink.position.desc()).limit(1))

    def list_unchained(self, limit: int) -> Sequence[AuditEntry]:
        """Return the first entries that are not chained yet, in their order."""
        query = select(AuditEntry).join(AuditUnchained, AuditUnchained.entry_sequence == AuditEntry.sequence)
        return self._session.scalars(query.order_by(AuditEntry.sequence).limit(limit)).all()

    def add_links(self, links: Sequence[AuditLink]) -> None:
        """Add links, whose entries are chained now."""
        self._session.add_all(links)
        chained = [link.entry_sequence for link in links]
        self._session.execute(delete(AuditUnchained).where(AuditUnchained.entry_sequence.in_(chained)))


class ChainReader:
    """Reads entries with their links through a plain connection, for a check beside the running service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_links(self, after: int, limit: int) -> Sequence[tuple[AuditLink, AuditEntry | None]]:
        """Return the links behind position `after`, each with its entry, or None where the entry is missing."""
        link, entry = AuditLink.__table__, AuditEntry.__table__
        query = select(link, entry).select_from(link.outerjoin(entry, entry.c.sequence == link.c.entry_sequence))
        rows = self._connection.execute(query.where(link.c.position > after).order_by(link.c.position).limit(limit))
        width = len(link.c)
        return [(AuditLink(**_named(link, row[:width])), _entry(_named(entry, row[width:]))) for row in rows]

    def find_unlinked(self) -> int | None:
        """Return the sequence of the first entry that is neither in the chain nor waiting for it."""
        linked = select(AuditLink.entry_sequence).where(AuditLink.entry_sequence == AuditEntry.sequence)
        waiting = select(AuditUnchained.entry_sequence).where(AuditUnchained.entry_sequence == AuditEntry.sequence)
        query = select(func.min(AuditEntry.sequence)).where(~linked.exists(), ~waiting.exists())
        return self._connection.scalar(query)

    def count_waiting(self) -> int:
        """Return the number of entries that wait to be chained."""
        return self._connection.scalar(select(func.count()).select_from(AuditUnchained)) or 0


def _named(table: object, values: Sequence[object]) -> dict[str, object]:
    return dict(zip(table.c.keys(), values, strict=True))  # type: ignore[attr-defined]  # a mapped class's table has columns


def _entry(values: dict[str, object]) -> AuditEntry | None:
    return AuditEntry(**values) if values["sequence"] is not None else None


def _conditions(filters: ExportQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.action:
        found.append(AuditEntry.action == filters.action)
    if filters.user_id:
        found.append(or_(AuditEntry.actor_id == filters.user_id, AuditEntry.subject_id == filters.user_id))
    if filters.actor:
        found.append(func.lower(AuditEntry.actor) == filters.actor.lower())
    if filters.outcome:
        found.append(AuditEntry.outcome == filters.outcome)
    if filters.since:
        found.append(AuditEntry.timestamp >= filters.since)
    if filters.until:
        found.append(AuditEntry.timestamp < filters.until)
    if filters.q:
        found.append(AuditEntry.search_text.contains(folded(filters.q), autoescape=True))
    return found
