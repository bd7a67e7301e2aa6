"""The staff's lists as CSV, with the filters of their pages."""

from collections.abc import Mapping

from flask import Blueprint
from werkzeug.wrappers import Response

from api_gateway.pages.common.filters import (
    AccountFilters,
    AllTransactionFilters,
    ApprovalFilters,
    AuditFilters,
    CaseFilters,
    CustomerFilters,
    FilterForm,
    PeopleFilters,
)
from api_gateway.pages.common.services import Services
from api_gateway.web.documents import send_on
from shared.core.errors import InvalidRequest, NotFound, ServiceUnavailable
from shared.web.access import Caller, staff_only

FORMS: Mapping[str, type[FilterForm]] = {
    "accounts": AccountFilters,
    "approvals": ApprovalFilters,
    "audit": AuditFilters,
    "cases": CaseFilters,
    "customers": CustomerFilters,
    "transactions": AllTransactionFilters,
    "users": PeopleFilters,
}
"""The filters of each list, by the last part of its address."""
list_exports = Blueprint("list_exports", __name__)


@list_exports.get("/admin/<name>/export")
@staff_only
def export(caller: Caller, name: str) -> Response:
    """Return all rows of a list that match its filters, as CSV. It takes the list's permission, and is audited."""
    if name not in FORMS:
        raise NotFound
    filters = FORMS[name]()
    document = filters.found(lambda: Services(caller).reports.list_export(name, filters.criteria()))
    if document is not None:
        return send_on(document)
    raise ServiceUnavailable if filters.is_unavailable else InvalidRequest(filters.error_text)
