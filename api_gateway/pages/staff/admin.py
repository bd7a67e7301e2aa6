"""The overview of the staff, and the audit trail."""

from concurrent.futures import Future
from typing import Any

from flask import Blueprint, render_template

from api_gateway.clients import metrics
from api_gateway.clients.metrics import Load
from api_gateway.clients.reporting import Choice
from api_gateway.pages.common.filters import AuditFilters, filtered_list
from api_gateway.pages.common.reports import pictures_of
from api_gateway.pages.common.services import SERVICES, Services, peer, probe_services, result_or_none, start_call
from api_gateway.pages.staff.work_queue import cards
from api_gateway.web.time_zones import page_zone
from shared.web.access import Caller, admin_only, staff_only
from shared.web.metrics import Metrics
from shared.web.parts import part

SERVICE_LABELS = {
    "api-gateway": "Pages and API",
    "auth-service": "People and logins",
    "account-service": "Accounts and the ledger",
    "transaction-service": "Payments",
    "reporting-service": "Reports",
}
admin = Blueprint("admin", __name__)


@admin.get("/admin")
@staff_only
def index(caller: Caller) -> str:
    """Show what waits for the caller, the health of the services and, for admins, a report on the whole bank."""
    is_admin, get_report = caller.role == "admin", Services(caller).reports.report
    report_call = start_call(get_report, "/api/reports/system", Choice(page_zone().key)) if is_admin else None
    work = cards(caller)
    loads = _begin_loads(caller) if is_admin else {}
    results = probe_services()
    report = result_or_none(report_call) if report_call else None
    return render_template(
        "admin.html",
        work=work,
        services=[(SERVICE_LABELS[name], name, result) for name, result in results.items()],
        loads={name: result_or_none(call) for name, call in loads.items()},
        report=report,
        pictures=report and pictures_of(report),
    )


def _begin_loads(caller: Caller) -> dict[str, Future[Load]]:
    """Start the calls for the metrics of all five processes. The gateway reads its own."""
    counted = part(Metrics)
    own = start_call(lambda: metrics.read(counted.exposition().decode()))
    return {"api-gateway": own, **{name: start_call(metrics.load_of, peer(name), caller.token) for name in SERVICES}}


@admin.get("/admin/audit")
@admin_only
def audit(caller: Caller) -> Any:
    """List the audit trail, newest first."""
    return filtered_list("admin_audit.html", AuditFilters(), Services(caller).audit.entries)
