"""The rules of tills: opened with a float from the vault, counted and closed by their employee.

Both are postings in the ledger, written in the commit that opens or closes the till. In between, the cash of a till
changes only in ledger_logic, by bookings at the counter.
"""

from datetime import datetime
from functools import partial
from hashlib import sha256
from uuid import UUID, uuid4, uuid5

from account_service.account_models import OVER_AND_SHORT_ACCOUNT_ID, VAULT_ACCOUNT_ID, Account, Entry, Till
from account_service.account_storage import AccountStorage
from account_service.ledger_logic import decision_time, make_posting
from account_service.ledger_schemas import Order
from account_service.ledger_storage import LedgerStorage
from account_service.till_schemas import AccountQuery, CashMovement, NewTill, OwnedTillsQuery, TillCount
from account_service.till_storage import TillStorage
from shared.core import check_digits
from shared.core.errors import Conflict, InvalidRequest, NotFound, Unprocessable
from shared.core.ids import dashed, new_ids
from shared.db.outages import rerun_when_aborted, rerun_when_unsure
from shared.http import request_ids
from shared.web import audit_trail, cursors
from shared.web.cursors import Page, Pagination

TILL = "till"
"""The type of the postings that open and close tills."""


class TillAlreadyOpen(Conflict):
    """409: the employee has an open till."""

    code = "TILL_ALREADY_OPEN"
    message = "You have an open till already. Count and close it before you open another one."


class TillClosed(Conflict):
    """409: the till was closed with another count."""

    code = "TILL_CLOSED"
    message = "This till has been counted and closed already."


class TillKeyReused(Unprocessable):
    """The key was used before to open a till with another float."""

    code = "IDEMPOTENCY_KEY_REUSED"
    message = "This Idempotency-Key was used for another till. Use a new key for a new till."


@rerun_when_aborted
def open_till(tills: TillStorage, ledger: LedgerStorage, new: NewTill) -> Till:
    """Open a till for an employee, and book its float from the vault. The same key opens only one till.

    Raises TillAlreadyOpen, TillKeyReused.
    """
    till_id = uuid5(new.user_id, f"till {new.idempotency_key}") if new.idempotency_key else uuid4()
    with tills.transaction():
        opened = tills.find_till(till_id)
        if opened and opened.float_minor != new.float_minor:
            raise TillKeyReused
        if opened:
            return opened
        if tills.find_open_till(new.user_id):
            raise TillAlreadyOpen
        till = Till(
            id=till_id,
            user_id=new.user_id,
            float_minor=new.float_minor,
            cash_minor=new.float_minor,
            status="open",
            opened_at=_book(ledger, new.user_id, ("Float", till_id.hex, VAULT_ACCOUNT_ID, new.float_minor)),
        )
        tills.insert(till)
        details = {"till_id": str(till_id), "float_minor": new.float_minor}
        audit_trail.record(ledger.outbox, "till.open", actor_id=new.user_id, details=details)
        return till


@rerun_when_unsure
def close_till(tills: TillStorage, ledger: LedgerStorage, till_id: UUID, count: TillCount) -> Till:
    """Close a till: book the difference to the expected cash, and return the counted cash to the vault.

    The same count again changes nothing. Raises NotFound, TillClosed.
    """
    with tills.transaction():
        till = _require_found(tills.find_till_to_change(till_id))
        if till.status == "closed" and till.counted_minor == count.counted_minor:
            return till
        if till.status == "closed":
            raise TillClosed
        account, difference = till.id.hex, count.counted_minor - till.cash_minor
        till.status, till.closed_by, till.cash_minor = "closed", count.closed_by, 0
        till.counted_minor, till.difference_minor = count.counted_minor, difference
        till.closed_at = _book(
            ledger,
            count.closed_by,
            ("Cash over", account, OVER_AND_SHORT_ACCOUNT_ID, max(difference, 0)),
            ("Cash short", OVER_AND_SHORT_ACCOUNT_ID, account, max(-difference, 0)),
            ("Counted cash", VAULT_ACCOUNT_ID, account, count.counted_minor),
        )
        details = {
            "till_id": str(till.id),
            "counted_minor": count.counted_minor,
            "difference_minor": difference,
        }
        audit_trail.record(
            ledger.outbox, "till.close", actor_id=count.closed_by, subject_id=till.user_id, details=details
        )
        return till


def details(tills: TillStorage, till_id: UUID) -> Till:
    """Return a till. Raises NotFound."""
    return _require_found(tills.find_till(till_id))


def list_tills(tills: TillStorage, query: OwnedTillsQuery) -> tuple[list[Till], Pagination]:
    """Return a page of tills, newest first."""
    fetch = partial(tills.list_tills, user_id=query.user_id, status=query.status)
    return cursors.fetch_page(query, fetch, opened_at=datetime, id=UUID)


def movements(
    tills: TillStorage, ledger: LedgerStorage, till_id: UUID, page: Page
) -> tuple[list[CashMovement], Pagination]:
    """Return a page of the postings of a till, newest first. Raises NotFound."""
    fetch = partial(ledger.entries.list_page, details(tills, till_id).id.hex, newest_first=True, since=None, until=None)
    shown, pagination = cursors.fetch_page(page, fetch, booked_at=datetime, sequence=int)
    return [_to_movement(entry) for entry in shown], pagination


def find_account(accounts: AccountStorage, query: AccountQuery) -> Account:
    """Return the account with this id or number. Raises InvalidRequest for a wrong check digit, NotFound."""
    if query.account_number is not None and not check_digits.is_valid(query.account_number):
        raise InvalidRequest(details={"account_number": "is not an account number; check its ten digits"})
    if query.account_id:
        account = accounts.find_account(query.account_id)
    else:
        account = accounts.find_by_number(query.account_number or "")
    if account is None:
        raise NotFound("There is no such account.")
    return account


def _book(ledger: LedgerStorage, user_id: UUID, *moves: tuple[str, str, str, int]) -> datetime:
    """Write postings between accounts of the bank, and return their time. Needs an open transaction.

    A move is the description, the source, the target and the amount in minor units; without an amount it is left out.
    """
    at, moves = decision_time(ledger), tuple(move for move in moves if move[-1])
    orders = [
        Order(
            transaction_id=transaction_id,
            transaction_type=TILL,
            user_id=user_id.hex,
            amount_minor=amount_minor,
            from_account_id=source_id,
            to_account_id=target_id,
            to_account_number=None,
            reverses_id=None,
            description=description,
            fingerprint=sha256(transaction_id.encode()).hexdigest(),
            idempotency_key=None,
            request_id=request_ids.current(),
            requested_at=at,
        )
        for transaction_id, (description, source_id, target_id, amount_minor) in zip(
            new_ids(len(moves)), moves, strict=True
        )
    ]
    ledger.add_postings([make_posting(order, "posted", at) for order in orders])
    return at


def _to_movement(entry: Entry) -> CashMovement:
    return CashMovement(
        sequence=entry.sequence,
        transaction_id=UUID(entry.transaction_id),
        transaction_type=entry.transaction_type,
        cash_minor=-entry.amount_minor,
        other_account_id=dashed(entry.other_account_id) if entry.other_account_id else None,
        description=entry.description,
        booked_at=entry.booked_at,
    )


def _require_found(till: Till | None) -> Till:
    if till is None:
        raise NotFound("There is no such till.")
    return till
