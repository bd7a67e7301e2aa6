"""What all endpoints of the transaction service share: their OpenAPI document, tools, orders and responses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from flask import Response

from shared.core.clock import now
from shared.core.errors import AppError
from shared.core.ids import new_ids
from shared.core.money import Currency
from shared.http import request_ids
from shared.http.users import UserClient
from shared.web.access import Caller
from shared.web.approvals.rules import ApprovalRules
from shared.web.idempotency_keys import idempotency_key
from shared.web.parts import part
from shared.web.validation.openapi import AnswerTypes, answer, documented, make_api
from transaction_service import posting_logic, transaction_logic
from transaction_service.batch_logic import StepUp, to_reply
from transaction_service.category_storage import CategoryStorage
from transaction_service.counter.counter_clients import TillClient
from transaction_service.names import name_logic
from transaction_service.posting_logic import IdempotencyKeyReused, PostingTools
from transaction_service.reversals.reversal_storage import ReversalStorage
from transaction_service.transaction_clients import AccountClient, Order
from transaction_service.transaction_logic import AccountNotActive, AccountNotFound, Expired, Origin
from transaction_service.transaction_models import Transaction
from transaction_service.transaction_schemas import Category, TransactionOut, transaction_out
from transaction_service.transaction_storage import NO_ANNOTATION, TransactionStorage
from transaction_service.volumes.amount_storage import AmountStorage
from transaction_service.volumes.bank_volume_storage import BankVolumeStorage
from transaction_service.volumes.volume_storage import VolumeStorage

COMMON_REFUSALS = (AccountNotFound, AccountNotActive, Expired, IdempotencyKeyReused)
"""The refusals of every endpoint that moves money."""
api = make_api("Transactions")


def payment(*refusals: type[AppError]) -> AnswerTypes:
    """Return the documented responses of an endpoint that moves money; `refusals` are those beside the common ones."""
    return documented(
        201,
        answer(transaction=TransactionOut),
        *COMMON_REFUSALS,
        *refusals,
        may_be_pending=True,
        takes_key=True,
        replays=True,
    )


@dataclass(frozen=True)
class Tools:
    """The objects that the endpoints use."""

    transactions: TransactionStorage
    reversals: ReversalStorage
    volumes: VolumeStorage
    bank_volumes: BankVolumeStorage
    amounts: AmountStorage
    categories: CategoryStorage
    accounts: AccountClient
    users: UserClient
    currency: Currency
    posting: PostingTools
    step_up: StepUp
    tills: TillClient
    approvals: ApprovalRules
    approval_above_minor: int | None


def tools() -> Tools:
    """Return the tools of the current app."""
    return part(Tools)


def origin() -> Origin:
    """Return the origin of the current request, with a new transaction id."""
    return Origin(new_ids(1)[0], idempotency_key(), request_ids.current(), now())


def carry_out_order(order: Order, caller: Caller) -> Response:
    """Carry out one order and return its response. Raises the refusal."""
    (outcome,) = posting_logic.carry_out(tools().posting, [order])
    if isinstance(outcome, Exception):
        raise outcome
    reply = to_reply(outcome, caller, tools().currency)
    return Response(reply.body, reply.status, reply.headers)


def render_all(caller: Caller, rows: Sequence[Transaction], account_id: str | None = None) -> list[TransactionOut]:
    """Return transactions as the caller may see them, with reversals, categories and the names of both holders.

    `account_id` is set for the list of one account.
    """
    parts = tools()
    annotations = parts.transactions.annotate(caller.user_id.hex, [row.id for row in rows])
    rendered = []
    for row in rows:
        reversed_by, category = annotations.get(row.id, NO_ANNOTATION)
        failure = transaction_logic.to_failure(row)
        out = transaction_out(
            row, caller, parts.currency, failure=failure, reversed_by=reversed_by, account_id=account_id
        )
        out["category"] = cast("Category | None", category)
        rendered.append(out)
    name_logic.name_holders(parts.users, caller, rows, rendered)
    return rendered
