"""The transaction service: deposits, withdrawals, transfers and reversals, on port 8003."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

import requests
from flask import Blueprint, Flask, Response, current_app
from pydantic import Field

from shared.concurrency.background import PeriodicTask
from shared.core.clock import now
from shared.core.errors import AppError, NotFound
from shared.core.ids import new_ids
from shared.core.money import Currency, CurrencyCode
from shared.db.kept_currency import require_currency
from shared.db.outbox import Outbox
from shared.http import request_ids
from shared.http.client import Peer
from shared.web import audit_trail, fast_path, serving
from shared.web.access import Caller, StepUpRequired, admin_only, private, service_only, staff_only
from shared.web.application import Peers, health_of, lifecycle_of, make_app, make_session
from shared.web.idempotency_keys import idempotency_key
from shared.web.responses import success
from shared.web.settings import Seconds, Settings
from shared.web.validation.openapi import AnswerTypes, documented, make_api
from transaction_service import posting_logic, reversal_logic, transaction_logic
from transaction_service.amount_storage import AmountStorage
from transaction_service.batch_logic import ParsedPayment, StepUp, parse_payment, to_batched_reply, to_reply
from transaction_service.figures import figure_logic
from transaction_service.names import name_logic
from transaction_service.names.name_clients import NameClient
from transaction_service.posting_logic import IdempotencyKeyReused, PostingTools
from transaction_service.projection_logic import LedgerMismatch, Projection
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
)
from transaction_service.transaction_models import Transaction, db
from transaction_service.transaction_schemas import (
    BatchedReplies,
    BatchedRequests,
    NewTransfer,
    OwnersAnswer,
    OwnMovement,
    PayOut,
    RecentAnswer,
    RecentQuery,
    Reversal,
    StatisticsQuery,
    SummaryQuery,
    SuspenseAnswer,
    SuspenseItemOut,
    SuspenseQuery,
    TransactionAnswer,
    TransactionFilters,
    TransactionOut,
    TransactionsAnswer,
    TransactionsQuery,
    VolumesQuery,
)
from transaction_service.transaction_storage import TransactionStorage
from transaction_service.volume_schemas import (
    FlowStatisticsAnswer,
    StatisticsAnswer,
    SummaryAnswer,
    flow_statistics_of,
    statistics_of,
    summary_of,
)
from transaction_service.volume_storage import VolumeStorage

CATCH_UP_SECONDS = 1.0
MAX_BATCH_BYTES = 768 * 1024  # more than the gateway sends, since a refused call refuses all its payments
_log = logging.getLogger(__name__)

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
    step_up_amount: Decimal | None = Field(None, ge=0, allow_inf_nan=False, validation_alias="STEP_UP_AMOUNT")
    read_timeout_seconds: Seconds = Field(3.0, validation_alias="BANK_READ_TIMEOUT_SECONDS")


def _payment(*refusals: type[AppError]) -> AnswerTypes:
    """Return the documented responses of an endpoint that moves money; `refusals` are those beside the common ones."""
    usual = (AccountNotFound, AccountNotActive, Expired, IdempotencyKeyReused)
    return documented(201, TransactionAnswer, *usual, *refusals, may_be_pending=True, takes_key=True, replays=True)


@transactions.post("/deposit")
@private
@api.validate(resp=_payment())
def deposit(caller: Caller, json: OwnMovement) -> Response:
    """Pay money into an account of the caller."""
    return _carry_out(transaction_logic.deposit(_tools().currency, caller, json, _origin()), caller)


@transactions.post("/withdraw")
@private
@api.validate(resp=_payment(InsufficientFunds))
def withdraw(caller: Caller, json: OwnMovement) -> Response:
    """Draw money from an account of the caller."""
    return _carry_out(transaction_logic.withdraw(_tools().currency, caller, json, _origin()), caller)


@transactions.post("/transfer")
@private
@api.validate(resp=_payment(InsufficientFunds, PayeeNotFound, PayeeNotActive, SameAccount, StepUpRequired))
def transfer(caller: Caller, json: NewTransfer) -> Response:
    """Move money from an account of the caller to another account of this bank."""
    order = transaction_logic.transfer(_tools().currency, caller, json, _origin())
    if step_up := _tools().step_up:
        step_up.check(caller, json, order)
    return _carry_out(order, caller)


@transactions.post("/reverse/<uuid:transaction_id>")
@admin_only
@api.validate(resp=_payment(InsufficientFunds, NotReversible, AlreadyReversed, OwnTransaction))
def reverse(caller: Caller, transaction_id: UUID, json: Reversal) -> Response:
    """Reverse a completed transaction by a new, opposite one."""
    reversal = reversal_logic.reverse(
        _tools().reversals, _tools().accounts, caller, transaction_id.hex, json, origin=_origin()
    )
    return _carry_out(reversal, caller)


@transactions.get("/suspense")
@staff_only
@api.validate(resp=documented(200, SuspenseAnswer))
def list_suspense(caller: Caller, query: SuspenseQuery) -> Response:
    """Return the money that reversals put into the suspense account, newest first."""
    items, pagination = reversal_logic.list_suspense(_tools().reversals, caller, query)
    return success(suspense=[SuspenseItemOut.of(item, _tools().currency) for item in items], pagination=pagination)


@transactions.post("/pay_out/<uuid:transaction_id>")
@admin_only
@api.validate(resp=_payment(NotFound, OwnTransaction, AlreadyPaidOut))
def pay_out(caller: Caller, transaction_id: UUID, json: PayOut) -> Response:
    """Pay money in suspense to an account of its customer."""
    payout = reversal_logic.pay_out(
        _tools().reversals, _tools().accounts, caller, transaction_id.hex, json, origin=_origin()
    )
    return _carry_out(payout, caller)


@transactions.get("/list")
@private
@api.validate(resp=documented(200, TransactionsAnswer))
def list_own(caller: Caller, query: TransactionsQuery) -> Response:
    """Return the transactions on the caller's accounts, newest first."""
    rows, pagination = transaction_logic.list_own(_tools().transactions, _tools().currency, caller, query)
    return success(transactions=_render_all(caller, rows), pagination=pagination)


@transactions.get("/recent")
@private
@api.validate(resp=documented(200, RecentAnswer))
def recent(caller: Caller, query: RecentQuery) -> Response:
    """Return the caller's newest transactions."""
    return success(
        transactions=_render_all(caller, transaction_logic.recent(_tools().transactions, caller, query.limit))
    )


@transactions.get("/account/<uuid:account_id>")
@private
@api.validate(resp=documented(200, TransactionsAnswer))
def list_of_account(caller: Caller, account_id: UUID, query: TransactionFilters) -> Response:
    """Return the transactions on one account, newest first."""
    rows, pagination = transaction_logic.list_of_account(
        _tools().transactions, _tools().accounts, _tools().currency, caller, account_id.hex, query=query
    )
    return success(transactions=_render_all(caller, rows, account_id.hex), pagination=pagination)


@transactions.get("/details/<uuid:transaction_id>")
@private
@api.validate(resp=documented(200, TransactionAnswer))
def details(caller: Caller, transaction_id: UUID) -> Response:
    """Return one transaction."""
    (transaction,) = _render_all(caller, [transaction_logic.details(_tools().transactions, caller, transaction_id.hex)])
    return success(transaction=transaction)


@transactions.get("/summary")
@private
@api.validate(resp=documented(200, SummaryAnswer, NotFound))
def summary(caller: Caller, query: SummaryQuery) -> Response:
    """Return the sums of the caller's completed transactions."""
    return success(
        summary=summary_of(
            transaction_logic.volumes(_tools().volumes, _tools().accounts, caller, query), _tools().currency
        )
    )


@transactions.get("/statistics")
@private
@api.validate(resp=documented(200, FlowStatisticsAnswer, NotFound))
def flow_statistics(caller: Caller, query: StatisticsQuery) -> Response:
    """Return a summary with balances, and with mean, median and largest payment in each direction."""
    tools = _tools()
    flows = figure_logic.flows(tools.volumes, tools.amounts, tools.accounts, caller, query)
    return success(statistics=flow_statistics_of(flows, tools.currency))


@transactions.get("/all")
@staff_only
@api.validate(resp=documented(200, TransactionsAnswer))
def list_all(caller: Caller, query: TransactionsQuery) -> Response:
    """Return all transactions of the bank, newest first."""
    rows, pagination = transaction_logic.list_all(_tools().transactions, _tools().currency, caller, query)
    return success(transactions=_render_all(caller, rows), pagination=pagination)


@transactions.get("/user/<uuid:user_id>")
@staff_only
@api.validate(resp=documented(200, TransactionsAnswer))
def list_of_user(caller: Caller, user_id: UUID, query: TransactionsQuery) -> Response:
    """Return the transactions on one user's accounts, newest first."""
    rows, pagination = transaction_logic.list_of_user(_tools().transactions, _tools().currency, caller, user_id, query)
    return success(transactions=_render_all(caller, rows), pagination=pagination)


@internal.get("/transactions/<uuid:transaction_id>/owners")
@service_only("transactions:read")
@api.validate(resp=documented(200, OwnersAnswer))
def owners(transaction_id: UUID) -> Response:
    """Return the owners of both sides of a transaction."""
    return success(owners=transaction_logic.owners(_tools().transactions, transaction_id.hex))


@internal.get("/statistics")
@service_only("statistics:read")
@api.validate(resp=documented(200, StatisticsAnswer))
def statistics(query: VolumesQuery) -> Response:
    """Return the numbers and sums of the whole bank's completed transactions."""
    return success(statistics=statistics_of(figure_logic.bank_volumes(_tools().volumes, query), _tools().currency))


@internal.post("/requests")
@service_only("transactions:submit")
@api.validate(resp=documented(200, BatchedReplies))
def carry_out_batch(json: BatchedRequests) -> Response:
    """Carry out a batch of payment requests, and return for each the response to a single request."""
    tools, at, ids = _tools(), now(), new_ids(len(json.requests))
    _log.info("requests", extra={"request_ids": [request.request_id for request in json.requests]})
    payments = [
        parse_payment(request, tools.currency, transaction_id, at, tools.step_up)
        for request, transaction_id in zip(json.requests, ids, strict=True)
    ]
    orders = [payment.order for payment in payments if isinstance(payment, ParsedPayment)]
    outcomes = iter(posting_logic.carry_out(tools.posting, orders))
    return success(answers=[to_batched_reply(payment, outcomes, tools.currency) for payment in payments])


@dataclass(frozen=True)
class Tools:
    """The objects that the endpoints use."""

    transactions: TransactionStorage
    reversals: ReversalStorage
    volumes: VolumeStorage
    amounts: AmountStorage
    accounts: AccountClient
    names: NameClient
    currency: Currency
    posting: PostingTools
    step_up: StepUp | None


def _make_step_up(settings: TransactionSettings, currency: Currency, account_peer: Peer) -> StepUp | None:
    if settings.step_up_amount is None:
        return None
    return StepUp(int(settings.step_up_amount.scaleb(currency.decimals)), AccountClient(account_peer))


def create_app(settings: TransactionSettings, session: requests.Session | None = None) -> Flask:
    """Return the Flask app of the transaction service. `session` sends its calls to other services."""
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
        transactions=storage,
        reversals=ReversalStorage(db),
        volumes=VolumeStorage(db),
        amounts=AmountStorage(db),
        accounts=AccountClient(account_peer),
        names=NameClient(peers["auth-service"], peers.token),
        currency=currency,
        step_up=_make_step_up(settings, currency, account_peer),
        posting=posting,
    )
    app.register_blueprint(transactions)
    app.register_blueprint(internal)
    fast_path.install(app, "internal.carry_out_batch")
    lifecycle_of(app).add(peers.directory)
    audit_trail.install(app, Outbox(db), peers)
    _keep_caught_up(app, posting)
    return app


def _keep_caught_up(app: Flask, posting: PostingTools) -> None:
    """Project the ledger's postings before the service is healthy, and then every `CATCH_UP_SECONDS`."""
    lifecycle = lifecycle_of(app)

    def catch_up() -> None:
        with app.app_context():
            try:
                posting.projection.catch_up()
                posting_logic.resend(posting)
            except LedgerMismatch as error:
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
    reply = to_reply(outcome, caller, _tools().currency)
    return Response(reply.body, reply.status, reply.headers)


def _render_all(caller: Caller, rows: Sequence[Transaction], account_id: str | None = None) -> list[TransactionOut]:
    """Return transactions as the caller may see them, with the ids of their reversals and the names of their sides.

    `account_id` is set for the list of one account.
    """
    currency, reversals = _tools().currency, transaction_logic.reversals(_tools().transactions, rows)
    rendered = [
        transaction_logic.render(row, caller, currency, reversed_by=reversals.get(row.id), account_id=account_id)
        for row in rows
    ]
    name_logic.name_holders(_tools().names, caller, rows, rendered)
    return rendered


if __name__ == "__main__":
    serving.serve(create_app, TransactionSettings)
