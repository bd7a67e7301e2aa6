"""The endpoint of exports."""

from flask import Blueprint, Response

from reporting_service.common_service import api
from reporting_service.documents.document_service import send
from reporting_service.exports import export_logic
from reporting_service.exports.export_logic import ExportTools
from shared.web.access import Caller, private
from shared.web.parts import part
from shared.web.validation.openapi import Answer, documented

exports = Blueprint("exports", __name__, url_prefix="/api/reports")


@exports.get("/export")
@private
@api.validate(resp=documented(200, Answer, documents=("application/zip",)))
def export(caller: Caller) -> Response:
    """Return all data of the caller as JSON and CSV in a ZIP."""
    return send(export_logic.make_export(part(ExportTools), caller))
