"""Responses with a report, as JSON or as a document."""

from flask import Response

from reporting_service.documents.document_schemas import Bank
from reporting_service.documents.document_service import send
from reporting_service.downloads.download_logic import make_download
from reporting_service.reporting_models import Report
from reporting_service.reporting_schemas import Format, ReportOut
from shared.web.parts import part
from shared.web.responses import success


def answer_with(report: Report, form: Format) -> Response:
    """Return the response with a report in the chosen form."""
    if form == "json":
        return success(report=ReportOut.of(report))
    return send(make_download(report, part(Bank), form))
