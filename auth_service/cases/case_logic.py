"""The rules of cases: a customer writes, staff answer, and each sees what the other wrote.

A case is open while it is the bank's turn and answered while it is the customer's. Either side closes it, staff with a
reason; a later message of the customer opens it again. Whoever opened a case is its customer, so staff can't answer
their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from uuid import UUID

from auth_service import auth_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import User
from auth_service.cases.case_clients import PaymentClient
from auth_service.cases.case_models import CaseMessage, CustomerCase
from auth_service.cases.case_schemas import CaseOut, CasesQuery, MessageOut, NewCase, OwnCasesQuery
from auth_service.cases.case_storage import CaseStorage
from shared.core import clock
from shared.core.errors import Conflict, InvalidRequest, NotFound, TooManyRequests
from shared.core.texts import folded
from shared.db.outages import rerun_when_aborted
from shared.web import cursors
from shared.web.access import Caller
from shared.web.cursors import Pagination

ANSWER = "cases:answer"
"""The permission to read and answer the cases of customers."""
MAX_MESSAGES = 100
CASES_PER_DAY, MESSAGES_PER_HOUR = 10, 30


class CaseExists(Conflict):
    """409: the customer has written about this transaction already. `details` hold the id of that case."""

    code = "CASE_EXISTS"
    message = "You have written to us about this payment already. Add a message there."


class CaseClosed(Conflict):
    """409: the case is closed already."""

    code = "CASE_CLOSED"
    message = "This case is closed already."


class CaseFull(Conflict):
    """409: the case has as many messages as it may have."""

    code = "CASE_FULL"
    message = f"This conversation has {MAX_MESSAGES} messages. Please begin a new one."


@dataclass(frozen=True)
class Cases:
    """What the rules of cases use."""

    storage: CaseStorage
    payments: PaymentClient


def open_case(tools: Tools, cases: Cases, caller: Caller, new: NewCase) -> tuple[CaseOut, list[MessageOut]]:
    """Open a case of the caller with its first message.

    The transaction service, which owns payments, says whether the transaction is the caller's. Raises NotFound when it
    is not, ServiceUnavailable, CaseExists, TooManyRequests.
    """
    transaction_id = cases.payments.own(caller.token, new.transaction_id) if new.transaction_id else None
    case_id = _open(tools, cases, caller, new, transaction_id)
    return _present(cases, case_id)


@rerun_when_aborted
def _open(tools: Tools, cases: Cases, caller: Caller, new: NewCase, transaction_id: UUID | None) -> UUID:
    at = clock.now()
    with tools.transaction():
        tools.users.find_user_to_change(caller.user_id)  # cases of one person are opened one after the other
        if transaction_id and (before := cases.storage.find_unclosed(caller.user_id, transaction_id)):
            raise CaseExists(details={"case_id": str(before.id)})
        _require_pause(cases.storage.nth_newest_case_at, caller, CASES_PER_DAY, timedelta(days=1), at)
        _require_pause(cases.storage.nth_newest_message_at, caller, MESSAGES_PER_HOUR, timedelta(hours=1), at)
        case = CustomerCase(
            user_id=caller.user_id,
            kind=new.kind,
            subject=new.subject,
            search_text=folded(new.subject),
            transaction_id=transaction_id,
            created_at=at,
        )
        cases.storage.insert(case)
        _add(cases, case, caller, new.text, at)
        details = _audited(case) | ({"transaction_id": str(transaction_id)} if transaction_id else {})
        audit_logic.record(tools.audit, "case.open", actor=caller, subject=caller, details=details)
    return case.id


def list_own(cases: Cases, caller: Caller, query: OwnCasesQuery) -> tuple[list[CaseOut], int, Pagination]:
    """Return a page of the caller's cases, the last changed first, and how many messages the caller has not seen."""
    theirs = CasesQuery(user_id=caller.user_id, state=query.state, transaction_id=query.transaction_id)
    fetch = partial(cases.storage.list_cases, theirs)
    shown, pagination = cursors.fetch_page(query, fetch, changed_at=datetime, id=UUID)
    return [CaseOut.model_validate(case) for case in shown], cases.storage.count_unread(caller.user_id), pagination


def list_all(tools: Tools, cases: Cases, caller: Caller, query: CasesQuery) -> tuple[list[CaseOut], int, Pagination]:
    """Return a page of all cases, the last changed first, and how many of the bank's cases are open."""
    fetch = partial(cases.storage.list_cases, query)
    shown, pagination = cursors.fetch_page(query, fetch, changed_at=datetime, id=UUID)
    subject = tools.users.find_user(query.user_id) if query.user_id else None
    audit_logic.record_list(tools.audit, "list.cases", caller, query, subject)
    return [CaseOut.model_validate(case) for case in shown], cases.storage.count_open(), pagination


def details(tools: Tools, cases: Cases, caller: Caller, case_id: UUID) -> tuple[CaseOut, list[MessageOut]]:
    """Return a case of the caller, or any case to staff who may answer, with its messages. Raises NotFound.

    From then on the customer has seen all messages of the bank.
    """
    case = _require_visible(caller, cases.storage.find_case(case_id))
    if case.user_id != caller.user_id:
        subject = tools.users.find_user(case.user_id)
        audit_logic.record(tools.audit, "view.case", actor=caller, subject=subject, details=_audited(case))
        return _present(cases, case_id)
    shown = _present(cases, case_id)
    if case.unread:
        _mark_read(tools, cases, case_id)
    return shown


@rerun_when_aborted
def write(tools: Tools, cases: Cases, caller: Caller, case_id: UUID, text: str) -> tuple[CaseOut, list[MessageOut]]:
    """Add a message to a case: the customer's opens it, one of staff answers it and tells the customer by mail.

    Raises NotFound, and for customers CaseFull, TooManyRequests.
    """
    at = clock.now()
    with tools.transaction():
        case = _require_visible(caller, cases.storage.find_case_to_change(case_id))
        if case.user_id == caller.user_id:
            _require_room(tools, cases, caller, case, at)
            case.state, action = "open", "case.write"
        else:
            case.state, action = "answered", "case.answer"
        _add(cases, case, caller, text, at)
        user = _notify(tools, case)
        audit_logic.record(tools.audit, action, actor=caller, subject=user, details=_audited(case))
    return _present(cases, case_id)


@rerun_when_aborted
def close(
    tools: Tools, cases: Cases, caller: Caller, case_id: UUID, reason: str | None
) -> tuple[CaseOut, list[MessageOut]]:
    """Close a case: the caller's own, or as staff a customer's with a reason, and tell the customer by mail.

    Raises NotFound, CaseClosed, InvalidRequest.
    """
    at = clock.now()
    with tools.transaction():
        case = _require_visible(caller, cases.storage.find_case_to_change(case_id))
        if case.user_id != caller.user_id and not reason:
            raise InvalidRequest(details={"reason": "is required"})
        if case.state == "closed":
            raise CaseClosed
        case.state = "closed"
        _add(cases, case, caller, reason or "", at, closes=True)
        user = _notify(tools, case)
        details = _audited(case) | ({"reason": reason} if reason else {})
        audit_logic.record(tools.audit, "case.close", actor=caller, subject=user, details=details)
    return _present(cases, case_id)


@rerun_when_aborted
def _mark_read(tools: Tools, cases: Cases, case_id: UUID) -> None:
    with tools.transaction():
        case = cases.storage.find_case_to_change(case_id)
        if case:
            case.unread = 0


def _add(cases: Cases, case: CustomerCase, author: Caller, text: str, at: datetime, *, closes: bool = False) -> None:
    from_bank = author.user_id != case.user_id
    message = CaseMessage(
        case_id=case.id, author_id=author.user_id, from_bank=from_bank, closes=closes, text=text, created_at=at
    )
    cases.storage.insert(message)
    case.changed_at = at
    case.unread = case.unread + 1 if from_bank else 0


def _notify(tools: Tools, case: CustomerCase) -> User | None:
    """Tell the customer by mail of the bank's first message that they have not seen. The mail holds nothing of it."""
    user = tools.users.find_user(case.user_id)
    if user and case.unread == 1:
        auth_logic.notify(tools, user, "case_answered")
    return user


def _require_visible(caller: Caller, case: CustomerCase | None) -> CustomerCase:
    if case is None or not (case.user_id == caller.user_id or caller.may(ANSWER)):
        raise NotFound("There is no such case.")
    return case


def _require_room(tools: Tools, cases: Cases, caller: Caller, case: CustomerCase, at: datetime) -> None:
    """Raise CaseFull or TooManyRequests when a customer has written too much."""
    tools.users.find_user_to_change(caller.user_id)  # messages of one person are counted one after the other
    if cases.storage.count_messages(case.id) >= MAX_MESSAGES:
        raise CaseFull
    _require_pause(cases.storage.nth_newest_message_at, caller, MESSAGES_PER_HOUR, timedelta(hours=1), at)


def _require_pause(
    nth_newest_at: Callable[[UUID, int], datetime | None], caller: Caller, limit: int, within: timedelta, at: datetime
) -> None:
    """Raise TooManyRequests when the caller wrote `limit` times within that time already."""
    oldest = nth_newest_at(caller.user_id, limit)
    if oldest and oldest + within > at:
        raise TooManyRequests(
            "You have written to us very often. Please wait for our answer, or call us.",
            retry_after_seconds=ceil((oldest + within - at).total_seconds()),
        )


def _present(cases: Cases, case_id: UUID) -> tuple[CaseOut, list[MessageOut]]:
    case = cases.storage.find_case(case_id)
    if case is None:
        raise NotFound("There is no such case.")
    messages = [MessageOut.model_validate(message) for message in cases.storage.list_messages(case_id)]
    return CaseOut.model_validate(case), messages


def _audited(case: CustomerCase) -> dict[str, str]:
    return {"case_id": str(case.id), "kind": case.kind}
