"""The endpoint of receipts."""

from uuid import UUID

from flask import Blueprint, Response, current_app

from reporting_service.common_service import api
from reporting_service.documents.document_service import send
from reporting_service.receipts import receipt_logic
from reporting_service.receipts.receipt_logic import NotCompleted, ReceiptTools
from reporting_service.receipts.receipt_schemas import ReceiptQuery
from shared.web.access import Caller, private
from shared.web.validation.openapi import Answer, documented

receipts = Blueprint("receipts", __name__, url_prefix="/api/reports")


@receipts.get("/receipt/<uuid:transaction_id>")
@private
@api.validate(resp=documented(200, Answer, NotCompleted, documents=("application/pdf",)))
def receipt(caller: Caller, transaction_id: UUID, query: ReceiptQuery) -> Response:
    """Return the receipt of a completed payment as a document."""
    tools: ReceiptTools = current_app.extensions["receipt_tools"]
    return send(receipt_logic.make_receipt(tools, caller, transaction_id, query))
