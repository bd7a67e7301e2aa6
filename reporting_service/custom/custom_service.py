"""The endpoints of custom reports."""

from uuid import UUID

from flask import Blueprint, Response

from reporting_service.common_service import api
from reporting_service.custom import custom_logic
from reporting_service.custom.custom_logic import NameTaken, TooManyCustomReports
from reporting_service.custom.custom_schemas import CustomReportOut, NewCustomReport
from reporting_service.custom.custom_storage import CustomReportStorage
from reporting_service.downloads.download_schemas import MEDIA_TYPES
from reporting_service.downloads.download_service import answer_with
from reporting_service.reporting_logic import Sources, StillSettling
from reporting_service.reporting_schemas import MakingQuery, ReportOut
from reporting_service.reporting_storage import ReportStorage
from shared.core.errors import NotFound
from shared.web.access import Caller, private
from shared.web.cursors import Page, page_of
from shared.web.parts import part
from shared.web.responses import success
from shared.web.validation.openapi import Answer, answer, documented

custom = Blueprint("custom", __name__, url_prefix="/api/reports/custom")


@custom.post("")
@private
@api.validate(resp=documented(201, answer(custom_report=CustomReportOut), NotFound, NameTaken, TooManyCustomReports))
def create(caller: Caller, json: NewCustomReport) -> Response:
    """Keep a choice of accounts, period, types and grouping under a name."""
    report = custom_logic.create(part(CustomReportStorage), part(Sources), caller, json)
    return success(201, custom_report=CustomReportOut.of(report), message="The report is kept.")


@custom.get("")
@private
@api.validate(resp=documented(200, page_of(custom_reports=CustomReportOut)))
def list_own(caller: Caller, query: Page) -> Response:
    """Return the caller's custom reports, newest first."""
    rows, pagination = custom_logic.list_own(part(CustomReportStorage), caller, query)
    return success(custom_reports=[CustomReportOut.of(row) for row in rows], pagination=pagination)


@custom.get("/<uuid:report_id>")
@private
@api.validate(resp=documented(200, answer(custom_report=CustomReportOut)))
def details(caller: Caller, report_id: UUID) -> Response:
    """Return a custom report of the caller."""
    return success(custom_report=CustomReportOut.of(custom_logic.details(part(CustomReportStorage), caller, report_id)))


@custom.delete("/<uuid:report_id>")
@private
@api.validate(resp=documented(200, Answer))
def delete(caller: Caller, report_id: UUID) -> Response:
    """Delete a custom report of the caller. Reports that it has made stay."""
    custom_logic.delete(part(CustomReportStorage), caller, report_id)
    return success(message="The custom report is deleted.")


@custom.get("/<uuid:report_id>/run")
@private
@api.validate(resp=documented(200, answer(report=ReportOut), StillSettling, documents=MEDIA_TYPES))
def run(caller: Caller, report_id: UUID, query: MakingQuery) -> Response:
    """Make a report by a custom report of the caller, over its period as it is today."""
    report = custom_logic.run(
        part(CustomReportStorage), part(ReportStorage), part(Sources), caller, report_id, query=query
    )
    return answer_with(report, query.format)
