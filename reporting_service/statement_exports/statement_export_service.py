"""The endpoints of statement exports."""

from uuid import UUID

from flask import Blueprint, Response

from reporting_service.common_service import api
from reporting_service.documents.document_service import send
from reporting_service.statement_exports import statement_export_logic
from reporting_service.statement_exports.statement_export_logic import (
    ExportNotReady,
    ExportRunning,
    StatementExportTools,
)
from reporting_service.statement_exports.statement_export_schemas import NewStatementExport, StatementExportOut
from shared.core.errors import NotFound
from shared.web.access import Caller, private
from shared.web.cursors import Page, page_of
from shared.web.parts import part
from shared.web.responses import success
from shared.web.validation.openapi import Answer, answer, documented

statement_exports = Blueprint("statement_exports", __name__, url_prefix="/api/reports/exports")


@statement_exports.post("")
@private
@api.validate(resp=documented(202, answer(export=StatementExportOut), NotFound, ExportRunning))
def start(caller: Caller, json: NewStatementExport) -> Response:
    """Begin to make a ZIP with the caller's statements of a year, in the background."""
    export = statement_export_logic.start(part(StatementExportTools), caller, json)
    return success(202, export=StatementExportOut.model_validate(export), message="The export is being made.")


@statement_exports.get("")
@private
@api.validate(resp=documented(200, page_of(exports=StatementExportOut)))
def list_own(caller: Caller, query: Page) -> Response:
    """Return the caller's exports, newest first."""
    rows, pagination = statement_export_logic.list_own(part(StatementExportTools).storage, caller, query)
    return success(exports=[StatementExportOut.model_validate(row) for row in rows], pagination=pagination)


@statement_exports.get("/<uuid:export_id>")
@private
@api.validate(resp=documented(200, answer(export=StatementExportOut)))
def details(caller: Caller, export_id: UUID) -> Response:
    """Return the state and the progress of an export of the caller."""
    export = statement_export_logic.details(part(StatementExportTools).storage, caller, export_id)
    return success(export=StatementExportOut.model_validate(export))


@statement_exports.get("/<uuid:export_id>/download")
@private
@api.validate(resp=documented(200, Answer, ExportNotReady, documents=("application/zip",)))
def download(caller: Caller, export_id: UUID) -> Response:
    """Return the ZIP of an export of the caller."""
    return send(statement_export_logic.download(part(StatementExportTools).storage, caller, export_id))


@statement_exports.delete("/<uuid:export_id>")
@private
@api.validate(resp=documented(200, Answer))
def remove(caller: Caller, export_id: UUID) -> Response:
    """Remove an export of the caller. One that is being made is cancelled."""
    statement_export_logic.remove(part(StatementExportTools).storage, caller, export_id)
    return success(message="The export is removed.")
