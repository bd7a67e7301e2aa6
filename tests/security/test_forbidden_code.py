"""What semgrep's rules (tools/semgrep/rules.yaml) can't say: patterns of templates, and rules with one allowed file."""

import re
from pathlib import Path

import pytest

from tests.support import repository
from tests.support.repository import ROOT

PYTHON = repository.python_files("shared", *repository.PACKAGES)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
_NO_FILE: frozenset[str] = frozenset()
RULES: dict[str, tuple[list[Path], str, frozenset[str]]] = {
    # what it is: (files, pattern, files that may)
    "an unverified token": (PYTHON, r"verify_signature", frozenset({"shared/security/tokens.py"})),
    "an inline script or style": (
        TEMPLATES,
        r"<script(?![^>]*\bsrc=)|<[a-z][^>{]*\s(?:on[a-z]+|style)=|javascript:",
        _NO_FILE,
    ),
    "an asset of somebody else": (TEMPLATES, r"(?:src|href)=\"(?:https?:)?//", _NO_FILE),
}


@pytest.mark.parametrize("what", RULES)
def test_no_file_contains(what: str) -> None:
    files, pattern, allowed = RULES[what]
    assert files
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line) and str(path.relative_to(ROOT)) not in allowed
    ]
    assert found == []
