"""User rules: registration, profile changes, and role and status changes by admins."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Literal, TypeVar, Unpack
from uuid import UUID

from auth_service import auth_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import User
from auth_service.auth_storage import UserFilters
from auth_service.user_schemas import (
    ListedUser,
    NewUser,
    PersonQuery,
    ProfileChanges,
    Statistics,
    StatisticsQuery,
    UserChanges,
    UserPage,
    UsersQuery,
)
from shared.core import clock
from shared.core.errors import Conflict, InvalidRequest, NotFound
from shared.db.approvals import ApprovalColumns
from shared.db.outages import rerun_when_aborted
from shared.web import cursors
from shared.web.access import Caller
from shared.web.approvals import rules
from shared.web.approvals.rules import ApprovalRules
from shared.web.cursors import Pagination

_Listed = TypeVar("_Listed", bound=ListedUser)


class UsernameTaken(Conflict):
    """409: the username exists, regardless of case."""

    code = "USERNAME_TAKEN"
    message = "That username is taken. Choose another one."


class EmailTaken(Conflict):
    """409: the e-mail address exists, regardless of case."""

    code = "EMAIL_TAKEN"
    message = "That e-mail address is in use. Enter another one."


class LastAdmin(Conflict):
    """409: the change would leave no active admin."""

    code = "LAST_ADMIN"
    message = "This is the last active admin. Make somebody else an admin first."


def register(tools: Tools, new: NewUser) -> User:
    """Create a customer. Raises InvalidRequest for a common password, UsernameTaken, EmailTaken."""
    auth_logic.require_uncommon("password", new.password, new.username, new.email)
    _require_free(tools, username=new.username, email=new.email)
    password_hash = tools.hash(new.password)
    return _add(
        tools,
        username=new.username,
        email=new.email,
        full_name=new.full_name,
        password_hash=password_hash,
        role="customer",
    )


def ensure_admin(tools: Tools, username: str, password: str) -> None:
    """Create the first admin unless an admin exists. Raises UsernameTaken when a customer has that username."""
    if tools.users.has_admin():
        return
    email = f"{username}@localhost"
    try:
        _require_free(tools, username=username, email=email)
        _add(tools, username=username, email=email, password_hash=tools.hash(password), role="admin")
    except (UsernameTaken, EmailTaken):
        tools.users.refresh()
        if tools.users.has_admin():  # another instance, started at the same time, has created the admin
            return
        raise


def details(tools: Tools, user_id: UUID) -> User:
    """Return the user with this id. Raises NotFound."""
    return require_found(tools.users.find_user(user_id))


def customer(tools: Tools, user_id: UUID) -> User:
    """Return the customer with this id. Raises NotFound, also for an employee or an admin."""
    return _require_customer(tools.users.find_user(user_id))


def customer_to_change(tools: Tools, user_id: UUID) -> User:
    """Return the customer with this id, locked until the transaction ends. Raises NotFound."""
    return _require_customer(tools.users.find_user_to_change(user_id))


def view(tools: Tools, caller: Caller, user_id: UUID) -> User:
    """Return the user with this id to an admin. Raises NotFound."""
    user = details(tools, user_id)
    audit_logic.record(tools.audit, "view.person", actor=caller, subject=user)
    return user


def look_up(tools: Tools, caller: Caller, query: PersonQuery) -> User:
    """Return the one user with exactly this username, e-mail address or id. Raises InvalidRequest, NotFound."""
    if len([given for given in (query.username, query.email, query.user_id) if given is not None]) != 1:
        raise InvalidRequest(details={"username": "or email or user_id must be given, exactly one of them"})
    if query.username is not None:
        user = tools.users.find_by_username(query.username)
    elif query.email is not None:
        user = tools.users.find_by_email(query.email)
    else:
        user = tools.users.find_user(query.user_id) if query.user_id else None
    found = require_found(user)
    audit_logic.record(tools.audit, "view.person", actor=caller, subject=found)
    return found


def list_users(tools: Tools, caller: Caller, query: UsersQuery) -> tuple[list[ListedUser], Pagination]:
    """Return a page of the users that match the query, newest first, with their lockouts."""
    words = [query.q] if query.q else []
    users, pagination = fetch_page(tools, query, words=words, role=query.role)
    audit_logic.record_list(tools.audit, "list.people", caller, query)
    return with_lockouts(tools, users, ListedUser), pagination


def fetch_page(tools: Tools, query: UserPage, **filters: Unpack[UserFilters]) -> tuple[list[User], Pagination]:
    """Return a page of the users that match the query and all filters."""
    status, among = query.status, None
    if status == "locked":
        status, among = "active", auth_logic.locked_usernames(tools)
    filters |= {"status": status, "among": among, "since": query.since, "until": query.until}
    fetch = partial(tools.users.list_users, oldest_first=query.sort == "oldest", **filters)
    return cursors.fetch_page(query, fetch, created_at=datetime, id=UUID)


def with_lockouts(tools: Tools, users: Sequence[User], shown: type[_Listed]) -> list[_Listed]:
    """Return these users as staff see them, with the ends of their lockouts."""
    locked_until = auth_logic.locked_until(tools, [user.username for user in users])
    listed = [shown.model_validate(user) for user in users]
    return [user.model_copy(update={"locked_until": locked_until.get(user.username)}) for user in listed]


def statistics(tools: Tools, query: StatisticsQuery) -> Statistics:
    """Count all users by role and by status, and those who registered in a range of time."""
    by_role: Counter[str] = Counter()
    by_status: Counter[str] = Counter()
    by_role_and_status: dict[str, dict[str, int]] = {}
    with tools.users.snapshot():
        for role, status, count in tools.users.count_by_role_and_status():
            by_role[role] += count
            by_status[status] += count
            by_role_and_status.setdefault(role, {})[status] = count
        created = tools.users.count_users(since=query.since, until=query.until)
        created_before = (
            tools.users.count_users(since=query.compare_since, until=query.since) if query.compare_since else None
        )
    return Statistics(
        total=by_role.total(),
        by_role=by_role,
        by_status=by_status,
        by_role_and_status=by_role_and_status,
        created=created,
        created_before=created_before,
    )


def update_profile(tools: Tools, caller: Caller, changes: ProfileChanges) -> User:
    """Change the caller's profile.

    Raises EmailTaken, and for a new e-mail address StepUpRequired, WrongPassword, LockedOut.
    """
    user = details(tools, caller.user_id)
    new_email = changes.email if changes.email != user.email else None
    if new_email:
        auth_logic.require_fresh_factor(tools, caller)
        _require_own_password(tools, user, changes.current_password)
    return _change_profile(tools, caller, changes, new_email)


def change_or_ask(
    tools: Tools, approvals: ApprovalRules, caller: Caller, user_id: UUID, changes: UserChanges
) -> User | ApprovalColumns:
    """Change a user's role or status and end all of their sessions, or ask a second person for it.

    Setting the status to active also ends a lockout, even if the user was active before. Raises NotFound, LastAdmin,
    ApprovalPending.
    """
    try:
        outcome = _change_user(tools, approvals, caller, user_id, changes)
    except LastAdmin:
        reason = {"reason": "last admin", **changes.model_dump(exclude_none=True)}
        audit_logic.record(tools.audit, "user.change", actor=caller, outcome="refused", details=reason)
        raise
    if isinstance(outcome, User):
        return outcome
    asked: ApprovalColumns = rules.ask(approvals, caller, outcome, user_id, changes.model_dump_json(exclude_unset=True))
    return asked


@rerun_when_aborted
def _change_user(
    tools: Tools, approvals: ApprovalRules, caller: Caller, user_id: UUID, changes: UserChanges
) -> User | Literal["change_role", "close_person"]:
    """Return the changed user, or the kind of request if a second person has to approve, as the locked row is."""
    with tools.transaction():
        tools.users.lock_active_admins()
        user = require_found(tools.users.find_user_to_change(user_id))
        action = _action_to_approve(tools, approvals, caller, user, changes)
        return action or carry_out(tools, caller, user_id, changes)


def _action_to_approve(
    tools: Tools, approvals: ApprovalRules, caller: Caller, user: User, changes: UserChanges
) -> Literal["change_role", "close_person"] | None:
    """Return the kind of request when a second person has to approve the changes, else None.

    Disabling somebody of the staff does not wait, since that may be urgent. The first admin appoints the first
    colleague alone, while there is no other staff, active or disabled.
    """
    if not approvals.is_required or not tools.users.has_other_staff(caller.user_id):
        return None
    if changes.role not in (None, user.role):
        return "change_role"
    closes = (changes.status, user.status, user.role) == ("disabled", "active", "customer")
    return "close_person" if closes else None


def carry_out(
    tools: Tools, caller: Caller, user_id: UUID, changes: UserChanges, *, asked_by: str | None = None
) -> User:
    """Change a user's role or status in the open transaction. Raises NotFound, LastAdmin.

    `asked_by` is the username of who asked for what the caller has approved.
    """
    admins = tools.users.lock_active_admins()
    user = require_found(tools.users.find_user_to_change(user_id))
    before = (user.role, user.status)
    user.role, user.status = changes.role or user.role, changes.status or user.status
    if admins == {user.id} and (user.role, user.status) != ("admin", "active"):
        raise LastAdmin
    if user.role != before[0]:
        user.permissions = None  # a new role begins with all of its permissions
    if changes.status == "active":
        auth_logic.clear_failures(tools, user.username)
    if (user.role, user.status) != before:
        tools.sessions.end_sessions(user.id, clock.now())
    _audit_change(tools, caller, user, before, changes, asked_by=asked_by)
    return user


def _audit_change(
    tools: Tools, caller: Caller, user: User, before: tuple[str, str], changes: UserChanges, *, asked_by: str | None
) -> None:
    """Write the change of a role and of a status, or the end of a lockout. `before` is the role and the status."""
    why = {name: text for name, text in (("reason", changes.reason), ("asked_by", asked_by)) if text}
    for name, was, now in zip(("role", "status"), before, (user.role, user.status), strict=True):
        if was != now:
            change = {"from": was, "to": now, **why}
            audit_logic.record(tools.audit, f"user.{name}_change", actor=caller, subject=user, details=change)
    if changes.status == "active" and before[1] == "active":
        audit_logic.record(tools.audit, "lockout.lift", actor=caller, subject=user)


def change_email(tools: Tools, user: User, email: str) -> None:
    """Give a user another e-mail address, which has to be verified, and tell the old one how to undo that.

    Call it inside a transaction. Raises EmailTaken when another user has this address, or can still return to it.
    """
    if email == user.email:
        return
    if email.lower() != user.email.lower():
        _require_free(tools, email=email, user_id=user.id)
    auth_logic.notify(tools, user, "email_changed", user_id=str(user.id))
    tools.mails.add_mail("email_check", email)
    user.email, user.email_verified_at = email, None


@rerun_when_aborted
def notify(tools: Tools, user_id: UUID, kind: str, **facts: str) -> None:
    """Queue a mail of this kind to a user. Raises NotFound."""
    with tools.transaction():
        tools.mails.add_mail(kind, details(tools, user_id).email, **facts)


@rerun_when_aborted
def _change_profile(tools: Tools, caller: Caller, changes: ProfileChanges, new_email: str | None) -> User:
    with tools.transaction():
        user = auth_logic.own_user_to_change(tools, caller)
        if new_email:
            change_email(tools, user, new_email)
        for name in changes.model_fields_set - {"current_password", "email"}:
            setattr(user, name, getattr(changes, name))
        fields = sorted(changes.model_fields_set - {"current_password"})
        audit_logic.record(tools.audit, "profile.change", actor=caller, subject=user, details={"fields": fields})
    return user


def _require_own_password(tools: Tools, user: User, password: str | None) -> None:
    if not password:
        raise InvalidRequest(details={"current_password": "is required to change the e-mail address"})
    auth_logic.require_password(tools, user, password)


@rerun_when_aborted
def _add(
    tools: Tools, *, username: str, email: str, password_hash: str, role: str, full_name: str | None = None
) -> User:
    with tools.transaction():
        _require_free(tools, username=username, email=email)
        user = User(username=username, email=email, full_name=full_name, password_hash=password_hash, role=role)
        tools.users.insert(user)
        is_own = role == "customer"
        if is_own:
            tools.mails.add_mail("email_check", email)
        action = "user.register" if is_own else "user.create_admin"
        audit_logic.record(tools.audit, action, actor=user if is_own else None, subject=user)
        return user


def _require_free(tools: Tools, *, email: str, username: str | None = None, user_id: UUID | None = None) -> None:
    if username and tools.users.find_by_username(username):
        raise UsernameTaken(details={"username": "is taken; choose another one"})
    if tools.users.find_by_email(email) or tools.links.is_reserved(email, user_id, clock.now()):
        raise EmailTaken(details={"email": "is in use; enter another one"})


def require_found(user: User | None) -> User:
    """Return the user. Raises NotFound when there is none."""
    if user is None:
        raise NotFound("There is no such person.")
    return user


def _require_customer(user: User | None) -> User:
    if user is None or user.role != "customer":
        raise NotFound("There is no such customer.")
    return user
