"""The endpoints of the audit trail: for admins, for the person concerned, and for services that report."""

from flask import Blueprint, Response, g

from auth_service.audit import audit_logic
from auth_service.audit.audit_logic import TooManyRows
from auth_service.audit.audit_schemas import AuditEntryOut, AuditQuery, DataViewOut, ExportQuery
from auth_service.common_service import api, tools
from shared.web.access import Caller, admin_only, private, service_only
from shared.web.audit_trail import ReportedEntries
from shared.web.cursors import Page, page_of
from shared.web.responses import success
from shared.web.validation.openapi import Answer, answer, documented

audit = Blueprint("audit", __name__, url_prefix="/api/auth/audit")
audit_internal = Blueprint("audit_internal", __name__, url_prefix="/internal/audit")


@audit.get("")
@admin_only
@api.validate(resp=documented(200, page_of(audit=AuditEntryOut)))
def list_entries(_caller: Caller, query: AuditQuery) -> Response:
    """Return the audit trail, newest first."""
    rows, pagination = audit_logic.list_entries(tools().audit, query)
    return success(audit=[AuditEntryOut.of(row) for row in rows], pagination=pagination)


@audit.get("/export")
@admin_only
@api.validate(resp=documented(200, answer(audit=list[AuditEntryOut]), TooManyRows))
def export(caller: Caller, query: ExportQuery) -> Response:
    """Return all matching entries of the audit trail at once, newest first. The export becomes an entry itself."""
    return success(audit=[AuditEntryOut.of(row) for row in audit_logic.export(tools().audit, caller, query)])


@audit.get("/mine")
@private
@api.validate(resp=documented(200, page_of(audit=DataViewOut)))
def list_views(caller: Caller, query: Page) -> Response:
    """Return the accesses of staff to the caller's data, newest first."""
    rows, pagination = audit_logic.list_views(tools().audit, caller, query)
    views = [DataViewOut(id=row.id, action=row.action, actor=row.actor, timestamp=row.timestamp) for row in rows]
    return success(audit=views, pagination=pagination)


@audit_internal.post("")
@service_only("audit:write")
@api.validate(resp=documented(200, Answer))
def receive(json: ReportedEntries) -> Response:
    """Add entries that another service reports. An entry that was reported before is skipped."""
    audit_logic.receive(tools().audit, g.service, json.entries)
    return success()
