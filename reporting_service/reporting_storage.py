"""Queries on stored reports."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from reporting_service.reporting_models import Report
from shared.db.database import Database, Storage
from shared.db.keyset import newest_first
from shared.db.outbox import Outbox


class ReportStorage(Storage):
    """The stored reports."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.outbox = Outbox(database)

    def find_report(self, report_id: UUID) -> Report | None:
        """Return the report with this id, or None."""
        return self._session.get(Report, report_id)

    def find_last_edition(self, digest: str) -> Report | None:
        """Return the newest report with this digest, or None."""
        query = select(Report).where(Report.digest == digest).order_by(Report.edition.desc())
        return self._session.scalar(query.limit(1))

    def list_reports(
        self, *, user_id: UUID | None, limit: int, max_bytes: int, after: tuple[datetime, UUID] | None
    ) -> tuple[list[Report], bool]:
        """Return a user's reports, or all, newest first, and whether more exist.

        The page has at most `limit` reports and at most `max_bytes` of data, but at least one report if one exists.
        `after` is the (created_at, id) of the last report of the page before.
        """
        query = select(Report) if user_id is None else select(Report).where(Report.user_id == user_id)
        query = newest_first(query, (Report.created_at, Report.id), limit + 1, after)
        reports: list[Report] = []
        size_bytes = 0
        with self._session.scalars(query.execution_options(yield_per=10)) as rows:
            for report in rows:
                size_bytes += report.size_bytes
                if len(reports) == limit or (reports and size_bytes > max_bytes):
                    return reports, True
                reports.append(report)
        return reports, False
