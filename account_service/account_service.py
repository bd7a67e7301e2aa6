"""The account service: accounts and the ledger, on port 8002."""

from functools import partial
from typing import ClassVar
from uuid import UUID

import requests
from flask import Blueprint, Flask, Response
from pydantic import Field

from account_service import account_logic, ledger_logic, payee_logic, till_logic
from account_service.account_logic import AccountNotActive, IdempotencyKeyReused, NonZeroBalance, OwnAccount
from account_service.account_models import Account, db
from account_service.account_schemas import (
    AccountApprovalOut,
    AccountOut,
    CheckedPayee,
    Closing,
    EntriesQuery,
    EntryOut,
    FreezeAnswer,
    HistoryQuery,
    HistoryRow,
    LookupQuery,
    NewAccount,
    Payee,
    PayeeAnswer,
    Statistics,
    StatisticsQuery,
    StatusChange,
    StatusChangeOut,
)
from account_service.account_storage import AccountStorage
from account_service.approvals import approval_logic
from account_service.approvals.approval_models import Approval
from account_service.approvals.approval_service import approvals
from account_service.common_service import Tools, api, render_approval, tools
from account_service.ledger_schemas import Decision, DescribedAnswer, OrderBatch, Posting, PostingsQuery
from account_service.ledger_storage import LedgerStorage
from account_service.search.search_logic import SearchTools
from account_service.search.search_service import search
from account_service.search.search_storage import AccountSearch
from account_service.till_logic import TillAlreadyOpen, TillClosed, TillKeyReused
from account_service.till_schemas import (
    AccountQuery,
    CashMovement,
    FoundAccount,
    NewTill,
    OwnedTillsQuery,
    TillCount,
    TillRow,
)
from account_service.till_storage import TillStorage
from shared.core.errors import NotFound
from shared.core.money import Currency, CurrencyCode
from shared.db.approvals import ApprovalColumns, ApprovalTable
from shared.db.kept_currency import require_currency
from shared.db.outbox import Outbox
from shared.http.users import UserClient
from shared.web import audit_trail, fast_path, serving
from shared.web.access import Caller, private, service_only, staff_with
from shared.web.application import Lifecycle, Peers, make_app, make_session
from shared.web.approvals.rules import ApprovalPending, ApprovalRules
from shared.web.cursors import Page, page_of
from shared.web.idempotency_keys import idempotency_key
from shared.web.parts import keep, part
from shared.web.recording import name_batched_requests
from shared.web.responses import success
from shared.web.settings import DatabaseURL, Settings
from shared.web.validation.openapi import answer, documented

MAX_BATCH_BYTES = 512 * 1024

accounts = Blueprint("accounts", __name__, url_prefix="/api/accounts")
internal = Blueprint("internal", __name__, url_prefix="/internal")


class AccountSettings(Settings):
    """Settings of the account service."""

    service_name: ClassVar[str] = "account-service"
    secrets: ClassVar[dict[str, str]] = {"ACCOUNT_SERVICE_SECRET": "account_service_secret"}

    port: int = Field(8002, ge=1, le=65535, validation_alias="ACCOUNT_SERVICE_PORT")
    given_database_url: DatabaseURL | None = Field(None, repr=False, validation_alias="ACCOUNT_DATABASE_URL")
    client_secret: str = Field(min_length=32, repr=False, validation_alias="ACCOUNT_SERVICE_SECRET")
    approval_required: bool = Field(False, validation_alias="APPROVAL_REQUIRED")
    currency: CurrencyCode = Field("USD", validation_alias="BANK_CURRENCY")


@accounts.post("/create")
@private
@api.validate(resp=documented(201, answer(account=AccountOut), IdempotencyKeyReused, takes_key=True))
def create(caller: Caller, json: NewAccount) -> Response:
    """Open an account. The same Idempotency-Key opens only one."""
    account = account_logic.open_account(tools().accounts, caller.user_id, json, idempotency_key())
    return success(201, account=_render_whole(account), message="The account is open.")


@accounts.get("/list")
@private
@api.validate(resp=documented(200, page_of(accounts=AccountOut)))
def list_own(caller: Caller, query: Page) -> Response:
    """Return the caller's accounts, closed ones last."""
    rows, pagination = account_logic.list_own(tools().accounts, caller, query)
    return success(accounts=_render_all(rows), pagination=pagination)


@accounts.get("/details/<uuid:account_id>")
@private
@api.validate(resp=documented(200, answer(account=AccountOut)))
def details(caller: Caller, account_id: UUID) -> Response:
    """Return one account. Only its owner sees the whole number."""
    account = account_logic.details(tools().accounts, caller, account_id)
    return success(account=AccountOut.of(account, tools().currency, whole_number=account.user_id == caller.user_id))


@accounts.get("/history/<uuid:account_id>")
@private
@api.validate(resp=documented(200, page_of(history=HistoryRow)))
def history(caller: Caller, account_id: UUID, query: HistoryQuery) -> Response:
    """Return the entries of an account with the balance after each, newest first."""
    rows, pagination = account_logic.history(tools().accounts, tools().ledger, caller, account_id, query)
    return success(history=[HistoryRow.of(row, tools().currency) for row in rows], pagination=pagination)


@accounts.get("/entries/<uuid:account_id>")
@private
@api.validate(resp=documented(200, page_of(entries=EntryOut)))
def entries(caller: Caller, account_id: UUID, query: EntriesQuery) -> Response:
    """Return the entries of an account as statements show them, oldest first."""
    parts = tools()
    rows, others, pagination = account_logic.entries(
        parts.accounts, parts.ledger, parts.users, caller, account_id, query=query
    )
    found = [EntryOut.of(row, parts.currency, *others.get(row.other_account_id or "", (None, None))) for row in rows]
    return success(entries=found, pagination=pagination)


@accounts.delete("/close/<uuid:account_id>")
@private
@api.validate(resp=documented(200, answer(account=AccountOut), AccountNotActive, NonZeroBalance))
def close(caller: Caller, account_id: UUID) -> Response:
    """Close an empty account of the caller."""
    account = account_logic.close(tools().accounts, caller, account_id)
    return success(account=_render_whole(account), message="The account is closed.")


@accounts.post("/close/<uuid:account_id>")
@staff_with("accounts:close")
@api.validate(
    resp=documented(
        200,
        answer(account=AccountOut),
        AccountNotActive,
        NonZeroBalance,
        OwnAccount,
        ApprovalPending,
        waits_as=AccountApprovalOut,
    )
)
def close_for(caller: Caller, account_id: UUID, json: Closing) -> Response:
    """Close an empty account for its owner, or ask a second person to."""
    return _change_or_ask(caller, account_id, json)


@accounts.get("/lookup")
@private
@api.validate(resp=documented(200, PayeeAnswer, NotFound))
def lookup(_caller: Caller, query: LookupQuery) -> Response:
    """Return the masked owner of an account number, and how well a typed name fits, to check a payee before paying."""
    account, owner_name = account_logic.look_up(tools().accounts, tools().users, query.account_number)
    if query.name is None:
        return success(account=Payee.of(account, owner_name))
    return success(account=CheckedPayee.of(account, owner_name, payee_logic.match_name(query.name, owner_name)))


@accounts.post("/user/<uuid:user_id>")
@staff_with("accounts:open")
@api.validate(resp=documented(201, answer(account=AccountOut), IdempotencyKeyReused, takes_key=True))
def create_for_user(caller: Caller, user_id: UUID, json: NewAccount) -> Response:
    """Open an account for a customer. The same Idempotency-Key opens only one."""
    account = account_logic.open_for_customer(
        tools().accounts, tools().users, caller, user_id, json, key=idempotency_key()
    )
    return success(201, account=AccountOut.of(account, tools().currency), message="The account is open.")


@accounts.put("/update/<uuid:account_id>")
@staff_with("accounts:freeze")
@api.validate(
    resp=documented(
        200, answer(account=AccountOut), AccountNotActive, OwnAccount, ApprovalPending, waits_as=AccountApprovalOut
    )
)
def update(caller: Caller, account_id: UUID, json: StatusChange) -> Response:
    """Freeze or unfreeze an account, or ask a second person to lift an admin's freeze."""
    return _change_or_ask(caller, account_id, json)


@accounts.get("/freeze/<uuid:account_id>")
@private
@api.validate(resp=documented(200, FreezeAnswer))
def freeze(caller: Caller, account_id: UUID) -> Response:
    """Return the reason, the author and the time of the freeze of an account of the caller."""
    return success(freeze=account_logic.freeze(tools().accounts, tools().users, caller, account_id))


@accounts.get("/status_history/<uuid:account_id>")
@staff_with("customers:read")
@api.validate(resp=documented(200, page_of(status_history=StatusChangeOut)))
def status_history(caller: Caller, account_id: UUID, query: Page) -> Response:
    """Return the status changes of a customer's account with their authors and reasons, newest first."""
    rows, pagination = account_logic.status_history(tools().accounts, caller, account_id, query)
    return success(status_history=[StatusChangeOut.model_validate(row) for row in rows], pagination=pagination)


@accounts.get("/user/<uuid:user_id>/status_history")
@staff_with("customers:read")
@api.validate(resp=documented(200, page_of(status_history=StatusChangeOut), OwnAccount))
def status_history_of_user(caller: Caller, user_id: UUID, query: Page) -> Response:
    """Return the status changes of all accounts of a customer with their authors and reasons, newest first."""
    rows, pagination = account_logic.status_history_of_user(tools().accounts, caller, user_id, query)
    return success(status_history=[StatusChangeOut.model_validate(row) for row in rows], pagination=pagination)


@internal.post("/postings")
@service_only("postings:write")
@api.validate(resp=documented(200, answer(decisions=list[Decision])))
def post(json: OrderBatch) -> Response:
    """Decide a batch of orders."""
    name_batched_requests(order["request_id"] for order in json.postings)
    return success(decisions=ledger_logic.post(tools().ledger, json.postings))


@internal.post("/postings/void")
@service_only("postings:write")
@api.validate(resp=documented(200, answer(decisions=list[Decision])))
def void(json: OrderBatch) -> Response:
    """Void the orders of a batch that are not decided yet."""
    name_batched_requests(order["request_id"] for order in json.postings)
    return success(decisions=ledger_logic.void(tools().ledger, json.postings))


@internal.post("/postings/describe")
@service_only("postings:write")
@api.validate(resp=documented(200, DescribedAnswer))
def describe(json: OrderBatch) -> Response:
    """Store the orders of postings that are older than the order columns."""
    return success(described=ledger_logic.describe(tools().ledger, json.postings))


@internal.get("/postings")
@service_only("postings:read")
@api.validate(resp=documented(200, answer(postings=list[Posting])))
def list_postings(query: PostingsQuery) -> Response:
    """Return postings in the order of their sequences."""
    return success(postings=ledger_logic.list_after(tools().ledger, query.after, query.limit))


@internal.post("/tills")
@service_only("postings:write")
@api.validate(resp=documented(201, answer(till=TillRow), TillAlreadyOpen, TillKeyReused))
def open_till(json: NewTill) -> Response:
    """Open a till for an employee, and book its float from the vault."""
    till = till_logic.open_till(tools().tills, tools().ledger, json)
    return success(201, till=TillRow.model_validate(till))


@internal.get("/tills")
@service_only("postings:read")
@api.validate(resp=documented(200, page_of(tills=TillRow)))
def list_tills(query: OwnedTillsQuery) -> Response:
    """Return tills, newest first."""
    rows, pagination = till_logic.list_tills(tools().tills, query)
    return success(tills=[TillRow.model_validate(row) for row in rows], pagination=pagination)


@internal.get("/tills/<uuid:till_id>")
@service_only("postings:read")
@api.validate(resp=documented(200, answer(till=TillRow)))
def till_details(till_id: UUID) -> Response:
    """Return a till with the cash that it should hold."""
    return success(till=TillRow.model_validate(till_logic.details(tools().tills, till_id)))


@internal.get("/tills/<uuid:till_id>/movements")
@service_only("postings:read")
@api.validate(resp=documented(200, page_of(movements=CashMovement)))
def till_movements(till_id: UUID, query: Page) -> Response:
    """Return the postings of a till, newest first."""
    rows, pagination = till_logic.movements(tools().tills, tools().ledger, till_id, query)
    return success(movements=rows, pagination=pagination)


@internal.post("/tills/<uuid:till_id>/close")
@service_only("postings:write")
@api.validate(resp=documented(200, answer(till=TillRow), TillClosed))
def close_till(till_id: UUID, json: TillCount) -> Response:
    """Close a till: book the difference, and return the counted cash to the vault."""
    return success(till=TillRow.model_validate(till_logic.close_till(tools().tills, tools().ledger, till_id, json)))


@internal.get("/accounts")
@service_only("postings:read")
@api.validate(resp=documented(200, answer(account=FoundAccount), NotFound))
def find_account(query: AccountQuery) -> Response:
    """Return the data of an account that the counter needs."""
    return success(account=FoundAccount.model_validate(till_logic.find_account(tools().accounts, query)))


@internal.get("/statistics")
@service_only("statistics:read")
@api.validate(resp=documented(200, answer(statistics=Statistics)))
def statistics(query: StatisticsQuery) -> Response:
    """Return the numbers of accounts and the sums of their balances."""
    return success(statistics=account_logic.statistics(tools().accounts, tools().currency, query))


def create_app(settings: AccountSettings, session: requests.Session | None = None) -> Flask:
    """Return the Flask app of the account service. `session` sends its calls to other services."""
    peers = Peers(settings, session or make_session(), settings.client_secret)
    app = make_app(
        settings,
        verifier=peers.verifier(),
        database=db,
        database_url=settings.database_url(settings.given_database_url, "account.db"),
        depends_on=[peers["auth-service"]],
        api=api,
        max_body_bytes=MAX_BATCH_BYTES,
    )
    currency = Currency.of(settings.currency)
    require_currency(app, db, currency, amounts="account")
    users = UserClient(peers["auth-service"], peers.token)
    storage = AccountStorage(db)
    requests_about = _make_approvals(storage, users, is_required=settings.approval_required)
    keep(app, Tools(storage, LedgerStorage(db), TillStorage(db), users, currency, requests_about))
    keep(app, SearchTools(AccountSearch(db), users, currency, storage.outbox))
    for blueprint in (accounts, search, approvals, internal):
        app.register_blueprint(blueprint)
    fast_path.install(app, "internal.post")
    part(Lifecycle, app).add(peers.directory)
    audit_trail.install(app, Outbox(db), peers)
    return app


def _make_approvals(storage: AccountStorage, users: UserClient, *, is_required: bool) -> ApprovalRules:
    return ApprovalRules(
        ApprovalTable(db, Approval),
        record=partial(approval_logic.record, storage),
        concerns=partial(approval_logic.concerns, storage),
        may_ask=lambda approval: users.may(approval.asked_by, approval_logic.RIGHTS[approval.action]),
        is_required=is_required,
    )


def _change_or_ask(caller: Caller, account_id: UUID, change: StatusChange | Closing) -> Response:
    outcome = account_logic.change_status_or_ask(tools().accounts, tools().approvals, caller, account_id, change)
    if isinstance(outcome, ApprovalColumns):
        return success(202, approval=render_approval(outcome), message="It waits for a second person.")
    now = "" if outcome.status == "closed" else "now "
    return success(account=AccountOut.of(outcome, tools().currency), message=f"The account is {now}{outcome.status}.")


def _render_whole(account: Account) -> AccountOut:
    return AccountOut.of(account, tools().currency, whole_number=True)


def _render_all(rows: list[Account]) -> list[AccountOut]:
    return [AccountOut.of(row, tools().currency) for row in rows]


if __name__ == "__main__":
    serving.serve(create_app, AccountSettings)
