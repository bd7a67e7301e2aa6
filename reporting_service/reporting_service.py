"""The reporting service: reports on accounts, on transactions and on the whole bank, on port 8004."""

from functools import partial
from typing import Annotated, ClassVar
from uuid import UUID

import requests
from flask import Blueprint, Flask, Response
from pydantic import Field

from reporting_service import reporting_logic
from reporting_service.common_service import api
from reporting_service.custom.custom_service import custom
from reporting_service.custom.custom_storage import CustomReportStorage
from reporting_service.documents.document_schemas import Bank
from reporting_service.downloads.download_schemas import MEDIA_TYPES
from reporting_service.downloads.download_service import answer_with
from reporting_service.exports.export_clients import DataClient
from reporting_service.exports.export_logic import ExportTools
from reporting_service.exports.export_service import exports
from reporting_service.exports.export_storage import ExportStorage
from reporting_service.lists.list_logic import ListTools
from reporting_service.lists.list_service import lists
from reporting_service.receipts.receipt_service import receipts
from reporting_service.reporting_clients import AccountClient, AuthClient, TransactionClient
from reporting_service.reporting_logic import Sources, StillSettling
from reporting_service.reporting_models import db
from reporting_service.reporting_schemas import DetailsQuery, ReportOut, ReportQuery
from reporting_service.reporting_storage import ReportStorage
from reporting_service.statement_exports import statement_export_logic
from reporting_service.statement_exports.export_worker_logic import ExportWorker
from reporting_service.statement_exports.statement_export_logic import StatementExportTools
from reporting_service.statement_exports.statement_export_service import statement_exports
from reporting_service.statement_exports.statement_export_storage import StatementExportStorage
from reporting_service.statements import statement_logic
from reporting_service.statements.statement_clients import EntryClient
from reporting_service.statements.statement_logic import StatementTools
from reporting_service.statements.statement_service import statements
from reporting_service.statements.statement_storage import KeptStatementStorage
from shared.concurrency.context_pool import ContextPool
from shared.core.texts import Line
from shared.db.outbox import Outbox
from shared.security.encryption import Encryption
from shared.web import audit_trail, serving
from shared.web.access import Caller, admin_only, private
from shared.web.application import AtEnd, Lifecycle, Peers, make_app, make_session
from shared.web.cursors import Page, page_of
from shared.web.parts import keep, part
from shared.web.responses import success
from shared.web.settings import DatabaseURL, Settings
from shared.web.validation.openapi import answer, documented

BankLine = Annotated[Line, Field(min_length=1, max_length=200)]
reports = Blueprint("reports", __name__, url_prefix="/api/reports")


class ReportingSettings(Settings):
    """Settings of the reporting service."""

    service_name: ClassVar[str] = "reporting-service"
    secrets: ClassVar[dict[str, str]] = {"REPORTING_SERVICE_SECRET": "reporting_service_secret"}

    port: int = Field(8004, ge=1, le=65535, validation_alias="REPORTING_SERVICE_PORT")
    given_database_url: DatabaseURL | None = Field(None, repr=False, validation_alias="REPORTING_DATABASE_URL")
    client_secret: str = Field(min_length=32, repr=False, validation_alias="REPORTING_SERVICE_SECRET")
    bank_name: BankLine = Field("Northwater Bank", validation_alias="BANK_NAME")
    bank_address: BankLine = Field("1 Harbour Street; Northwater", validation_alias="BANK_ADDRESS")
    bank_contact: BankLine = Field("Please call or visit your branch.", validation_alias="BANK_CONTACT")

    @property
    def bank(self) -> Bank:
        """The bank as documents name it. The lines of its address are separated by semicolons."""
        lines = tuple(line.strip() for line in self.bank_address.split(";") if line.strip())
        return Bank(self.bank_name, lines, self.bank_contact)


@reports.get("/account/<uuid:account_id>")
@private
@api.validate(resp=documented(200, answer(report=ReportOut), StillSettling, documents=MEDIA_TYPES))
def report_account(caller: Caller, account_id: UUID, query: ReportQuery) -> Response:
    """Return a report on one account: its history, balance, income and expense."""
    report = reporting_logic.report_account(part(ReportStorage), part(Sources), caller, account_id, query)
    return answer_with(report, query.format)


@reports.get("/transactions")
@private
@api.validate(resp=documented(200, answer(report=ReportOut), documents=MEDIA_TYPES))
def report_transactions(caller: Caller, query: ReportQuery) -> Response:
    """Return a report on all transactions of the caller."""
    report = reporting_logic.report_transactions(part(ReportStorage), part(Sources), caller, query)
    return answer_with(report, query.format)


@reports.get("/system")
@admin_only
@api.validate(resp=documented(200, answer(report=ReportOut), documents=MEDIA_TYPES))
def report_system(caller: Caller, query: ReportQuery) -> Response:
    """Return a report on the whole bank: users, accounts, balances, volumes."""
    report = reporting_logic.report_system(part(ReportStorage), part(Sources), caller, query)
    return answer_with(report, query.format)


@reports.get("/list")
@private
@api.validate(resp=documented(200, page_of(reports=ReportOut)))
def list_own(caller: Caller, query: Page) -> Response:
    """Return the caller's stored reports, newest first."""
    rows, pagination = reporting_logic.list_reports(part(ReportStorage), query, caller.user_id)
    return success(reports=[ReportOut.of(row) for row in rows], pagination=pagination)


@reports.get("/details/<uuid:report_id>")
@private
@api.validate(resp=documented(200, answer(report=ReportOut), documents=MEDIA_TYPES))
def details(caller: Caller, report_id: UUID, query: DetailsQuery) -> Response:
    """Return a stored report of the caller, or any report for an admin."""
    return answer_with(reporting_logic.details(part(ReportStorage), caller, report_id), query.format)


@reports.get("/all")
@admin_only
@api.validate(resp=documented(200, page_of(reports=ReportOut)))
def list_all(caller: Caller, query: Page) -> Response:
    """Return the stored reports of all users, newest first."""
    audit_trail.record_view(part(ReportStorage).outbox, "list.reports", caller)
    rows, pagination = reporting_logic.list_reports(part(ReportStorage), query)
    return success(reports=[ReportOut.of(row) for row in rows], pagination=pagination)


def create_app(settings: ReportingSettings, session: requests.Session | None = None) -> Flask:
    """Return the Flask app of the reporting service. `session` sends its calls to other services."""
    peers = Peers(settings, session or make_session(), settings.client_secret)
    auth, accounts, transactions = (peers[f"{name}-service"] for name in ("auth", "account", "transaction"))
    context_pool = ContextPool("reports")
    app = make_app(
        settings,
        verifier=peers.verifier(),
        database=db,
        database_url=settings.database_url(settings.given_database_url, "reporting.db"),
        depends_on=[auth, accounts, transactions],
        api=api,
    )
    sources = Sources(
        auth=AuthClient(auth, peers.token),
        accounts=AccountClient(accounts, peers.token),
        transactions=TransactionClient(transactions, peers.token),
        context_pool=context_pool,
    )
    keep(app, sources, settings.bank, ReportStorage(db), CustomReportStorage(db))
    _add_documents(app, settings, peers, sources)
    for blueprint in (reports, receipts, custom, exports, lists, statements, statement_exports):
        app.register_blueprint(blueprint)
    part(Lifecycle, app).add(peers.directory)
    audit_trail.install(app, Outbox(db), peers)
    part(Lifecycle, app).add(AtEnd(context_pool.close))
    return app


def _add_documents(app: Flask, settings: ReportingSettings, peers: Peers, sources: Sources) -> None:
    """Make the tools of statements, receipts and exports."""
    by_name = {name: peers[f"{name}-service"] for name in ("auth", "account", "transaction")}
    outbox, storage = Outbox(db), StatementExportStorage(db)
    entries = EntryClient(by_name["account"], peers.token)
    statement_tools = StatementTools(KeptStatementStorage(db), sources, entries, settings.bank, outbox)
    worker = ExportWorker(
        storage,
        Encryption([settings.client_secret], "callers of statement exports"),
        plan=partial(statement_export_logic.plan, sources.accounts),
        make=partial(statement_logic.make_statement, statement_tools),
        enter=app.app_context,
        notify=sources.auth.notify_export_ready,
    )
    keep(
        app,
        statement_tools,
        ExportTools(DataClient(*by_name.values()), ExportStorage(db), outbox),
        ListTools(by_name, outbox),
        StatementExportTools(storage, sources.accounts, worker, outbox),
    )
    part(Lifecycle, app).add(worker)


if __name__ == "__main__":
    serving.serve(create_app, ReportingSettings)
