"""Table of the requests about payments that wait for a second person."""

from shared.db.approvals import ApprovalColumns
from transaction_service.transaction_models import Base


class Approval(ApprovalColumns, Base):
    """A request to reverse a transaction, to pay it out of suspense, or to withdraw cash at the counter.

    `subject_id` is the id of the transaction; for a withdrawal that of the transaction which it will become.
    """
