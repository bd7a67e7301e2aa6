"""The endpoints of custom reports."""

from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, Response, current_app

from reporting_service.common_service import api
from reporting_service.custom import custom_logic
from reporting_service.custom.custom_logic import NameTaken, TooManyCustomReports
from reporting_service.custom.custom_schemas import CustomReportOut, NewCustomReport, RunQuery
from reporting_service.custom.custom_storage import CustomReportStorage
from reporting_service.downloads.download_schemas import MEDIA_TYPES
from reporting_service.downloads.download_service import answer_with
from reporting_service.reporting_logic import Sources, StillSettling
from reporting_service.reporting_schemas import ReportOut
from reporting_service.reporting_storage import ReportStorage
from shared.core.errors import NotFound
from shared.web.access import Caller, private
from shared.web.cursors import Page, page_of
from shared.web.responses import success
from shared.web.validation.openapi import Answer, answer, documented

custom = Blueprint("custom", __name__, url_prefix="/api/reports/custom")


@dataclass(frozen=True)
class CustomTools:
    """The objects that these endpoints use."""

    custom: CustomReportStorage
    reports: ReportStorage
    sources: Sources


@custom.post("")
@private
@api.validate(resp=documented(201, answer(custom_report=CustomReportOut), NotFound, NameTaken, TooManyCustomReports))
def create(caller: Caller, json: NewCustomReport) -> Response:
    """Keep a choice of accounts, period, types and grouping under a name."""
    report = custom_logic.create(_tools().custom, _tools().sources, caller, json)
    return success(201, custom_report=CustomReportOut.of(report), message="The report is kept.")


@custom.get("")
@private
@api.validate(resp=documented(200, page_of(custom_reports=CustomReportOut)))
def list_own(caller: Caller, query: Page) -> Response:
    """Return the caller's custom reports, newest first."""
    rows, pagination = custom_logic.list_own(_tools().custom, caller, query)
    return success(custom_reports=[CustomReportOut.of(row) for row in rows], pagination=pagination)


@custom.get("/<uuid:report_id>")
@private
@api.validate(resp=documented(200, answer(custom_report=CustomReportOut)))
def details(caller: Caller, report_id: UUID) -> Response:
    """Return a custom report of the caller."""
    return success(custom_report=CustomReportOut.of(custom_logic.details(_tools().custom, caller, report_id)))


@custom.delete("/<uuid:report_id>")
@private
@api.validate(resp=documented(200, Answer))
def delete(caller: Caller, report_id: UUID) -> Response:
    """Delete a custom report of the caller. Reports that it has made stay."""
    custom_logic.delete(_tools().custom, caller, report_id)
    return success(message="The custom report is deleted.")


@custom.get("/<uuid:report_id>/run")
@private
@api.validate(resp=documented(200, answer(report=ReportOut), StillSettling, documents=MEDIA_TYPES))
def run(caller: Caller, report_id: UUID, query: RunQuery) -> Response:
    """Make a report by a custom report of the caller, over its period as it is today."""
    tools = _tools()
    report = custom_logic.run(tools.custom, tools.reports, tools.sources, caller, report_id, query=query)
    return answer_with(report, query.format)


def _tools() -> CustomTools:
    tools: CustomTools = current_app.extensions["custom_tools"]
    return tools
