"""Queries on custom reports."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from reporting_service.reporting_models import CustomReport
from shared.db.database import Storage
from shared.db.keyset import newest_first


class CustomReportStorage(Storage):
    """The custom reports of users."""

    def find(self, user_id: UUID, report_id: UUID) -> CustomReport | None:
        """Return the user's custom report with this id, or None."""
        query = select(CustomReport).where(CustomReport.id == report_id, CustomReport.user_id == user_id)
        return self._session.scalar(query)

    def find_by_name(self, user_id: UUID, name: str) -> CustomReport | None:
        """Return the user's custom report with this name, or None."""
        query = select(CustomReport).where(CustomReport.user_id == user_id, CustomReport.name == name)
        return self._session.scalar(query)

    def count(self, user_id: UUID) -> int:
        """Return the number of the user's custom reports."""
        query = select(func.count()).select_from(CustomReport).where(CustomReport.user_id == user_id)
        return int(self._session.scalar(query) or 0)

    def list_of_user(self, user_id: UUID, *, limit: int, after: tuple[datetime, UUID] | None) -> Sequence[CustomReport]:
        """Return the user's custom reports, newest first, from behind `after`, a (created_at, id)."""
        query = select(CustomReport).where(CustomReport.user_id == user_id)
        return self._session.scalars(
            newest_first(query, (CustomReport.created_at, CustomReport.id), limit, after)
        ).all()

    def remove(self, report: CustomReport) -> None:
        """Remove a custom report."""
        self._session.delete(report)
        self._session.flush()
