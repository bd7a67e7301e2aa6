"""Pages as other people's programs read them: the text in its order, its structure, and any letter."""

import io
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pypdf import PdfReader

from reporting_service.documents.document_schemas import Bank
from reporting_service.documents.font_writer import glyphs_of
from reporting_service.documents.page_writer import MARGIN, Paper, wrapped
from tests.reporting.documents.pdf_ua import faults_of, texts_of

AT = datetime(2026, 2, 1, 12, 30, tzinfo=UTC)
NAMES = (
    "Ada Παπαδοπούλου",
    "Борис Щербаковский",
    "Dvořák & Łoś <b>(x)</b> \\) Tj ET",
    "محمد علي",
    "Transfer to שלום כהן, paid",
    "Zoë e\u0301 q\u0301",
    "漢字 in a Latin line",
    "\N{GRINNING FACE}",
)


def page_of(*lines: str) -> bytes:
    out = io.BytesIO()
    paper = Paper(out, Bank("Bank", ("1 Street", "Town"), "Call us."), title="Names, имена", subject="A test", at=AT)
    paper.bank_block("Names")
    with paper.element("Table"):
        paper.y -= 20
        with paper.element("TR"):
            paper.cell(MARGIN, "Name", scope="Column")
        for line in lines:
            paper.y -= 20
            with paper.element("TR"):
                paper.cell(MARGIN, line)
    paper.end_page(1, 1)
    paper.finish()
    return out.getvalue()


def test_a_page_follows_the_rules_of_pdf_ua() -> None:
    assert faults_of(page_of(*NAMES)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_finds_every_name_as_it_was_written(name: str) -> None:
    assert ("/TD", name) in texts_of(page_of(name))


def test_a_screen_reader_hears_headings_and_tables_in_order_and_no_page_numbers() -> None:
    found = texts_of(page_of("Ada"))
    assert found == [("/P", "Bank"), ("/H1", "Names"), ("/P", "1 Street Town"), ("/TH", "Name"), ("/TD", "Ada")]


def test_a_program_of_others_finds_the_structure(tmp_path: Path) -> None:
    if not shutil.which("pdfinfo"):
        pytest.skip("poppler is not installed")
    path = tmp_path / "names.pdf"
    path.write_bytes(page_of(*NAMES))
    answer = subprocess.run(["pdfinfo", "-struct-text", path], capture_output=True, text=True, timeout=30)
    assert answer.stderr == ""
    lines = [line.strip() for line in answer.stdout.splitlines()]
    assert lines[0] == "Document"
    assert '"Борис Щербаковский"' in lines
    assert "/Scope /Column" in lines


def test_a_name_from_right_to_left_is_turned_within_its_line() -> None:
    letters = [letter for _, letter in glyphs_of("to שלום, paid").meanings]
    assert "".join(letters) == "to םולש, paid"


def test_the_check_finds_content_without_a_place_and_uneven_rows() -> None:
    out = io.BytesIO()
    paper = Paper(out, Bank("Bank", (), "Call us."), title="Bad", subject="A test", at=AT)
    with paper.element("H2"):
        paper.text(MARGIN, "A level is left out")
    with paper.element("Table"):
        for cells in (1, 2):
            with paper.element("TR"):
                for _ in range(cells):
                    paper.cell(MARGIN, "x")
    paper.end_page(1, 1)
    paper.finish()
    faults = ["/H2 follows level 0", "a table has rows of different lengths", "a table has no headers"]
    assert [fault.partition(",")[0] for fault in faults_of(out.getvalue())] == faults


def test_the_metadata_name_title_subject_and_time() -> None:
    found = PdfReader(io.BytesIO(page_of("Ada"))).metadata
    assert found is not None
    assert (found.title, found.subject, found.author) == ("Names, имена", "A test", "Bank")
    assert found.creation_date == found.modification_date == AT


def test_the_same_page_has_the_same_bytes_and_only_the_letters_that_it_shows() -> None:
    assert page_of(*NAMES) == page_of(*NAMES)
    assert len(page_of("Ada")) < 15_000


def test_lines_are_broken_between_words_and_long_words_within() -> None:
    assert wrapped("one two three", 40, 9, 5) == ("one two", "three")
    broken = wrapped("x" * 100, 100, 9, 20)
    assert "".join(broken) == "x" * 100
    assert wrapped("one two three four", 40, 9, 2)[1].endswith("…")
