"""docs/SECURITY.md names only tests that exist, and every requirement has one."""

import re

from tests.support import house
from tests.support.house import ROOT

TEXT = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")


def test_every_test_that_the_document_names_exists() -> None:
    sources = [path.read_text(encoding="utf-8") for path in house.python_files("tests")]
    known = {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)}
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", TEXT))
    assert len(named) > 50
    assert sorted(named - known) == []


def test_every_requirement_has_a_test() -> None:
    section = TEXT.partition("## OWASP ASVS 5.0")[2].partition("### Deviations")[0]
    rows = [row for row in section.splitlines() if re.match(r"\| \d", row)]
    assert len(rows) > 70
    assert [row for row in rows if not re.search(r"`test_\w+`", row)] == []
