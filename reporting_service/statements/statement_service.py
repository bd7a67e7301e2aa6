"""The endpoint of statements."""

from uuid import UUID

from flask import Blueprint, Response

from reporting_service.common_service import api
from reporting_service.documents.document_service import send
from reporting_service.statements import statement_logic
from reporting_service.statements.statement_logic import FORMATS, DoesNotTieOut, StatementTools
from reporting_service.statements.statement_schemas import StatementOut, StatementQuery
from shared.web.access import Caller, private
from shared.web.parts import part
from shared.web.validation.openapi import answer, documented

statements = Blueprint("statements", __name__, url_prefix="/api/reports")
_MEDIA_TYPES = tuple(form.content_type.partition(";")[0] for form in FORMATS.values())


@statements.get("/statement/<uuid:account_id>")
@private
@api.validate(resp=documented(200, answer(statement=StatementOut), DoesNotTieOut, documents=_MEDIA_TYPES))
def statement(caller: Caller, account_id: UUID, query: StatementQuery) -> Response:
    """Return the statement of one account for a month or a range, as a document in the chosen format."""
    return send(statement_logic.make_statement(part(StatementTools), caller, account_id, query))
