"""Queries on custom reports."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_

from reporting_service.reporting_models import CustomReport
from shared.db.database import Storage


class CustomReportStorage(Storage):
    """The custom reports of users."""

    def add(self, report: CustomReport) -> None:
        """Add a custom report."""
        self._session.add(report)
        self._session.flush()

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

    def list_of_user(
        self, user_id: UUID, *, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[CustomReport]:
        """Return the user's custom reports, newest first; `before` is the (created_at, id) of the last one shown."""
        query = select(CustomReport).where(CustomReport.user_id == user_id)
        if before:
            query = query.where(tuple_(CustomReport.created_at, CustomReport.id) < tuple_(*before))
        query = query.order_by(CustomReport.created_at.desc(), CustomReport.id.desc())
        return self._session.scalars(query.limit(limit)).all()

    def remove(self, report: CustomReport) -> None:
        """Remove a custom report."""
        self._session.delete(report)
        self._session.flush()
