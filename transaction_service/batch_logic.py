"""Payments in batches: parse each request of a batch, and make the reply that it would get as a single request.

Single payments get their replies from here as well, and the rule that some transfers need a fresh second factor, so
that both are the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel

from shared.core.errors import NotFound
from shared.core.money import Currency
from shared.web import responses
from shared.web.access import Caller, StepUpRequired, caller_of, require_fresh_second_factor
from shared.web.idempotency_keys import well_formed
from shared.web.validation.openapi import read_body
from transaction_service import transaction_logic
from transaction_service.posting_logic import Outcome
from transaction_service.transaction_clients import AccountClient, Order
from transaction_service.transaction_logic import Origin, to_failure
from transaction_service.transaction_schemas import (
    BatchedReply,
    BatchedRequest,
    NewTransfer,
    OwnMovement,
    transaction_out,
)
from transaction_service.transaction_storage import TransactionStorage

MAX_REMEMBERED_PAYEES = 50_000
_KINDS: dict[str, tuple[type[BaseModel], Callable[..., Order]]] = {
    "deposit": (OwnMovement, transaction_logic.deposit),
    "withdraw": (OwnMovement, transaction_logic.withdraw),
    "transfer": (NewTransfer, transaction_logic.transfer),
}


@dataclass(frozen=True)
class StepUp:
    """The rule that a transfer to somebody else whom the user has not paid before, or above an amount, needs a fresh
    second factor of a user who has one.

    `above_minor` is None for no such amount.
    """

    above_minor: int | None
    accounts: AccountClient
    transactions: TransactionStorage
    paid_before: set[tuple[str, str]] = field(default_factory=set)
    """Users with payees that this process has found among their payments."""

    def check(self, caller: Caller, new: NewTransfer, order: Order) -> None:
        """Raise StepUpRequired for a large transfer to somebody else, or to a new payee, without a fresh second factor.

        For users without a second factor, and while the last proof is fresh, this compares two numbers. Only then are
        payments looked up, and the account service is asked whose account it is. An account that is named by its
        number counts as somebody else's.
        """
        try:
            require_fresh_second_factor(caller)
        except StepUpRequired:
            is_large = self.above_minor is not None and order["amount_minor"] > self.above_minor
            if not is_large and self._has_paid(caller, new):
                return
            if not new.to_account_id or not self._is_own(caller, new.to_account_id):
                raise

    def _has_paid(self, caller: Caller, new: NewTransfer) -> bool:
        payee = (caller.user_id.hex, new.to_account_id or new.to_account_number or "")
        if payee in self.paid_before:
            return True
        has_paid = self.transactions.has_paid(caller.user_id.hex, new.to_account_id, new.to_account_number)
        self.transactions.refresh()  # no connection is held while the ledger decides
        if has_paid:
            if len(self.paid_before) >= MAX_REMEMBERED_PAYEES:
                self.paid_before.clear()
            self.paid_before.add(payee)
        return has_paid

    def _is_own(self, caller: Caller, account_id: str) -> bool:
        try:
            return self.accounts.owner_id(caller.token, account_id) == caller.user_id.hex
        except NotFound:
            return False


class ParsedPayment(NamedTuple):
    """A valid request of a batch: its order, and the user who sent it."""

    order: Order
    caller: Caller


def parse_payment(
    request: BatchedRequest, currency: Currency, transaction_id: str, at: datetime, step_up: StepUp
) -> ParsedPayment | Exception:
    """Return the order of a request, or the error to answer with.

    Token, body and key are checked in the same sequence as for a single request, so that the first error is the same.
    """
    schema, rule = _KINDS[request.kind]
    try:
        caller = caller_of(request.token)
        new = read_body(schema, request.body.encode())
        origin = Origin(transaction_id, well_formed(request.idempotency_key), request.request_id, at)
        order = rule(currency, caller, new, origin)
        if isinstance(new, NewTransfer):
            step_up.check(caller, new, order)
        return ParsedPayment(order, caller)
    except Exception as error:  # an error of one request must not fail the others of the batch
        return error


def to_batched_reply(
    payment: ParsedPayment | Exception, outcomes: Iterator[Outcome | Exception], currency: Currency
) -> BatchedReply:
    """Return the reply to a request of a batch. `outcomes` are those of all valid requests, in order."""
    if isinstance(payment, Exception):
        return _to_error_reply(payment)
    outcome = next(outcomes)
    return _to_error_reply(outcome) if isinstance(outcome, Exception) else to_reply(outcome, payment.caller, currency)


def to_reply(outcome: Outcome, caller: Caller, currency: Currency) -> BatchedReply:
    """Return 201 for a completed transaction, 202 for a pending one, else the error. A replay gets the same reply."""
    transaction = outcome.transaction
    if failure := to_failure(transaction):
        reply = _to_error_reply(failure)
    else:
        status, message = 201, f"{transaction.transaction_type.capitalize()} completed"
        if transaction.status == "pending":
            status, message = 202, "This payment has not settled yet. Look again in a moment; no money is lost."
        body = responses.success_body(transaction=transaction_out(transaction, caller, currency), message=message)
        reply = BatchedReply(status, {"Content-Type": responses.JSON}, body.decode())
    if outcome.replayed:
        reply.headers["Idempotent-Replayed"] = "true"
    return reply


def _to_error_reply(error: Exception) -> BatchedReply:
    response = responses.failure(responses.to_app_error(error))
    return BatchedReply(response.status_code, dict(response.headers), response.get_data(as_text=True))
