"""Queries on all data of a user that this service stores."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import select

from reporting_service.reporting_models import CustomReport, Report
from shared.db.database import Storage


class ExportStorage(Storage):
    """The reports and custom reports of a user."""

    def reports(self, user_id: UUID) -> Iterator[Report]:
        """Yield the stored reports of a user, newest first. They are read one by one, since each may be long."""
        ids = select(Report.id).where(Report.user_id == user_id).order_by(Report.created_at.desc(), Report.id.desc())
        for report_id in self._session.scalars(ids).all():
            report = self._session.get(Report, report_id)
            if report is not None:
                yield report
                self._session.expunge(report)

    def custom_reports(self, user_id: UUID) -> Iterator[dict[str, Any]]:
        """Yield the custom reports of a user."""
        query = select(CustomReport).where(CustomReport.user_id == user_id).order_by(CustomReport.created_at)
        for row in self._session.scalars(query):
            yield {"id": row.id, "name": row.name, **row.choice, "created_at": row.created_at}
