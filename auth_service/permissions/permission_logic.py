"""The rules of permissions: an admin grants them to employees, whose sessions end when they change.

NULL in the database means all permissions, which an employee has from the beginning. So a permission that a later
version adds is theirs too, but not that of an employee whose permissions an admin has chosen.
"""

from uuid import UUID

from auth_service import user_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import User
from auth_service.permissions.permission_schemas import PERMISSIONS, PermissionChange
from shared.core import clock
from shared.core.errors import Conflict
from shared.db.approvals import ApprovalColumns
from shared.db.outages import rerun_when_aborted
from shared.web.access import Caller
from shared.web.approvals import rules
from shared.web.approvals.rules import ApprovalRules


class NotAnEmployee(Conflict):
    """409: only employees have permissions of their own."""

    code = "NOT_AN_EMPLOYEE"
    message = "Only an employee's permissions can be chosen: admins have all of them, and customers none."


def find(tools: Tools, user_id: UUID) -> list[str]:
    """Return the permissions of an employee, sorted. Raises NotFound, NotAnEmployee."""
    return _granted(_require_employee(tools.users.find_user(user_id)))


def change_or_ask(
    tools: Tools, approvals: ApprovalRules, caller: Caller, user_id: UUID, change: PermissionChange
) -> list[str] | ApprovalColumns:
    """Give an employee exactly these permissions and end their sessions, or ask a second person for it.

    Raises NotFound, NotAnEmployee, ApprovalPending.
    """
    changed = _change(tools, approvals, caller, user_id, change)
    if changed is not None:
        return changed
    body = change.model_dump_json(exclude_unset=True)
    asked: ApprovalColumns = rules.ask(approvals, caller, "change_permissions", user_id, body)
    return asked


@rerun_when_aborted
def _change(
    tools: Tools, approvals: ApprovalRules, caller: Caller, user_id: UUID, change: PermissionChange
) -> list[str] | None:
    """Return the changed permissions, or None if a second person has to approve the change, as the locked row is."""
    with tools.transaction():
        present = _granted(_require_employee(tools.users.find_user_to_change(user_id)))
        if approvals.is_required and set(present) != change.permissions:
            return None
        return carry_out(tools, caller, user_id, change)


def carry_out(
    tools: Tools, caller: Caller, user_id: UUID, change: PermissionChange, *, asked_by: str | None = None
) -> list[str]:
    """Change the permissions of an employee in the open transaction. Raises NotFound, NotAnEmployee.

    `asked_by` is the username of who asked for what the caller has approved.
    """
    user = _require_employee(tools.users.find_user_to_change(user_id))
    before = _granted(user)
    user.permissions = None if change.permissions >= PERMISSIONS else " ".join(sorted(change.permissions))
    after = _granted(user)
    if after != before:
        tools.sessions.end_sessions(user.id, clock.now())
        why = {name: text for name, text in (("reason", change.reason), ("asked_by", asked_by)) if text}
        details = {"from": before, "to": after, **why}
        audit_logic.record(tools.audit, "user.permissions_change", actor=caller, subject=user, details=details)
    return after


def may(tools: Tools, user_id: UUID, right: str) -> bool:
    """Return whether a person is active and has a permission, or is an admin if `right` is `ADMIN`."""
    return _may(tools.users.find_user(user_id), right)


def may_until_the_end(tools: Tools, user_id: UUID, right: str) -> bool:
    """Return the same, and lock the person's row, so that it stays so until the open transaction ends."""
    tools.users.lock_active_admins()  # first, as all do that change people
    return _may(tools.users.find_user_to_change(user_id), right)


def _may(user: User | None, right: str) -> bool:
    if user is None or user.status != "active":
        return False
    return user.role == "admin" or (user.role == "employee" and right in _granted(user))


def _granted(user: User) -> list[str]:
    return sorted(PERMISSIONS if user.permissions is None else PERMISSIONS.intersection(user.permissions.split()))


def _require_employee(user: User | None) -> User:
    found = user_logic.require_found(user)
    if found.role != "employee":
        raise NotAnEmployee
    return found
