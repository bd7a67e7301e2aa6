"""The rules of the audit trail: recording, receiving reports of other services, listing, chaining and verifying.

Every entry is written in the transaction of what it records. A background task then appends it to a chain of SHA-256
hashes, each over one entry and the hash before, so that a later change of any entry breaks the chain.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from uuid import UUID, uuid4

from auth_service.audit.audit_models import AuditEntry, AuditLink
from auth_service.audit.audit_schemas import AuditQuery, ExportQuery
from auth_service.audit.audit_storage import AuditStorage, ChainReader
from auth_service.auth_models import User
from shared.core import clock
from shared.core.errors import Refused
from shared.core.periods import to_text
from shared.core.texts import folded
from shared.db.outages import rerun_when_aborted
from shared.http import origins, request_ids
from shared.web import cursors
from shared.web.access import Caller
from shared.web.audit_trail import Outcome, ReportedEntry, filters_of, once_a_minute
from shared.web.cursors import Page, Pagination

SERVICE = "auth-service"
VIEW = "view."
"""The actions of staff who look at a person's data begin with this."""
LIST = "list."
"""The actions of staff who look at lists begin with this."""
FIRST_HASH = "0" * 64
BATCH = 500
MAX_EXPORTED = 10_000
_HASHED = (
    "sequence",
    "id",
    "service",
    "action",
    "outcome",
    "actor_id",
    "actor",
    "subject_id",
    "subject",
    "address",
    "user_agent",
    "request_id",
    "details",
    "timestamp",
)
"""The columns that a hash covers. A column that is added later must not be added here: it would change old hashes."""
_log = logging.getLogger(__name__)


class TooManyRows(Refused):
    """400: an export would have more than MAX_EXPORTED rows."""

    code = "TOO_MANY_ROWS"
    message = f"More than {MAX_EXPORTED:,} entries match. Choose a shorter period, or filter by something else."


def record(
    storage: AuditStorage,
    action: str,
    *,
    actor: User | Caller | None = None,
    subject: User | Caller | None = None,
    outcome: Outcome = "success",
    details: Mapping[str, object] | None = None,
) -> None:
    """Write an entry about the current request, in the open transaction or, outside of one, in its own.

    `actor` is the authenticated user, if there is one; `subject` is whose account or data it concerns. A refusal that
    is raised inside a transaction takes its entry with it, so record that one outside. `details` hold what JSON can.
    """
    origin = origins.current()
    entry = AuditEntry(
        id=uuid4(),
        service=SERVICE,
        action=action,
        outcome=outcome,
        actor_id=_id_of(actor),
        actor=actor.username if actor else None,
        subject_id=_id_of(subject),
        subject=subject.username if subject else None,
        address=origin.address,
        user_agent=origin.user_agent,
        request_id=request_ids.current(),
        details=canonical(details or {}),
        timestamp=clock.now(),
    )
    with storage.joined_transaction():
        _add(storage, entry)


def record_list(storage: AuditStorage, action: str, caller: Caller, query: Page, subject: User | None = None) -> None:
    """Record that staff read a list, with its filters: once a minute, however many pages of it they read."""
    filters = filters_of(query)
    with once_a_minute(action, caller.user_id, repr(filters)) as is_due:
        if is_due:
            record(storage, action, actor=caller, subject=subject, details={"filters": filters})


def record_refusal(storage: AuditStorage, caller: Caller) -> None:
    """Record that the caller's role does not permit the current request."""
    record(storage, "access", actor=caller, outcome="refused", details={"request": origins.current_route()})


@rerun_when_aborted
def receive(storage: AuditStorage, service: str, reported: list[ReportedEntry]) -> None:
    """Add the entries that another service reports, except those that it has reported before.

    Missing usernames are filled in. Two instances may report the same entry at once; the later one is run again.
    """
    with storage.transaction():
        known = storage.find_known([entry.id for entry in reported])
        names = storage.find_usernames(
            {user_id for entry in reported for user_id in (entry.actor_id, entry.subject_id) if user_id}
        )
        for entry in {entry.id: entry for entry in reported if entry.id not in known}.values():
            values = entry.model_dump(exclude={"details", "actor", "subject"})
            _add(
                storage,
                AuditEntry(
                    service=service,
                    details=canonical(entry.details),
                    actor=entry.actor or (names.get(entry.actor_id) if entry.actor_id else None),
                    subject=entry.subject or (names.get(entry.subject_id) if entry.subject_id else None),
                    **values,
                ),
            )


def list_entries(storage: AuditStorage, query: AuditQuery) -> tuple[list[AuditEntry], Pagination]:
    """Return a page of the entries that match the query, newest first."""
    return cursors.fetch_page(query, partial(storage.list_entries, query), timestamp=datetime, sequence=int)


def list_activity(storage: AuditStorage, user_id: UUID, page: Page) -> tuple[list[AuditEntry], Pagination]:
    """Return a page of what a user did and what was done about them, newest first, without accesses to their data."""
    fetch = partial(storage.list_entries, ExportQuery(user_id=user_id), leaves_out=(VIEW, LIST))
    return cursors.fetch_page(page, fetch, timestamp=datetime, sequence=int)


def export(storage: AuditStorage, caller: Caller, query: ExportQuery) -> list[AuditEntry]:
    """Return all entries that match the query, newest first, and record the export. Raises TooManyRows."""
    rows = storage.list_entries(query, limit=MAX_EXPORTED + 1, after=None)
    if len(rows) > MAX_EXPORTED:
        raise TooManyRows
    record(storage, "audit.export", actor=caller, details={"rows": len(rows), "filters": filters_of(query)})
    return list(rows)


def list_views(storage: AuditStorage, caller: Caller, page: Page) -> tuple[list[AuditEntry], Pagination]:
    """Return a page of the accesses of staff to the caller's data, newest first."""
    fetch = partial(storage.list_views, caller.user_id, prefix=VIEW)
    return cursors.fetch_page(page, fetch, timestamp=datetime, sequence=int)


def list_logins(storage: AuditStorage, caller: Caller, page: Page) -> tuple[list[AuditEntry], Pagination]:
    """Return a page of the attempts to log in as the caller, newest first."""
    filters = ExportQuery(action="login", user_id=caller.user_id)
    return cursors.fetch_page(page, partial(storage.list_entries, filters), timestamp=datetime, sequence=int)


def chain(storage: AuditStorage) -> int:
    """Append all entries that wait to the chain, in their order, and return their number."""
    chained = 0
    while storage.has_unchained() and (count := _chain_batch(storage)):
        chained += count
        storage.refresh()
    return chained


@rerun_when_aborted
def _chain_batch(storage: AuditStorage) -> int:
    with storage.transaction():
        storage.lock_chain()
        last = storage.find_last_link()
        position, previous = (last.position, last.hash) if last else (0, FIRST_HASH)
        links = []
        for entry in storage.list_unchained(BATCH):
            position, previous = position + 1, hash_of(entry, previous)
            links.append(AuditLink(position=position, entry_sequence=entry.sequence, hash=previous))
        if links:
            storage.add_links(links)
    return len(links)


def hash_of(entry: AuditEntry, previous: str) -> str:
    """Return the SHA-256, in hexadecimal, over the canonical JSON of an entry's columns and the hash before it."""
    content = {name: _plain(getattr(entry, name)) for name in _HASHED}
    return hashlib.sha256(canonical({"entry": content, "previous": previous}).encode()).hexdigest()


def canonical(value: Mapping[str, object]) -> str:
    """Return the one JSON text of a value: keys in order, no spaces, no escapes that JSON does not require."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


class ChainBroken(Exception):
    """The first entry at which the chain is broken. The only argument is a sentence that names it."""


def verify(reader: ChainReader) -> Iterator[str]:
    """Check the whole chain, yielding the hash of each link. Raises ChainBroken at the first entry that does not fit.

    An entry that was changed, deleted, inserted or moved breaks the chain at its place.
    """
    position, previous = 0, FIRST_HASH
    while links := reader.list_links(position, BATCH):
        for link, entry in links:
            if link.position != position + 1:
                raise ChainBroken(f"link {position + 1} of the chain is missing")
            if entry is None:
                raise ChainBroken(f"entry {link.entry_sequence}, at link {link.position} of the chain, is missing")
            name = f"entry {entry.sequence} ({entry.id}, {entry.action}, {to_text(entry.timestamp)})"
            if link.hash != hash_of(entry, previous):
                raise ChainBroken(f"{name} at link {link.position} was changed, or a link before it was")
            if entry.search_text != _search_text(entry):
                raise ChainBroken(f"the search text of {name} was changed")
            position, previous = link.position, link.hash
            yield previous
    if unlinked := reader.find_unlinked():
        raise ChainBroken(f"entry {unlinked} is not in the chain, and does not wait for it")


def _add(storage: AuditStorage, entry: AuditEntry) -> None:
    entry.search_text = _search_text(entry)
    storage.add_entry(entry)


def _search_text(entry: AuditEntry) -> str:
    searched: Iterable[str | None] = (
        entry.action,
        entry.actor,
        entry.subject,
        entry.address,
        entry.user_agent,
        entry.request_id,
        entry.details,
    )
    return folded("\n".join(filter(None, searched)))


def _id_of(somebody: User | Caller | None) -> UUID | None:
    if somebody is None:
        return None
    return somebody.user_id if isinstance(somebody, Caller) else somebody.id


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return to_text(value)
    return str(value) if isinstance(value, UUID) else value
