"""Table of the requests about people that wait for a second person."""

from auth_service.auth_models import Base
from shared.db.approvals import ApprovalColumns


class Approval(ApprovalColumns, Base):
    """A request to change what a person is or may do. `subject_id` is the id of that person."""
