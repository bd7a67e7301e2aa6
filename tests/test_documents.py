"""The documents say what is so: their code stands in the repository, their links lead somewhere."""

import importlib
import re
from pathlib import Path

import pytest

from demo_data import PASSWORD_VARIABLE
from tests import house
from tests.house import ROOT
from tests.suite import MODULES

DOCUMENTS = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def quoted_code() -> list[tuple[str, str]]:
    text = (ROOT / "docs" / "PATTERNS.md").read_text(encoding="utf-8")
    quotes: list[tuple[str, str]] = re.findall(
        r"^`([^`\n]+\.py)`\n\n```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    assert len(quotes) == text.count("```python")
    return quotes


@pytest.mark.parametrize(("path", "code"), quoted_code())
def test_quoted_code_stands_in_the_repository(path: str, code: str) -> None:
    assert code in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_files_that_are_named_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    names = re.findall(r"`((?:docs|shared|tests|tools|templates|static|\w+_service|api_gateway)/[\w./-]+)`", text)
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_every_error_code_is_documented() -> None:
    found: set[str] = set()
    for path in house.python_files("shared", *house.PACKAGES):
        found |= set(re.findall(r'^    code(?:: str)? = "([A-Z_]+)"$', path.read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")
    assert sorted(found - set(re.findall(r"`([A-Z_]+)`", text))) == []


def test_every_variable_is_documented_and_no_other() -> None:
    read = {
        str(field.validation_alias)
        for module, settings in MODULES.values()
        for field in getattr(importlib.import_module(module), settings).model_fields.values()
    }
    text = (ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    assert documented == read | {PASSWORD_VARIABLE}


def test_the_hooks_before_a_commit_run_what_make_check_runs() -> None:
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe
    hooks = re.findall(r"^ +entry: (.*)$", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    assert hooks == [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]
