"""The transaction service: deposits, withdrawals, transfers and reversals, on port 8003."""

from decimal import Decimal
from functools import partial
from typing import ClassVar
from uuid import UUID

import requests
from flask import Blueprint, Flask, Response
from pydantic import Field

from shared.concurrency.background import PeriodicTask
from shared.core.clock import now
from shared.core.errors import NotFound
from shared.core.ids import dashed, new_ids
from shared.core.money import Currency, CurrencyCode
from shared.db.approvals import ApprovalTable
from shared.db.kept_currency import require_currency
from shared.db.outbox import Outbox
from shared.http.users import UserClient
from shared.web import audit_trail, fast_path, serving
from shared.web.access import Caller, StepUpRequired, private, service_only, staff_with
from shared.web.application import Lifecycle, Peers, make_app, make_session
from shared.web.approvals.rules import ApprovalRules
from shared.web.cursors import page_of
from shared.web.health import Health
from shared.web.parts import keep, part
from shared.web.recording import name_batched_requests
from shared.web.responses import success
from shared.web.settings import DatabaseURL, Seconds, Settings
from shared.web.validation.openapi import answer, documented
from shared.web.validation.ranges import ComparedRange
from transaction_service import posting_logic, transaction_logic
from transaction_service.batch_logic import ParsedPayment, StepUp, parse_payment, to_batched_reply
from transaction_service.category_storage import CategoryStorage
from transaction_service.common_service import Tools, api, carry_out_order, origin, payment, render_all, tools
from transaction_service.counter.counter_clients import TillClient
from transaction_service.counter.counter_service import counter
from transaction_service.figures import figure_logic
from transaction_service.figures.figure_logic import FlowStorage
from transaction_service.names import name_logic
from transaction_service.posting_logic import PostingTools
from transaction_service.projection_logic import LedgerMismatch, Projection
from transaction_service.projection_storage import ProjectionStorage
from transaction_service.reversals import approval_logic
from transaction_service.reversals.approval_models import Approval
from transaction_service.reversals.reversal_service import reversals
from transaction_service.reversals.reversal_storage import ReversalStorage
from transaction_service.transaction_clients import AccountClient, LedgerClient
from transaction_service.transaction_logic import (
    InsufficientFunds,
    NotCompleted,
    PayeeNotActive,
    PayeeNotFound,
    SameAccount,
)
from transaction_service.transaction_models import db
from transaction_service.transaction_schemas import (
    AccountTransactionsQuery,
    AllTransactionsQuery,
    BatchedReply,
    BatchedRequests,
    CategoryAnswer,
    Choice,
    NewCategory,
    NewTransfer,
    OwnAnswer,
    OwnersAnswer,
    OwnMovement,
    OwnTransactionsQuery,
    RecentQuery,
    StatisticsQuery,
    SummaryQuery,
    TransactionCount,
    TransactionOut,
    TransactionsQuery,
)
from transaction_service.transaction_storage import TransactionStorage
from transaction_service.volumes.amount_storage import AmountStorage
from transaction_service.volumes.bank_volume_storage import BankVolumeStorage
from transaction_service.volumes.volume_schemas import (
    FlowStatistics,
    Statistics,
    Summary,
    flow_statistics_of,
    statistics_of,
    summary_of,
)
from transaction_service.volumes.volume_storage import VolumeStorage

CATCH_UP_SECONDS = 1.0
MAX_BATCH_BYTES = 768 * 1024  # more than the gateway sends, since a refused call refuses all its payments

transactions = Blueprint("transactions", __name__, url_prefix="/api/transactions")
internal = Blueprint("internal", __name__, url_prefix="/internal")


class TransactionSettings(Settings):
    """Settings of the transaction service."""

    service_name: ClassVar[str] = "transaction-service"
    secrets: ClassVar[dict[str, str]] = {"TRANSACTION_SERVICE_SECRET": "transaction_service_secret"}

    port: int = Field(8003, ge=1, le=65535, validation_alias="TRANSACTION_SERVICE_PORT")
    given_database_url: DatabaseURL | None = Field(None, repr=False, validation_alias="TRANSACTION_DATABASE_URL")
    client_secret: str = Field(min_length=32, repr=False, validation_alias="TRANSACTION_SERVICE_SECRET")
    currency: CurrencyCode = Field("USD", validation_alias="BANK_CURRENCY")
    step_up_amount: Decimal | None = Field(None, ge=0, allow_inf_nan=False, validation_alias="STEP_UP_AMOUNT")
    read_timeout_seconds: Seconds = Field(3.0, validation_alias="BANK_READ_TIMEOUT_SECONDS")
    approval_required: bool = Field(False, validation_alias="APPROVAL_REQUIRED")
    approval_amount: Decimal | None = Field(None, ge=0, allow_inf_nan=False, validation_alias="APPROVAL_AMOUNT")


@transactions.post("/deposit")
@private
@api.validate(resp=payment())
def deposit(caller: Caller, json: OwnMovement) -> Response:
    """Pay money into an account of the caller."""
    return carry_out_order(transaction_logic.deposit(tools().currency, caller, json, origin()), caller)


@transactions.post("/withdraw")
@private
@api.validate(resp=payment(InsufficientFunds))
def withdraw(caller: Caller, json: OwnMovement) -> Response:
    """Draw money from an account of the caller."""
    return carry_out_order(transaction_logic.withdraw(tools().currency, caller, json, origin()), caller)


@transactions.post("/transfer")
@private
@api.validate(resp=payment(InsufficientFunds, PayeeNotFound, PayeeNotActive, SameAccount, StepUpRequired))
def transfer(caller: Caller, json: NewTransfer) -> Response:
    """Move money from an account of the caller to another account of this bank."""
    order = transaction_logic.transfer(tools().currency, caller, json, origin())
    tools().step_up.check(caller, json, order)
    return carry_out_order(order, caller)


@transactions.get("/list")
@private
@api.validate(resp=documented(200, page_of(transactions=TransactionOut)))
def list_own(caller: Caller, query: OwnTransactionsQuery) -> Response:
    """Return the transactions on the caller's accounts, newest first."""
    rows, pagination = transaction_logic.list_own(tools().transactions, tools().currency, caller, query)
    return success(transactions=render_all(caller, rows), pagination=pagination)


@transactions.get("/recent")
@private
@api.validate(resp=documented(200, answer(transactions=list[TransactionOut])))
def recent(caller: Caller, query: RecentQuery) -> Response:
    """Return the caller's newest transactions."""
    return success(transactions=render_all(caller, transaction_logic.recent(tools().transactions, caller, query.limit)))


@transactions.get("/account/<uuid:account_id>")
@private
@api.validate(resp=documented(200, page_of(transactions=TransactionOut)))
def list_of_account(caller: Caller, account_id: UUID, query: AccountTransactionsQuery) -> Response:
    """Return the transactions on one account, newest first."""
    rows, pagination = transaction_logic.list_of_account(
        tools().transactions, tools().accounts, tools().currency, caller, account_id.hex, query=query
    )
    return success(transactions=render_all(caller, rows, account_id.hex), pagination=pagination)


@transactions.get("/details/<uuid:transaction_id>")
@private
@api.validate(resp=documented(200, answer(transaction=TransactionOut)))
def details(caller: Caller, transaction_id: UUID) -> Response:
    """Return one transaction."""
    (transaction,) = render_all(caller, [transaction_logic.details(tools().transactions, caller, transaction_id.hex)])
    return success(transaction=transaction)


@transactions.get("/own/<uuid:transaction_id>")
@private
@api.validate(resp=documented(200, OwnAnswer))
def own(caller: Caller, transaction_id: UUID) -> Response:
    """Return the id of a transaction if it is the caller's own; 404 otherwise, for staff too."""
    transaction = transaction_logic.own(tools().transactions, caller, transaction_id.hex)
    return success(transaction_id=dashed(transaction.id))


@transactions.put("/<uuid:transaction_id>/category")
@private
@api.validate(resp=documented(200, CategoryAnswer, NotFound, NotCompleted))
def categorise(caller: Caller, transaction_id: UUID, json: NewCategory) -> Response:
    """Set the caller's category of a completed transaction of theirs, or remove it."""
    parts = tools()
    transaction_logic.categorise(parts.transactions, parts.categories, caller, transaction_id.hex, json)
    return success(category=json.category, message="The category is saved.")


@transactions.get("/summary")
@private
@api.validate(resp=documented(200, answer(summary=Summary), NotFound))
def summary(caller: Caller, query: SummaryQuery) -> Response:
    """Return the sums of the caller's completed transactions."""
    parts = tools()
    volumes = figure_logic.volumes(parts.volumes, parts.accounts, caller, query)
    return success(summary=summary_of(volumes, parts.currency))


@transactions.get("/statistics")
@private
@api.validate(resp=documented(200, answer(statistics=FlowStatistics), NotFound))
def flow_statistics(caller: Caller, query: StatisticsQuery) -> Response:
    """Return a summary with balances, and with mean, median and largest payment in each direction."""
    parts = tools()
    flows = figure_logic.flows(
        FlowStorage(parts.volumes, parts.amounts, parts.categories), parts.accounts, caller, query
    )
    return success(statistics=flow_statistics_of(flows, parts.currency))


@transactions.get("/all")
@staff_with("customers:read")
@api.validate(resp=documented(200, page_of(transactions=TransactionOut)))
def list_all(caller: Caller, query: AllTransactionsQuery) -> Response:
    """Return all transactions of the bank, newest first."""
    party_ids = name_logic.find_party(tools().users, query.party)
    rows, pagination = transaction_logic.list_all(tools().transactions, tools().currency, caller, query, party_ids)
    return success(transactions=render_all(caller, rows), pagination=pagination)


@transactions.get("/counts")
@staff_with("customers:read")
@api.validate(resp=documented(200, answer(counts=TransactionCount)))
def counts(_caller: Caller, query: Choice) -> Response:
    """Return how many of the bank's transactions match, at most 1000."""
    counted = transaction_logic.count_all(tools().transactions, tools().currency, query)
    return success(counts=TransactionCount(transactions=counted))


@transactions.get("/user/<uuid:user_id>")
@staff_with("customers:read")
@api.validate(resp=documented(200, page_of(transactions=TransactionOut)))
def list_of_user(caller: Caller, user_id: UUID, query: TransactionsQuery) -> Response:
    """Return the transactions on one user's accounts, newest first."""
    rows, pagination = transaction_logic.list_of_user(tools().transactions, tools().currency, caller, user_id, query)
    return success(transactions=render_all(caller, rows), pagination=pagination)


@internal.get("/transactions/<uuid:transaction_id>/owners")
@service_only("transactions:read")
@api.validate(resp=documented(200, OwnersAnswer))
def owners(transaction_id: UUID) -> Response:
    """Return the owners of both sides of a transaction."""
    return success(owners=transaction_logic.owners(tools().transactions, transaction_id.hex))


@internal.get("/statistics")
@service_only("statistics:read")
@api.validate(resp=documented(200, answer(statistics=Statistics)))
def statistics(query: ComparedRange) -> Response:
    """Return the numbers and sums of the whole bank's completed transactions."""
    return success(statistics=statistics_of(figure_logic.bank_volumes(tools().bank_volumes, query), tools().currency))


@internal.post("/requests")
@service_only("transactions:submit")
@api.validate(resp=documented(200, answer(answers=list[BatchedReply])))
def carry_out_batch(json: BatchedRequests) -> Response:
    """Carry out a batch of payment requests, and return for each the response to a single request."""
    parts, at, ids = tools(), now(), new_ids(len(json.requests))
    name_batched_requests(request.request_id for request in json.requests)
    payments = [
        parse_payment(request, parts.currency, transaction_id, at, parts.step_up)
        for request, transaction_id in zip(json.requests, ids, strict=True)
    ]
    orders = [parsed.order for parsed in payments if isinstance(parsed, ParsedPayment)]
    outcomes = iter(posting_logic.carry_out(parts.posting, orders))
    return success(answers=[to_batched_reply(parsed, outcomes, parts.currency) for parsed in payments])


def _make_approvals(storage: ReversalStorage, users: UserClient, *, is_required: bool) -> ApprovalRules:
    return ApprovalRules(
        ApprovalTable(db, Approval),
        record=partial(approval_logic.record, storage),
        concerns=partial(approval_logic.concerns, storage),
        may_ask=lambda approval: users.may(approval.asked_by, approval_logic.RIGHTS[approval.action]),
        is_required=is_required,
        is_repeatable=True,
    )


def _to_minor(amount: Decimal | None, currency: Currency) -> int | None:
    return None if amount is None else int(amount.scaleb(currency.decimals))


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
    currency, users = Currency.of(settings.currency), UserClient(peers["auth-service"], peers.token)
    require_currency(app, db, currency, amounts="transaction")
    storage, ledger = TransactionStorage(db), LedgerClient(account_peer, peers.token)
    posting = PostingTools(storage, ledger, Projection(storage, ProjectionStorage(db), ledger))
    parts = Tools(
        transactions=storage,
        reversals=ReversalStorage(db),
        volumes=VolumeStorage(db),
        bank_volumes=BankVolumeStorage(db),
        amounts=AmountStorage(db),
        categories=CategoryStorage(db),
        accounts=AccountClient(account_peer),
        users=users,
        currency=currency,
        step_up=StepUp(_to_minor(settings.step_up_amount, currency), AccountClient(account_peer), storage),
        posting=posting,
        tills=TillClient(account_peer, peers.token),
        approvals=_make_approvals(ReversalStorage(db), users, is_required=settings.approval_required),
        approval_above_minor=_to_minor(settings.approval_amount, currency),
    )
    keep(app, parts)
    for blueprint in (transactions, reversals, counter, internal):
        app.register_blueprint(blueprint)
    fast_path.install(app, "internal.carry_out_batch")
    part(Lifecycle, app).add(peers.directory)
    audit_trail.install(app, Outbox(db), peers)
    _keep_caught_up(app, posting)
    return app


def _keep_caught_up(app: Flask, posting: PostingTools) -> None:
    """Project the ledger's postings before the service is healthy, and then every `CATCH_UP_SECONDS`."""
    lifecycle = part(Lifecycle, app)

    def catch_up() -> None:
        with app.app_context():
            try:
                posting.projection.catch_up()
                posting_logic.resend(posting)
            except LedgerMismatch as error:
                lifecycle.give_up(error)
                raise

    part(Health, app).add("ledger", lambda: posting.projection.works)
    lifecycle.add(PeriodicTask(catch_up, name="catching up", interval_seconds=CATCH_UP_SECONDS))


if __name__ == "__main__":
    serving.serve(create_app, TransactionSettings)
