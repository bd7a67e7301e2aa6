"""The rules of approvals: one person asks, another one approves or rejects, once, within seven days.

A change in the service's own database is made in the transaction of its approval, so it is made exactly when it is
approved. What another service carries out follows its approval, and has to be safe to repeat.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from shared.core import clock
from shared.core.errors import Conflict, Forbidden, NotFound
from shared.db.approvals import ApprovalTable
from shared.db.outages import rerun_when_aborted
from shared.web import cursors
from shared.web.access import Caller
from shared.web.approvals.schemas import ApprovalPage
from shared.web.cursors import Pagination

PERMISSION, READ = "approvals:decide", "customers:read"
ADMIN = "admin"
"""Stands in place of a permission where only admins may ask."""
_UNKNOWN = "There is no such request."


class ApprovalPending(Conflict):
    """409: another request for the same thing waits for a decision."""

    code = "APPROVAL_PENDING"
    message = "Somebody has asked for this already. It waits for a second person."


class AlreadyDecided(Conflict):
    """409: the request was approved or rejected before, or has expired."""

    code = "ALREADY_DECIDED"
    message = "This request has been decided already, or has expired."


class AskerNotAllowed(Conflict):
    """409: the person who asked was disabled meanwhile, or lost the role or the permission to ask."""

    code = "ASKER_NOT_ALLOWED"
    message = (
        "The person who asked for this may not ask for it any more. Reject the request; a colleague can ask again."
    )


class OwnRequest(Forbidden):
    """403: the person who asked can't approve."""

    message = "You have asked for this yourself. A colleague has to approve it."


class OwnMatter(Forbidden):
    """403: the request is about the caller."""

    message = "This request is about you. A colleague has to decide on it."


@dataclass(frozen=True)
class ApprovalRules:
    """The requests of a service.

    `record` writes into the audit trail: it gets `ask`, `approve` or `reject`, the caller and the request. `concerns`
    returns whether a request is about the caller, who then may not decide on it. `may_ask` returns whether the person
    who asked may still do so. With `knows_people` it reads and locks that person's row in the transaction of the
    approval; without it asks the auth service, before the transaction. With `is_repeatable` a person may approve the
    same request again, since it is carried out after the approval, which may have failed.
    """

    table: ApprovalTable
    record: Callable[[str, Caller, Any], None]
    concerns: Callable[[Caller, Any], bool]
    may_ask: Callable[[Any], bool]
    is_required: bool
    knows_people: bool = False
    is_repeatable: bool = False


@rerun_when_aborted
def ask(approvals: ApprovalRules, caller: Caller, action: str, subject_id: UUID, body: str) -> Any:
    """Store a validated request until a second person decides on it. The same request again returns the first one.

    Raises ApprovalPending when another request for the same subject waits.
    """
    table = approvals.table
    with table.transaction():
        table.expire()
        pending = table.find_pending(subject_id)
        if pending and (pending.asked_by, pending.action, pending.body) != (caller.user_id, action, body):
            raise ApprovalPending
        if pending:
            return pending
        asked = {"asked_by": caller.user_id, "asked_by_name": caller.username, "asked_at": clock.now()}
        approval = table.add(action=action, subject_id=subject_id, body=body, **asked)
        approvals.record("ask", caller, approval)
        return approval


def list_approvals(approvals: ApprovalRules, caller: Caller, query: ApprovalPage) -> tuple[list[Any], Pagination]:
    """Return a page of the requests that match, newest first.

    Callers without the permission to decide see only their own requests, and with `customers:read` also all about one
    subject.
    """
    with approvals.table.transaction():
        approvals.table.expire()
    sees_all = caller.may(PERMISSION) or (query.subject_id is not None and caller.may(READ))
    asked_by = query.asked_by if sees_all else caller.user_id
    matching = partial(approvals.table.list_newest, asker=query.asked_by_name, since=query.since, until=query.until)
    fetch = partial(matching, status=query.status, subject_id=query.subject_id, asked_by=asked_by)
    return cursors.fetch_page(query, fetch, asked_at=datetime, id=UUID)


def find_to_approve(approvals: ApprovalRules, caller: Caller, approval_id: UUID) -> Any:
    """Return a request that the caller may approve. Raises NotFound, OwnRequest, OwnMatter, AlreadyDecided."""
    return _require_approvable(approvals, caller, approvals.table.find(approval_id))


def approve(approvals: ApprovalRules, caller: Caller, approval_id: UUID, carry_out: Callable[[Any], None]) -> Any:
    """Approve a request and carry it out, in one transaction. Returns the request.

    Raises NotFound, OwnRequest, OwnMatter, AlreadyDecided, AskerNotAllowed, and what `carry_out` raises; then the
    request still waits.
    """
    if not approvals.knows_people:
        _require_asker(approvals, find_to_approve(approvals, caller, approval_id))
    return _approve(approvals, caller, approval_id, carry_out)


@rerun_when_aborted
def _approve(approvals: ApprovalRules, caller: Caller, approval_id: UUID, carry_out: Callable[[Any], None]) -> Any:
    with approvals.table.transaction():
        approval = _require_approvable(approvals, caller, approvals.table.find_to_change(approval_id))
        if approval.status == "approved":
            return approval
        if approvals.knows_people:
            _require_asker(approvals, approval)
        carry_out(approval)
        return _decide(approvals, caller, approval, "approved")


@rerun_when_aborted
def reject(approvals: ApprovalRules, caller: Caller, approval_id: UUID, reason: str | None = None) -> Any:
    """Reject a request, or withdraw one's own. Raises NotFound, OwnMatter, AlreadyDecided.

    Callers without the permission to decide find only their own requests.
    """
    with approvals.table.transaction():
        approval = _require_found(approvals.table.find_to_change(approval_id))
        if not approval.is_open:
            raise AlreadyDecided
        if approval.asked_by != caller.user_id:
            if not caller.may(PERMISSION):
                raise NotFound(_UNKNOWN)
            _require_uninvolved(approvals, caller, approval)
        approval.reason = reason
        return _decide(approvals, caller, approval, "rejected")


def _decide(approvals: ApprovalRules, caller: Caller, approval: Any, status: str) -> Any:
    approval.status, approval.decided_at = status, clock.now()
    approval.decided_by, approval.decided_by_name = caller.user_id, caller.username
    approvals.record("approve" if status == "approved" else "reject", caller, approval)
    return approval


def _require_uninvolved(approvals: ApprovalRules, caller: Caller, approval: Any) -> None:
    if approvals.concerns(caller, approval):
        raise OwnMatter


def _require_asker(approvals: ApprovalRules, approval: Any) -> None:
    """Raise AskerNotAllowed when a request still waits and the person who asked may not ask for it any more."""
    if approval.status == "pending" and not approvals.may_ask(approval):
        raise AskerNotAllowed


def _require_approvable(approvals: ApprovalRules, caller: Caller, found: Any) -> Any:
    approval = _require_found(found)
    if approval.asked_by == caller.user_id:
        raise OwnRequest
    _require_uninvolved(approvals, caller, approval)
    is_repeated = (approval.status, approval.decided_by) == ("approved", caller.user_id)
    if not (approval.is_open or (approvals.is_repeatable and is_repeated)):
        raise AlreadyDecided
    return approval


def _require_found(approval: Any) -> Any:
    if approval is None:
        raise NotFound(_UNKNOWN)
    return approval
