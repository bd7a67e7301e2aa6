"""The documents of security name only tests that exist, and every requirement of ASVS 5.0 has a row with its proof."""

import re

from tests.support import repository
from tests.support.repository import ROOT

TEXT = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
ASVS = (ROOT / "docs" / "ASVS.md").read_text(encoding="utf-8")
REQUIRED = ROOT / "tests" / "house" / "asvs_5_0_levels_1_and_2.txt"
"""The numbers and levels of the requirements of levels 1 and 2, from the CSV file of release 5.0.0."""
ROW = re.compile(r"\| (?P<numbers>\d[\d., ]*) \| (?P<here>[^|]+) \| (?P<proof>[^|]+) \|")


def test_every_test_that_the_documents_name_exists() -> None:
    sources = [path.read_text(encoding="utf-8") for path in repository.python_files("tests")]
    known = {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)}
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", TEXT + ASVS))
    assert len(named) > 100
    assert sorted(named - known) == []


def test_every_requirement_of_levels_1_and_2_has_a_row() -> None:
    numbers = [number for row in ROW.finditer(ASVS) for number in row["numbers"].split(", ")]
    required = [line.split()[0] for line in REQUIRED.read_text(encoding="utf-8").splitlines()]
    assert len(required) == 253
    assert sorted(set(required) - set(numbers)) == []
    assert sorted(set(numbers) - set(required)) == [], "level 3, or no requirement"
    assert len(numbers) == len(set(numbers))


def test_every_row_names_a_test_a_document_or_why_there_is_none() -> None:
    rows = [line for line in ASVS.splitlines() if re.match(r"\| \d", line)]
    assert [line for line in rows if not ROW.fullmatch(line)] == []
    proofs = re.compile(r"`test_\w+`|\]\([\w./-]*#?[\w-]*\)|\*\*deviation\*\*|^n/a$")
    assert [row["numbers"] for row in ROW.finditer(ASVS) if not proofs.search(row["proof"])] == []
