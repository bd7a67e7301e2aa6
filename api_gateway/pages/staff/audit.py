"""The audit trail for admins: a list with filters, and an export for spreadsheets."""

import csv
import io
import json
from typing import Any

from flask import Blueprint, Response, request
from wtforms import SelectField, StringField
from wtforms.validators import UUID, Optional

from api_gateway.clients.audit import AuditClient
from api_gateway.pages.common.filters import DayField, FilterForm
from api_gateway.pages.common.forms import at_most, options
from api_gateway.pages.common.responses import peer
from api_gateway.pages.common.sections import list_page
from shared.core.clock import now
from shared.core.errors import InvalidRequest
from shared.core.texts import formula_safe
from shared.web.access import Caller, admin_only

COLUMNS = (
    "timestamp",
    "service",
    "action",
    "outcome",
    "actor",
    "actor_id",
    "subject",
    "subject_id",
    "address",
    "user_agent",
    "request_id",
    "details",
    "id",
)
OUTCOMES = {"success": "Success", "failure": "Failure", "refused": "Refused"}
audit = Blueprint("audit", __name__)


class AuditFilters(FilterForm):
    """Filters of the audit trail."""

    q = StringField("Text", [at_most(100)])
    action = StringField("Action", [at_most(60)])
    actor = StringField("Done by", [at_most(100)])
    outcome = SelectField("Outcome", choices=options(OUTCOMES, "Any"), default="")
    since = DayField("From", name="from")
    until = DayField("To", name="to", begin="since")
    user_id = StringField("User's id", [Optional(), UUID("This is not a user's id.")])


@audit.get("/admin/audit")
@admin_only
def index(caller: Caller) -> Any:
    """List the audit trail, newest first."""
    filters = AuditFilters()
    found = filters.found(lambda: AuditClient(peer("auth-service")).entries(caller.token, filters.query()))
    query = request.query_string.decode()
    return list_page("admin_audit.html", filters, found=found, export=f"/admin/audit/export?{query}".rstrip("?"))


@audit.get("/admin/audit/export")
@admin_only
def export(caller: Caller) -> Response:
    """Return all entries that match the filters as CSV (RFC 4180). The export is audited itself."""
    filters = AuditFilters()
    if not filters.validate():
        raise InvalidRequest("The filters can't be read. Go back and correct them.")
    query = {name: value for name, value in filters.query().items() if name not in ("limit", "cursor")}
    rows = AuditClient(peer("auth-service")).export(caller.token, query)
    response = Response(_to_csv(rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="audit-{now():%Y-%m-%d}.csv"'
    return response


def _to_csv(rows: list[dict[str, Any]]) -> str:
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    writer.writerow(COLUMNS)
    for row in rows:
        details = json.dumps(row["details"], ensure_ascii=False, sort_keys=True) if row["details"] else ""
        cells = (details if name == "details" else row[name] or "" for name in COLUMNS)
        writer.writerow([formula_safe(cell) for cell in cells])
    return lines.getvalue()
