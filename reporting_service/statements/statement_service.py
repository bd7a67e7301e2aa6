"""The endpoint of statements."""

from collections.abc import Iterator
from typing import IO
from uuid import UUID

from flask import Blueprint, Response, current_app, request

from reporting_service.common_service import api
from reporting_service.statements import statement_logic
from reporting_service.statements.statement_logic import FORMATS, Document, DoesNotTieOut, StatementTools
from reporting_service.statements.statement_schemas import StatementAnswer, StatementQuery
from shared.web.access import Caller, private
from shared.web.validation.openapi import documented

statements = Blueprint("statements", __name__, url_prefix="/api/reports")
_SEND_BYTES = 64 * 1024
_MEDIA_TYPES = tuple(form.content_type.partition(";")[0] for form in FORMATS.values())


@statements.get("/statement/<uuid:account_id>")
@private
@api.validate(resp=documented(200, StatementAnswer, DoesNotTieOut, documents=_MEDIA_TYPES))
def statement(caller: Caller, account_id: UUID, query: StatementQuery) -> Response:
    """Return the statement of one account for a month or a range, as a document in the chosen format."""
    return _send(statement_logic.make_document(_tools(), caller, account_id, query))


def _send(document: Document) -> Response:
    """Return a document as a download that is sent part by part, or 304 if the caller has it already.

    A browser keeps it for the person alone, and asks each time whether it has changed.
    """
    response = Response(_parts(document.file), content_type=document.content_type)
    response.call_on_close(document.file.close)
    response.content_length = document.size_bytes
    response.headers["Content-Disposition"] = f'attachment; filename="{document.name}"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.set_etag(document.digest)
    response.make_conditional(request)
    if response.status_code == 304:
        document.file.close()
    return response


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(_SEND_BYTES):
            yield part


def _tools() -> StatementTools:
    tools: StatementTools = current_app.extensions["statement_tools"]
    return tools
