"""Table of the requests to remove the second factor of a customer who has lost it."""

from datetime import timedelta

from auth_service.auth_models import Base
from shared.db.approvals import ApprovalColumns


class FactorRemoval(ApprovalColumns, Base):
    """A request to remove a second factor. `subject_id` is the id of the customer."""

    __tablename__ = "factor_removal"

    @classmethod
    def period(cls) -> timedelta:
        """Return how long a request can be decided."""
        return timedelta(days=3)
