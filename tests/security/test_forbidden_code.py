"""Code that is never needed here and often a hole: a local rule set, beside ruff's and bandit's."""

import re
from pathlib import Path

import pytest

from tests.support import house
from tests.support.house import ROOT

PYTHON = house.python_files("shared", *house.PACKAGES)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = [path for path in sorted((ROOT / "static").rglob("*.js")) if ".min." not in path.name]
_NO_FILE: frozenset[str] = frozenset()
_INLINE = r"<script(?![^>]*\bsrc=)|<[a-z][^>{]*\s(?:on[a-z]+|style)=|javascript:"
_WRITES_HTML = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\("
RULES: dict[str, tuple[list[Path], str, frozenset[str]]] = {
    # what it is: (files, pattern, files that may)
    "a call of eval, exec or pickle": (PYTHON, r"(?<![\w.])(?:eval|exec)\(|\bpickle\b|\bmarshal\b", _NO_FILE),
    "a shell": (PYTHON, r"shell=True|os\.system\(", _NO_FILE),
    "an unverified certificate": (PYTHON, r"verify=False|CERT_NONE", _NO_FILE),
    "an unverified token": (PYTHON, r"verify_signature", frozenset({"shared/security/tokens.py"})),
    "a template made at run time": (PYTHON, r"render_template_string|from_string\(", _NO_FILE),
    "a template without escaping": (TEMPLATES, r"\|\s*safe\b|autoescape", frozenset({"templates/partials/ui.html"})),
    "an inline script or style": (
        TEMPLATES,
        r"<script(?![^>]*\bsrc=)|<[a-z][^>{]*\s(?:on[a-z]+|style)=|javascript:",
        _NO_FILE,
    ),
    "an asset of somebody else": (TEMPLATES, r"(?:src|href)=\"(?:https?:)?//", _NO_FILE),
    "HTML written by a script": (
        SCRIPTS,
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(",
        frozenset(),
    ),
}


@pytest.mark.parametrize("what", RULES)
def test_there_is_nowhere(what: str) -> None:
    files, pattern, allowed = RULES[what]
    assert files
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line) and str(path.relative_to(ROOT)) not in allowed
    ]
    assert found == []
