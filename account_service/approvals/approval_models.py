"""Table of the requests about accounts that wait for a second person."""

from account_service.account_models import Base
from shared.db.approvals import ApprovalColumns


class Approval(ApprovalColumns, Base):
    """A request to change the status of an account. `subject_id` is the id of that account."""
