"""The page of a year of statements: it shows how far an export is, and hands out the ZIP."""

import io
import zipfile
from typing import Any

import pytest

from reporting_service.statement_exports.statement_export_logic import StatementExportTools
from shared.web.parts import part
from tests.support.processes import eventually
from tests.support.suite import Person, Suite

PAGE = "/reports/exports"
BOTH: Any = {"formats": ["pdf", "csv"]}
ONE: Any = {"formats": ["pdf"]}
NONE: Any = {"formats": []}


@pytest.fixture
def ada(bank: Suite) -> Person:
    ada = bank.person()
    ada.open("20.00")
    return ada


def test_an_export_is_begun_shown_downloaded_and_removed(ada: Person) -> None:
    visitor = ada.visitor
    assert "No export" in visitor.get(PAGE).text
    answer = visitor.submit(PAGE, **BOTH)
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert "are being put together" in visitor.get(PAGE).text
    eventually(lambda: "2 statements are ready" in visitor.get(PAGE).text, within_seconds=60)
    (link,) = [part.split('"')[0] for part in visitor.get(PAGE).text.split('href="') if "/download" in part[:80]]
    document = visitor.get(link)
    assert (document.status_code, document.content_type) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(document.data)) as archive:
        assert sorted(name[-4:] for name in archive.namelist()) == [".csv", ".pdf"]
    remove = link.replace("/download", "/remove")
    assert f'href="{remove}"' in visitor.get(PAGE).text
    assert "Confirm removal" in visitor.get(remove).text
    assert "2 statements are ready" in visitor.get(PAGE).text
    assert visitor.submit(remove).status_code == 303
    assert visitor.get(remove).status_code == 404
    assert "No export" in visitor.get(PAGE).text


def test_an_unfinished_export_reloads_the_page_without_javascript(
    ada: Person, bank: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = part(StatementExportTools, bank.apps["reporting"]).worker
    monkeypatch.setattr(worker, "make_next", lambda: False)
    ada.visitor.submit(PAGE, **ONE)
    page = ada.visitor.get(PAGE).text
    assert '<noscript><meta http-equiv="refresh"' in page
    assert '<progress max="1" value="0"' in page
    again = ada.visitor.submit(PAGE, **ONE)
    assert (again.status_code, "An export of yours is being made already" in again.text) == (400, True)


def test_a_form_without_a_format_is_refused(ada: Person) -> None:
    answer = ada.visitor.submit(PAGE, **NONE)
    assert (answer.status_code, "Choose a format." in answer.text) == (400, True)
