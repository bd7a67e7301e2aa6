"""The rules for the staff's view of customers: who may see and change what. Other staff are not customers."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from auth_service import auth_logic, user_logic
from auth_service.audit import audit_logic
from auth_service.audit.audit_models import AuditEntry
from auth_service.auth_logic import Tools
from auth_service.auth_models import LoginSession, User
from auth_service.auth_storage import UserFilters
from auth_service.customers.customer_models import CustomerNote
from auth_service.customers.customer_schemas import (
    ContactChanges,
    CustomerCounts,
    CustomerOut,
    CustomersQuery,
    NewNote,
    NoteOut,
)
from auth_service.customers.customer_storage import NoteStorage
from shared.core import clock
from shared.core.errors import Conflict, Forbidden
from shared.core.texts import digits_of
from shared.db.outages import rerun_when_aborted
from shared.web import cursors
from shared.web.access import Caller
from shared.web.cursors import Page, Pagination

_PHONE = re.compile(r"\+?[0-9 ()./-]{4,}")
_WORDS = {"full_name": "your name", "phone": "your phone number"}


class NotActive(Conflict):
    """409: the customer is disabled, so a new password would not help."""

    code = "CUSTOMER_DISABLED"
    message = "This customer is disabled and can't log in. An admin has to enable them first."


class EmailForAdmins(Forbidden):
    """403: an employee may not change an e-mail address, since its new owner could take over the login."""

    message = "Only an admin may correct an e-mail address. Ask one to do it."


def list_customers(tools: Tools, caller: Caller, query: CustomersQuery) -> tuple[list[CustomerOut], Pagination]:
    """Return a page of the customers that match the query, newest first, with their lockouts."""
    filters: UserFilters = {"role": "customer", "words": _words(query.q or ""), "identity": query.identity}
    customers, pagination = user_logic.fetch_page(tools, query, **filters)
    audit_logic.record_list(tools.audit, "list.customers", caller, query)
    return user_logic.with_lockouts(tools, customers, CustomerOut), pagination


def counts(tools: Tools) -> CustomerCounts:
    """Count the customers that wait for somebody of the staff. It shows no customer, so it is not audited."""
    locked = auth_logic.locked_usernames(tools)
    count = partial(tools.users.count_users, role="customer")
    return CustomerCounts(
        pending_identities=count(identity="pending"), locked=count(status="active", among=locked) if locked else 0
    )


def details(tools: Tools, caller: Caller, user_id: UUID) -> CustomerOut:
    """Return one customer with their lockout. Raises NotFound, also for an employee or an admin."""
    user = user_logic.customer(tools, user_id)
    audit_logic.record(tools.audit, "view.person", actor=caller, subject=user)
    return _present(tools, user)


def search(tools: Tools, q: str, limit: int) -> Sequence[UUID]:
    """Return the ids of at most `limit` users, staff included, whose name or contact data contain each word of `q`."""
    return tools.users.find_ids(_words(q), limit)


@rerun_when_aborted
def correct_contact(tools: Tools, caller: Caller, user_id: UUID, changes: ContactChanges) -> CustomerOut:
    """Correct a customer's contact data, and tell the customer by mail. Raises NotFound, EmailForAdmins, EmailTaken.

    The old e-mail address gets a mail of its own about a new one, with a link that undoes the change.
    """
    with tools.transaction():
        user = user_logic.customer_to_change(tools, user_id)
        corrected = [name for name in ("full_name", "phone") if _changes(user, changes, name)]
        if corrected:
            what = " and ".join(_WORDS[name] for name in corrected)
            auth_logic.notify(tools, user, "contact_corrected", what=what)
        if changes.email and changes.email != user.email:
            if caller.role != "admin":
                raise EmailForAdmins
            user_logic.change_email(tools, user, changes.email)
        for name in changes.model_fields_set - {"email", "reason"}:
            setattr(user, name, getattr(changes, name))
        fields: dict[str, object] = {"fields": sorted(changes.model_fields_set - {"reason"})}
        if changes.reason:
            fields["reason"] = changes.reason
        audit_logic.record(tools.audit, "contact.correct", actor=caller, subject=user, details=fields)
    return _present(tools, user)


@rerun_when_aborted
def unlock(tools: Tools, caller: Caller, user_id: UUID) -> CustomerOut:
    """End the lockout of a customer after too many wrong passwords. Raises NotFound."""
    with tools.transaction():
        user = user_logic.customer_to_change(tools, user_id)
        auth_logic.clear_failures(tools, user.username)
        audit_logic.record(tools.audit, "lockout.lift", actor=caller, subject=user)
    return _present(tools, user)


def start_reset(tools: Tools, caller: Caller, user_id: UUID, reason: str) -> None:
    """Send a customer the link for a new password, to the address that the bank has. Raises NotFound, NotActive."""
    with tools.transaction():
        user = user_logic.customer(tools, user_id)
        if user.status != "active":
            raise NotActive
        tools.mails.add_mail("password_reset", user.email)
        details = {"reason": reason}
        audit_logic.record(tools.audit, "password.reset_ask", actor=caller, subject=user, details=details)


def list_audit(tools: Tools, caller: Caller, user_id: UUID, page: Page) -> tuple[list[AuditEntry], Pagination]:
    """Return a page of what a customer did, and what was done about them, newest first. Raises NotFound."""
    user = user_logic.customer(tools, user_id)
    audit_logic.record(tools.audit, "view.audit", actor=caller, subject=user)
    return audit_logic.list_activity(tools.audit, user_id, page)


def list_sessions(tools: Tools, caller: Caller, user_id: UUID, page: Page) -> tuple[list[LoginSession], Pagination]:
    """Return a page of a customer's active sessions, newest first. Raises NotFound."""
    user = user_logic.customer(tools, user_id)
    audit_logic.record(tools.audit, "view.sessions", actor=caller, subject=user)
    fetch = partial(tools.sessions.list_alive, user_id, clock.now())
    return cursors.fetch_page(page, fetch, created_at=datetime, id=UUID)


@rerun_when_aborted
def log_out_everywhere(tools: Tools, caller: Caller, user_id: UUID) -> int:
    """End all sessions of a customer and return their number. Raises NotFound."""
    with tools.transaction():
        user = user_logic.customer_to_change(tools, user_id)
        ended = tools.sessions.end_sessions(user.id, clock.now())
        details = {"sessions": len(ended)}
        audit_logic.record(tools.audit, "session.end_all", actor=caller, subject=user, details=details)
    return len(ended)


def add_note(tools: Tools, notes: NoteStorage, caller: Caller, user_id: UUID, new: NewNote) -> NoteOut:
    """Add a note about a customer. Raises NotFound."""
    with tools.transaction():
        user = user_logic.customer(tools, user_id)
        note = CustomerNote(user_id=user.id, author_id=caller.user_id, text=new.text)
        notes.insert(note)
        audit_logic.record(tools.audit, "note.add", actor=caller, subject=user)
        return NoteOut.model_validate(note)


def list_notes(
    tools: Tools, notes: NoteStorage, caller: Caller, user_id: UUID, page: Page
) -> tuple[list[NoteOut], Pagination]:
    """Return a page of the notes about a customer, newest first. Raises NotFound."""
    user = user_logic.customer(tools, user_id)
    audit_logic.record(tools.audit, "view.notes", actor=caller, subject=user)
    found, pagination = cursors.fetch_page(page, partial(notes.list_notes, user_id), id=int)
    return [NoteOut.model_validate(note) for note in found], pagination


def _changes(user: User, changes: ContactChanges, name: str) -> bool:
    return name in changes.model_fields_set and getattr(changes, name) != getattr(user, name)


def _words(q: str) -> list[str]:
    """Return what a customer's search text must contain: a phone number's digits, or each word of another text."""
    digits = digits_of(q) if _PHONE.fullmatch(q.strip()) else ""
    return [digits] if digits else q.split()


def _present(tools: Tools, user: User) -> CustomerOut:
    (customer,) = user_logic.with_lockouts(tools, [user], CustomerOut)
    return customer
