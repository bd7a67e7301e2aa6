"""The audit trail for the services that do not keep it: entries go into the outbox and are delivered in the background.

An entry is written in the commit of the change that it records, so it is lost only with that change. Nothing waits for
the service that keeps the trail.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from flask import Flask
from pydantic import AwareDatetime, Field

from shared.concurrency.background import PeriodicTask
from shared.core import clock
from shared.core.texts import Matching
from shared.db.outbox import Outbox
from shared.http import origins, request_ids
from shared.web.access import Caller, report_refusals
from shared.web.application import Lifecycle, Peers
from shared.web.parts import part
from shared.web.validation.openapi import Body, Query

DELIVERY_SECONDS = 1.0
BATCH = 25  # far below the limit of a request's body, whatever the entries hold
SAME_VIEW_SECONDS = 60.0
_MAX_REMEMBERED = 10_000
_seen_at: dict[tuple[object, ...], float] = {}


Outcome = Literal["success", "failure", "refused"]
Action = Annotated[
    str,
    Matching(r"[a-z_]+(\.[a-z_]+)*", "must be small letters and underscores in parts separated by dots"),
    Field(max_length=60, examples=["account.freeze"]),
]
MAX_REPORTED = 200


class ReportedEntry(Body):
    """What somebody did, tried or saw at another service."""

    id: UUID
    """The reporting service's id of the entry. The same id adds it once."""
    action: Action
    """What was done."""
    outcome: Outcome = "success"
    """Whether it worked, failed, or was refused."""
    actor_id: UUID | None = None
    """The id of the user who did it."""
    actor: Annotated[str, Field(max_length=100, examples=["grace.hopper"])] | None = None
    """The username of the actor; filled in when missing."""
    subject_id: UUID | None = None
    """The id of the user whom it concerns."""
    subject: Annotated[str, Field(max_length=100, examples=["ada.lovelace"])] | None = None
    """The username of the subject; filled in when missing."""
    address: Annotated[str, Field(max_length=45, examples=["203.0.113.7"])] = ""
    """The IP address of the actor's program."""
    user_agent: Annotated[str, Field(max_length=200, examples=["Mozilla/5.0"])] = ""
    """The User-Agent header of the actor's program."""
    request_id: Annotated[str, Field(max_length=64, examples=["8f3c2d1e"])] | None = None
    """The id of the request."""
    details: Annotated[dict[str, Any], Field(default_factory=dict, examples=[{"account": "••••1234"}])]
    """What else is known, depending on the action."""
    timestamp: AwareDatetime
    """When it was done."""


class ReportedEntries(Body):
    """Entries of the audit trail, oldest first."""

    entries: Annotated[list[ReportedEntry], Field(min_length=1, max_length=MAX_REPORTED)]
    """The entries to add."""


def record(
    outbox: Outbox,
    action: str,
    *,
    actor: Caller | None = None,
    actor_id: UUID | None = None,
    subject_id: UUID | None = None,
    outcome: Outcome = "success",
    details: Mapping[str, object] | None = None,
    request_id: str | None = None,
) -> None:
    """Write an entry about the current request, in the open transaction or, outside of one, in its own.

    `actor`, or `actor_id` where only that is known, is who did it; `subject_id` is the user whom it concerns.
    `request_id` is that of the current request by default. A refusal that is raised inside a transaction rolls its
    entry back, so record that one outside.
    """
    origin = origins.current()
    entry = ReportedEntry(
        id=uuid4(),
        action=action,
        outcome=outcome,
        actor_id=actor.user_id if actor else actor_id,
        actor=actor.username if actor else None,
        subject_id=subject_id,
        address=origin.address,
        user_agent=origin.user_agent,
        request_id=request_id or request_ids.current(),
        details=dict(details or {}),
        timestamp=clock.now(),
    )
    outbox.add(entry.model_dump_json())


def record_view(outbox: Outbox, action: str, caller: Caller, subject_id: UUID | None = None, **details: object) -> None:
    """Record that staff read a user's data or, without `subject_id`, a list of many; skip a user's own data.

    One page reads the same data by several calls, so the same view by the same person is written once in a minute.
    """
    if not caller.is_staff or caller.user_id == subject_id:
        return
    with once_a_minute(action, caller.user_id, subject_id, repr(details)) as is_due:
        if is_due:
            record(outbox, action, actor=caller, subject_id=subject_id, details=details)


def filters_of(query: Query, *hidden: str) -> dict[str, Any]:
    """Return the filters of a list: the query without defaults, page size, cursor, and the `hidden` fields."""
    paging = {"limit", "cursor", *hidden}
    return query.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=paging, warnings=False)


@contextmanager
def once_a_minute(*view: object) -> Iterator[bool]:
    """Yield whether this view was not written within the last minute. It counts as written unless the block fails."""
    now = time.monotonic()
    is_due = now - _seen_at.get(view, float("-inf")) >= SAME_VIEW_SECONDS
    yield is_due
    if is_due:
        if len(_seen_at) >= _MAX_REMEMBERED:
            _seen_at.clear()
        _seen_at[view] = now


def install(app: Flask, outbox: Outbox, peers: Peers) -> None:
    """Deliver the entries in the outbox in the background, and record each person whom an endpoint refuses."""

    def deliver_all() -> None:
        with app.app_context():
            deliver(outbox, peers)

    part(Lifecycle, app).add(PeriodicTask(deliver_all, name="audit-delivery", interval_seconds=DELIVERY_SECONDS))
    report_refusals(app, lambda caller: record_refusal(outbox, caller))


def record_refusal(outbox: Outbox, caller: Caller) -> None:
    """Record that the caller is not permitted the current request."""
    record(outbox, "access", actor=caller, outcome="refused", details={"request": origins.current_route()})


def deliver(outbox: Outbox, peers: Peers) -> None:
    """Send the entries in the outbox, oldest first, until it is empty. Raises what the call raises; nothing is lost."""
    while messages := outbox.list_first(BATCH):
        outbox.refresh()
        body = b'{"entries":[' + ",".join(body for _, body in messages).encode() + b"]}"
        peers.token.call(peers["auth-service"], "POST", "/internal/audit", body=body)
        outbox.remove([sequence for sequence, _ in messages])
