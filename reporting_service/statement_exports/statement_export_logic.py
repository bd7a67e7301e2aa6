"""The rules of statement exports: what they contain, one at a time for each user, kept for a week."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from uuid import UUID, uuid4

from reporting_service.documents.document_storage import Document, make_document
from reporting_service.reporting_clients import AccountClient
from reporting_service.reporting_models import StatementExport
from reporting_service.source_schemas import AccountFacts
from reporting_service.statement_exports.export_worker_logic import MAX_WAITING, ExportWorker, Piece
from reporting_service.statement_exports.statement_export_schemas import NewStatementExport
from reporting_service.statement_exports.statement_export_storage import StatementExportStorage
from reporting_service.statements.statement_schemas import StatementQuery
from shared.core.clock import now
from shared.core.errors import AppError, Conflict, InvalidRequest, NotFound, Refused, ServiceUnavailable
from shared.core.time_zones import day_of
from shared.db.outages import rerun_when_aborted
from shared.db.outbox import Outbox
from shared.web import audit_trail, cursors
from shared.web.access import Caller
from shared.web.cursors import Page, Pagination

MAX_KEPT = 5
"""How many exports of a user are stored. A further one replaces the oldest."""


class ExportRunning(Conflict):
    """The user has an export that waits or is being made."""

    code = "EXPORT_RUNNING"
    message = "An export of yours is being made already. Wait until it is ready, or cancel it."


class ExportNotReady(Refused):
    """The export is not made yet, or has failed."""

    code = "EXPORT_NOT_READY"
    message = "This export is not ready, so it can't be downloaded."


@dataclass(frozen=True)
class StatementExportTools:
    """The storage, the client, the worker and the outbox that statement exports use."""

    storage: StatementExportStorage
    accounts: AccountClient
    worker: ExportWorker
    outbox: Outbox


def start(tools: StatementExportTools, caller: Caller, new: NewStatementExport) -> StatementExport:
    """Begin an export of the caller's statements.

    Raises InvalidRequest, NotFound, ExportRunning, or ServiceUnavailable when many wait.
    """
    if tools.storage.count_active() >= MAX_WAITING:
        raise ServiceUnavailable(
            "Many exports wait already. Please try again in a few minutes.", retry_after_seconds=60
        )
    accounts = _own_accounts(tools.accounts.list_own(caller.token), new.account_ids)
    pieces = _pieces(accounts, new, now())
    export = _add(tools, caller, new, accounts, total=len(pieces))
    tools.worker.wake()
    return export


def plan(client: AccountClient, caller: Caller, export: StatementExport) -> list[Piece]:
    """Return the statements of an export as they were when it was asked for. Raises what `start` raises."""
    new = NewStatementExport(
        year=export.year,
        formats=export.formats,
        account_ids=[UUID(account_id) for account_id in export.account_ids],
        tz=export.time_zone,
    )
    return _pieces(_own_accounts(client.list_own(caller.token), new.account_ids), new, export.created_at)


def details(storage: StatementExportStorage, caller: Caller, export_id: UUID) -> StatementExport:
    """Return an export of the caller. Raises NotFound."""
    export = storage.find(caller.user_id, export_id)
    if export is None:
        raise NotFound("There is no such export. Exports are removed after a week.")
    return export


def list_own(storage: StatementExportStorage, caller: Caller, page: Page) -> tuple[list[StatementExport], Pagination]:
    """Return a page of the caller's exports, newest first."""
    return cursors.fetch_page(page, partial(storage.list_of_user, caller.user_id), created_at=datetime, id=UUID)


def download(storage: StatementExportStorage, caller: Caller, export_id: UUID) -> Document:
    """Return the ZIP of an export of the caller. Raises NotFound, ExportNotReady, or AppError if it is damaged."""
    export = details(storage, caller, export_id)
    if export.state != "ready":
        raise ExportNotReady
    name = f"statements-{export.year}.zip"
    document = make_document(lambda file: storage.copy_bytes(export_id, file), "application/zip", name)
    if document.digest != export.digest:
        document.file.close()
        raise AppError("This export is damaged. Please ask for it again.")
    return document


def remove(storage: StatementExportStorage, caller: Caller, export_id: UUID) -> None:
    """Remove an export of the caller; one that is being made is cancelled. Raises NotFound."""
    with storage.transaction():
        storage.remove(details(storage, caller, export_id).id)


def _own_accounts(own: Sequence[AccountFacts], wanted: Sequence[UUID]) -> list[AccountFacts]:
    found = [account for account in own if not wanted or account.id in wanted]
    if len(found) < len(wanted):
        raise NotFound("There is no such account.")
    return found


def _pieces(accounts: Sequence[AccountFacts], new: NewStatementExport, at: datetime) -> list[Piece]:
    """Return the statements of an export that is asked for at an instant. Raises InvalidRequest if there are none."""
    if new.year > day_of(at, new.tz).year:
        raise InvalidRequest.of("year", "must not be in the future")
    months = [date(new.year, month, 1) for month in range(1, 13)]
    pieces = [
        Piece(
            f"{place}-{account.account_type}-{account.account_number[-4:]}",
            account.id,
            StatementQuery.model_validate({"month": f"{month:%Y-%m}", "format": form, "tz": new.tz.key}),
        )
        for place, account in enumerate(accounts, 1)
        for month in months
        if day_of(account.created_at, new.tz).replace(day=1) <= month <= day_of(at, new.tz)
        for form in new.formats
    ]
    if not pieces:
        raise InvalidRequest.of("year", "has no statements of these accounts: they were opened later")
    return pieces


@rerun_when_aborted
def _add(
    tools: StatementExportTools, caller: Caller, new: NewStatementExport, accounts: list[AccountFacts], *, total: int
) -> StatementExport:
    storage = tools.storage
    with storage.transaction():
        if storage.find_active(caller.user_id):
            raise ExportRunning
        for old in storage.list_of_user(caller.user_id, limit=100, offset=MAX_KEPT - 1):
            storage.remove(old.id)
        export = StatementExport(
            id=uuid4(),
            user_id=caller.user_id,
            active_user_id=caller.user_id,
            state="queued",
            done=0,
            total=total,
            year=new.year,
            formats=list(new.formats),
            account_ids=[str(account.id) for account in accounts],
            time_zone=new.tz.key,
            caller=tools.worker.encrypt(caller),
            attempts=0,
            created_at=now(),
            seen_at=now(),
        )
        storage.insert(export)
        details = {"year": new.year, "formats": list(new.formats), "accounts": len(accounts)}
        audit_trail.record(tools.outbox, "statements.export", actor=caller, subject_id=caller.user_id, details=details)
    return export
