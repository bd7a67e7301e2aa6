"""The endpoint of exports of the staff's lists."""

from flask import Blueprint, Response

from reporting_service.common_service import api
from reporting_service.documents.document_service import send
from reporting_service.lists import list_logic
from reporting_service.lists.list_logic import ListTools
from reporting_service.lists.list_schemas import ListFilters
from shared.web.access import Caller, staff_only
from shared.web.parts import part
from shared.web.validation.openapi import Answer, documented

lists = Blueprint("lists", __name__, url_prefix="/api/reports/lists")


@lists.get("/<name>")
@staff_only
@api.validate(resp=documented(200, Answer, documents=("text/csv",)))
def export(caller: Caller, name: str, query: ListFilters) -> Response:
    """Return all rows of a list for staff as CSV, with the filters of that list. It takes the list's permission."""
    return send(list_logic.make_export(part(ListTools), caller, name, query.model_extra or {}))
