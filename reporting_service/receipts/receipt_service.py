"""The endpoint of receipts."""

from uuid import UUID

from flask import Blueprint, Response

from reporting_service.common_service import api
from reporting_service.documents.document_schemas import Bank
from reporting_service.documents.document_service import send
from reporting_service.receipts import receipt_logic
from reporting_service.receipts.receipt_logic import NotCompleted
from reporting_service.receipts.receipt_schemas import ReceiptQuery
from reporting_service.reporting_logic import Sources
from shared.web.access import Caller, private
from shared.web.parts import part
from shared.web.validation.openapi import Answer, documented

receipts = Blueprint("receipts", __name__, url_prefix="/api/reports")


@receipts.get("/receipt/<uuid:transaction_id>")
@private
@api.validate(resp=documented(200, Answer, NotCompleted, documents=("application/pdf",)))
def receipt(caller: Caller, transaction_id: UUID, query: ReceiptQuery) -> Response:
    """Return the receipt of a completed payment as a document."""
    return send(receipt_logic.make_receipt(part(Sources), part(Bank), caller, transaction_id, query=query))
