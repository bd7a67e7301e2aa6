"""The rules of receipts: whose payment it is, that it is completed, and which names are shown."""

from datetime import datetime
from uuid import UUID

from reporting_service.documents.document_schemas import Bank
from reporting_service.documents.document_storage import Document, make_document
from reporting_service.receipts import receipt_writer
from reporting_service.receipts.receipt_schemas import Receipt, ReceiptQuery, Side
from reporting_service.reporting_logic import Sources
from shared.core.errors import Refused
from shared.core.texts import masked_name
from shared.web.access import Caller


class NotCompleted(Refused):
    """The payment is pending or has failed, so nothing can be proved."""

    code = "NOT_COMPLETED"
    message = "This payment is not completed, so there is no receipt of it."


def make_receipt(
    sources: Sources, bank: Bank, caller: Caller, transaction_id: UUID, *, query: ReceiptQuery
) -> Document:
    """Return the receipt of a payment that the caller may see. Raises NotFound, NotCompleted or ServiceUnavailable.

    The caller's own name is whole; that of another side is masked for who does not see others.
    """
    payment = sources.transactions.transaction(caller.token, transaction_id)
    if payment["status"] != "completed":
        raise NotCompleted
    source, target = sources.transactions.owners(UUID(payment["id"]))
    own_number = payment["account_number"]
    receipt = Receipt(
        bank=bank,
        id=UUID(payment["id"]),
        transaction_type=payment["transaction_type"],
        amount=payment["amount"],
        currency=payment["currency"],
        description=payment["description"],
        booked_at=datetime.fromisoformat(payment["timestamp"]),
        zone=query.tz,
        source=_side(sources, caller, source, payment["from_account_number"] or own_number),
        target=_side(sources, caller, target, payment["to_account_number"] or own_number),
        reverses=payment["reverses"],
        reversed_by=payment["reversed_by"],
    )
    name = f"receipt-{payment['timestamp'][:10]}-{payment['id']}.pdf"
    return make_document(lambda file: receipt_writer.write(receipt, file), "application/pdf", name)


def _side(sources: Sources, caller: Caller, owner_id: UUID | None, number: str | None) -> Side | None:
    if owner_id is None:
        return None
    name = sources.auth.name(owner_id)
    return Side(name if caller.sees_others or owner_id == caller.user_id else masked_name(name), number)
