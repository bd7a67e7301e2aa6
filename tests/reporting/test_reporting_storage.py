"""When reports are stored and who reads them, with fake sources and a real database."""

import threading
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask

from reporting_service import reporting_logic
from reporting_service.reporting_logic import Sources
from reporting_service.reporting_models import Report, db
from reporting_service.reporting_schemas import ReportQuery
from reporting_service.reporting_storage import ReportStorage
from shared.core.errors import NotFound
from shared.web.access import Caller
from shared.web.cursors import Page
from tests.reporting.books import MARCH, NOON, TODAY, Books


def test_the_same_report_within_a_minute_is_stored_once(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_at(seconds: float, query: ReportQuery = MARCH, by: Caller = caller) -> Report:
        monkeypatch.setattr(reporting_logic, "now", lambda: NOON + timedelta(seconds=seconds))
        return reporting_logic.report_transactions(storage, sources, by, query)

    first = make_at(0)
    assert make_at(59).id == first.id
    assert (
        make_at(59, ReportQuery.model_validate({"start_date": "2026-03-02", "end_date": "2026-03-31"})).id != first.id
    )
    assert make_at(59, by=Caller(uuid4(), "bob", "customer", uuid4(), "t")).id != first.id
    second = make_at(60)
    assert (second.id == first.id, second.edition) == (False, 2)
    books.entries = [(TODAY, 1)]
    assert make_at(60).id not in (first.id, second.id)


@pytest.mark.parametrize("attempt", range(5))
def test_concurrent_requests_store_one_report(app: Flask, sources: Sources, caller: Caller, attempt: int) -> None:
    barrier = threading.Barrier(8)
    ids: list[UUID] = []

    def make() -> None:
        with app.app_context():
            barrier.wait()
            ids.append(reporting_logic.report_transactions(ReportStorage(db), sources, caller, MARCH).id)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8, attempt
    assert len(set(ids)) == 1


def test_only_its_user_and_admins_may_read_a_stored_report(
    storage: ReportStorage, sources: Sources, caller: Caller
) -> None:
    report = reporting_logic.report_transactions(storage, sources, caller, MARCH)

    def as_seen_by(role: str, user_id: UUID) -> UUID:
        return reporting_logic.details(storage, Caller(user_id, "x", role, uuid4(), "t"), report.id).id

    assert as_seen_by("customer", caller.user_id) == as_seen_by("admin", uuid4()) == report.id
    for role in ("customer", "employee"):
        with pytest.raises(NotFound):
            as_seen_by(role, uuid4())


def test_a_page_of_long_reports_ends_early_and_the_next_continues(
    storage: ReportStorage, sources: Sources, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for day in range(1, 6):
        monkeypatch.setattr(reporting_logic, "now", lambda day=day: NOON + timedelta(seconds=day))
        query = ReportQuery.model_validate({"start_date": f"2026-03-{day:02}"})
        made.append(reporting_logic.report_transactions(storage, sources, caller, query))
    monkeypatch.setattr(reporting_logic, "MAX_PAGE_BYTES", made[0].size_bytes * 2)
    seen, cursor = [], None
    for length in (2, 2, 1):
        page = Page(limit=3, cursor=cursor)
        reports, pagination = reporting_logic.list_reports(storage, page, caller.user_id)
        assert len(reports) == length
        seen += [report.id for report in reports]
        cursor = pagination.next_cursor
    assert seen == [report.id for report in made[::-1]]
    assert cursor is None
    monkeypatch.setattr(reporting_logic, "MAX_PAGE_BYTES", 1)
    reports, pagination = reporting_logic.list_reports(storage, Page(), caller.user_id)
    assert (len(reports), pagination.next_cursor is None) == (1, False)
