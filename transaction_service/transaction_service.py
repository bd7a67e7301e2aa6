"""The transaction service: deposits, withdrawals, transfers and reversals, on port 8003."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID

import requests
from flask import Blueprint, Flask, Response, current_app
from pydantic import BaseModel, Field

from shared.concurrency.background import PeriodicTask
from shared.core.clock import now
from shared.core.errors import AppError, NotFound
from shared.core.ids import new_ids
from shared.core.money import Currency, CurrencyCode
from shared.db.kept_currency import require_currency
from shared.http import request_ids
from shared.web import fast_path, responses, serving
from shared.web.access import Caller, admin_only, caller_of, private, service_only, staff_only
from shared.web.application import Peers, health_of, lifecycle_of, make_app, make_session
from shared.web.idempotency_keys import idempotency_key, well_formed
from shared.web.responses import success
from shared.web.settings import Seconds, Settings
from shared.web.validation.openapi import AnswerTypes, documented, make_api, read_body
from transaction_service import posting_logic, reversal_logic, transaction_logic
from transaction_service.posting_logic import IdempotencyKeyReused, Outcome, PostingTools
from transaction_service.projection_logic import OtherLedger, Projection
from transaction_service.projection_storage import ProjectionStorage
from transaction_service.reversal_logic import NotReversible, OwnTransaction
from transaction_service.reversal_storage import ReversalStorage
from transaction_service.transaction_clients import AccountClient, LedgerClient, Order
from transaction_service.transaction_logic import (
    AccountNotActive,
    AccountNotFound,
    AlreadyPaidOut,
    AlreadyReversed,
    Expired,
    InsufficientFunds,
    Origin,
    PayeeNotActive,
    PayeeNotFound,
    SameAccount,
    failure_of,
)
from transaction_service.transaction_models import Transaction, db
from transaction_service.transaction_schemas import (
    BatchedReplies,
    BatchedReply,
    BatchedRequest,
    BatchedRequests,
    NewTransfer,
    OwnMovement,
    PayOut,
    Period,
    RecentAnswer,
    RecentQuery,
    Reversal,
    SummaryQuery,
    SuspenseAnswer,
    SuspenseItemOut,
    SuspenseQuery,
    TransactionAnswer,
    TransactionFilters,
    TransactionOut,
    TransactionsAnswer,
    TransactionsQuery,
    transaction_out,
)
from transaction_service.transaction_storage import TransactionStorage
from transaction_service.volume_schemas import StatisticsAnswer, SummaryAnswer, statistics_of, summary_of
from transaction_service.volume_storage import VolumeStorage

CATCH_UP_SECONDS = 1.0
MAX_BATCH_BYTES = 768 * 1024  # more than the gateway sends at once: a call that is refused refuses all that is in it
_log = logging.getLogger(__name__)
_GATHERED: dict[str, tuple[type[BaseModel], Callable[..., Order]]] = {
    "deposit": (OwnMovement, transaction_logic.deposit),
    "withdraw": (OwnMovement, transaction_logic.withdraw),
    "transfer": (NewTransfer, transaction_logic.transfer),
}

api = make_api("Transactions")
transactions = Blueprint("transactions", __name__, url_prefix="/api/transactions")
internal = Blueprint("internal", __name__, url_prefix="/internal")


class TransactionSettings(Settings):
    """Settings of the transaction service."""

    service_name: ClassVar[str] = "transaction-service"
    secrets: ClassVar[dict[str, tuple[str, str]]] = {
        "client_secret": ("TRANSACTION_SERVICE_SECRET", "transaction_service_secret")
    }

    port: int = Field(8003, ge=1, le=65535, validation_alias="TRANSACTION_SERVICE_PORT")
    given_database_url: str | None = Field(None, repr=False, validation_alias="TRANSACTION_DATABASE_URL")
    client_secret: str = Field(min_length=32, repr=False, validation_alias="TRANSACTION_SERVICE_SECRET")
    currency: CurrencyCode = Field("USD", validation_alias="BANK_CURRENCY")
    read_timeout_seconds: Seconds = Field(3.0, validation_alias="BANK_READ_TIMEOUT_SECONDS")


def _payment(*refusals: type[AppError]) -> AnswerTypes:
    """The answers of an endpoint that moves money, and the refusals that it has beside those that all of them have."""
    usual = (AccountNotFound, AccountNotActive, Expired, IdempotencyKeyReused)
    return documented(201, TransactionAnswer, *usual, *refusals, may_be_pending=True, takes_key=True, replays=True)


@transactions.post("/deposit")
@private
@api.validate(resp=_payment())
def deposit(caller: Caller, json: OwnMovement) -> Response:
    """Pay money into an account of the caller's."""
    return _carry_out(transaction_logic.deposit(_tools().currency, caller, json, _origin()), caller)


@transactions.post("/withdraw")
@private
@api.validate(resp=_payment(InsufficientFunds))
def withdraw(caller: Caller, json: OwnMovement) -> Response:
    """Draw money from an account of the caller's."""
    return _carry_out(transaction_logic.withdraw(_tools().currency, caller, json, _origin()), caller)


@transactions.post("/transfer")
@private
@api.validate(resp=_payment(InsufficientFunds, PayeeNotFound, PayeeNotActive, SameAccount))
def transfer(caller: Caller, json: NewTransfer) -> Response:
    """Move money from an account of the caller's to another of the bank's."""
    return _carry_out(transaction_logic.transfer(_tools().currency, caller, json, _origin()), caller)


@transactions.post("/reverse/<uuid:transaction_id>")
@admin_only
@api.validate(resp=_payment(InsufficientFunds, NotReversible, AlreadyReversed, OwnTransaction))
def reverse(caller: Caller, transaction_id: UUID, json: Reversal) -> Response:
    """Undo a completed transaction by a new, opposite one."""
    reversal = reversal_logic.reverse(
        _tools().reversals, _tools().accounts, caller, transaction_id.hex, json, origin=_origin()
    )
    return _carry_out(reversal, caller)


@transactions.get("/suspense")
@staff_only
@api.validate(resp=documented(200, SuspenseAnswer))
def list_suspense(_caller: Caller, query: SuspenseQuery) -> Response:
    """Money that reversals could give back to no account, newest first."""
    items, pagination = reversal_logic.list_suspense(_tools().reversals, query)
    return success(suspense=[SuspenseItemOut.of(item, _tools().currency) for item in items], pagination=pagination)


@transactions.post("/pay_out/<uuid:transaction_id>")
@admin_only
@api.validate(resp=_payment(NotFound, OwnTransaction, AlreadyPaidOut))
def pay_out(caller: Caller, transaction_id: UUID, json: PayOut) -> Response:
    """Give money in suspense to an account of its customer."""
    payout = reversal_logic.pay_out(
        _tools().reversals, _tools().accounts, caller, transaction_id.hex, json, origin=_origin()
    )
    return _carry_out(payout, caller)


@transactions.get("/list")
@private
@api.validate(resp=documented(200, TransactionsAnswer))
def list_own(caller: Caller, query: TransactionsQuery) -> Response:
    """Everything on the caller's accounts, in and out, newest first."""
    rows, pagination = transaction_logic.list_own(_tools().transactions, _tools().currency, caller, query)
    return success(transactions=_seen_by(caller, rows), pagination=pagination)


@transactions.get("/recent")
@private
@api.validate(resp=documented(200, RecentAnswer))
def recent(caller: Caller, query: RecentQuery) -> Response:
    """The caller's newest transactions."""
    return success(transactions=_seen_by(caller, transaction_logic.recent(_tools().transactions, caller, query.limit)))


@transactions.get("/account/<uuid:account_id>")
@private
@api.validate(resp=documented(200, TransactionsAnswer))
def list_of_account(caller: Caller, account_id: UUID, query: TransactionFilters) -> Response:
    """What happened on one account, newest first."""
    rows, pagination = transaction_logic.list_of_account(
        _tools().transactions, _tools().accounts, _tools().currency, caller, account_id.hex, query=query
    )
    return success(transactions=_seen_by(caller, rows, account_id.hex), pagination=pagination)


@transactions.get("/details/<uuid:transaction_id>")
@private
@api.validate(resp=documented(200, TransactionAnswer))
def details(caller: Caller, transaction_id: UUID) -> Response:
    """One transaction."""
    (transaction,) = _seen_by(caller, [transaction_logic.details(_tools().transactions, caller, transaction_id.hex)])
    return success(transaction=transaction)


@transactions.get("/summary")
@private
@api.validate(resp=documented(200, SummaryAnswer, NotFound))
def summary(caller: Caller, query: SummaryQuery) -> Response:
    """What the caller's completed transactions add up to."""
    return success(
        summary=summary_of(
            transaction_logic.volumes(_tools().volumes, _tools().accounts, caller, query), _tools().currency
        )
    )


@transactions.get("/all")
@staff_only
@api.validate(resp=documented(200, TransactionsAnswer))
def list_all(caller: Caller, query: TransactionsQuery) -> Response:
    """All transactions of the bank, newest first."""
    rows, pagination = transaction_logic.list_all(_tools().transactions, _tools().currency, query)
    return success(transactions=_seen_by(caller, rows), pagination=pagination)


@internal.get("/statistics")
@service_only("statistics:read")
@api.validate(resp=documented(200, StatisticsAnswer))
def statistics(query: Period) -> Response:
    """The whole bank's completed transactions, counted."""
    volumes = _tools().volumes.of_all(since=query.since, until=query.until)
    return success(statistics=statistics_of(volumes, _tools().currency))


@internal.post("/requests")
@service_only("transactions:submit")
@api.validate(resp=documented(200, BatchedReplies))
def carry_out_batch(json: BatchedRequests) -> Response:
    """Requests of many people, gathered at the gateway, each answered as if it had come alone."""
    tools, at, ids = _tools(), now(), new_ids(len(json.requests))
    _log.info("requests", extra={"request_ids": [request.request_id for request in json.requests]})
    asked = [
        _asked_for(request, tools.currency, transaction_id, at)
        for request, transaction_id in zip(json.requests, ids, strict=True)
    ]
    outcomes = iter(posting_logic.carry_out(tools.posting, [one.order for one in asked if isinstance(one, _Asked)]))
    return success(answers=[_batched_reply(one, outcomes, tools.currency) for one in asked])


@dataclass(frozen=True)
class Tools:
    """What the endpoints work with."""

    transactions: TransactionStorage
    reversals: ReversalStorage
    volumes: VolumeStorage
    accounts: AccountClient
    currency: Currency
    posting: PostingTools


def create_app(settings: TransactionSettings, session: requests.Session | None = None) -> Flask:
    """The transaction service. `session` carries its calls to other services."""
    peers = Peers(settings, session or make_session(), settings.client_secret)
    account_peer = peers["account-service"]
    app = make_app(
        settings,
        verifier=peers.verifier(),
        database=db,
        database_url=settings.database_url(settings.given_database_url, "transaction.db"),
        depends_on=[peers["auth-service"], account_peer],
        api=api,
        max_body_bytes=MAX_BATCH_BYTES,
    )
    currency = Currency.of(settings.currency)
    require_currency(app, db, currency, amounts="transaction")
    storage, ledger = TransactionStorage(db), LedgerClient(account_peer, peers.token)
    posting = PostingTools(storage, ledger, Projection(storage, ProjectionStorage(db), ledger))
    app.extensions["tools"] = Tools(
        storage, ReversalStorage(db), VolumeStorage(db), AccountClient(account_peer), currency, posting
    )
    app.register_blueprint(transactions)
    app.register_blueprint(internal)
    fast_path.install(app, "internal.carry_out_batch")
    lifecycle_of(app).add(peers.directory)
    _keep_caught_up(app, posting)
    return app


def _keep_caught_up(app: Flask, posting: PostingTools) -> None:
    """Project what the ledger has decided: before the service is healthy, and every second from then on."""
    lifecycle = lifecycle_of(app)

    def catch_up() -> None:
        with app.app_context():
            try:
                posting.projection.catch_up()
                posting_logic.resend(posting)
            except OtherLedger as error:
                lifecycle.give_up(error)
                raise

    health_of(app).add("ledger", lambda: posting.projection.works)
    lifecycle.add(PeriodicTask(catch_up, name="catching up", interval_seconds=CATCH_UP_SECONDS))


def _tools() -> Tools:
    tools: Tools = current_app.extensions["tools"]
    return tools


def _origin() -> Origin:
    return Origin(new_ids(1)[0], idempotency_key(), request_ids.current(), now())


def _carry_out(order: Order, caller: Caller) -> Response:
    (outcome,) = posting_logic.carry_out(_tools().posting, [order])
    if isinstance(outcome, Exception):
        raise outcome
    answer = _answer(outcome, caller, _tools().currency)
    return Response(answer.body, answer.status, answer.headers)


class _Asked(NamedTuple):
    order: Order
    caller: Caller


def _asked_for(request: BatchedRequest, currency: Currency, transaction_id: str, at: datetime) -> _Asked | Exception:
    """What a gathered request asks for, or why it is refused, in the order in which it would be found alone."""
    schema, rule = _GATHERED[request.kind]
    try:
        caller = caller_of(request.token)
        new = read_body(schema, request.body.encode())
        origin = Origin(transaction_id, well_formed(request.idempotency_key), request.request_id, at)
        return _Asked(rule(currency, caller, new, origin), caller)
    except Exception as error:  # whatever is wrong with one, the others are carried out
        return error


def _batched_reply(
    asked: _Asked | Exception, outcomes: Iterator[Outcome | Exception], currency: Currency
) -> BatchedReply:
    """The answer to one gathered request; `outcomes` holds those of all that were carried out, in order."""
    if isinstance(asked, Exception):
        return _refusal(responses.as_told(asked))
    outcome = next(outcomes)
    if isinstance(outcome, Exception):
        return _refusal(responses.as_told(outcome))
    return _answer(outcome, asked.caller, currency)


def _answer(outcome: Outcome, caller: Caller, currency: Currency) -> BatchedReply:
    """201 for what is done, 202 for what is not known yet, or the refusal; the same again when it is asked again."""
    transaction = outcome.transaction
    if failure := failure_of(transaction):
        answer = _refusal(failure)
    elif transaction.status == "pending":
        message = "This payment has not settled yet. Look again in a moment; no money is lost."
        answer = _success(202, _out(transaction, caller, currency), message)
    else:
        message = f"{transaction.transaction_type.capitalize()} completed"
        answer = _success(201, _out(transaction, caller, currency), message)
    if outcome.replayed:
        answer.headers["Idempotent-Replayed"] = "true"
    return answer


def _success(status: int, transaction: TransactionOut, message: str) -> BatchedReply:
    body = responses.success_body(transaction=transaction, message=message)
    return BatchedReply(status, {"Content-Type": responses.JSON}, body.decode())


def _refusal(error: AppError) -> BatchedReply:
    response = responses.failure(error)
    return BatchedReply(response.status_code, dict(response.headers), response.get_data(as_text=True))


def _out(
    transaction: Transaction,
    caller: Caller,
    currency: Currency,
    *,
    reversed_by: str | None = None,
    account_id: str | None = None,
) -> TransactionOut:
    failure = failure_of(transaction)
    return transaction_out(
        transaction,
        currency,
        viewer_id=caller.user_id.hex,
        sees_all=caller.is_staff,
        failure_code=failure.code if failure else None,
        reversed_by=reversed_by,
        account_id=account_id,
    )


def _seen_by(caller: Caller, rows: Sequence[Transaction], account_id: str | None = None) -> list[TransactionOut]:
    """The answers for rows, each with what has reversed it; `account_id` is given in a list of one account."""
    currency, reversals = _tools().currency, transaction_logic.reversals(_tools().transactions, rows)
    return [_out(row, caller, currency, reversed_by=reversals.get(row.id), account_id=account_id) for row in rows]


if __name__ == "__main__":
    serving.serve(create_app, TransactionSettings)
