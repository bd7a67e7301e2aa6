"""The documents say what is so: their code stands in the repository, their links lead somewhere."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo_data import PASSWORD_VARIABLE
from tests.support import repository
from tests.support.repository import ROOT
from tests.support.suite import MODULES

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


def test_every_error_code_is_in_the_table_of_codes() -> None:
    found: set[str] = set()
    for path in repository.python_files("shared", *repository.PACKAGES):
        found |= set(re.findall(r'^    code(?:: str)? = "([A-Z_]+)"$', path.read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")
    table = text.partition("### Statuses and codes")[2].partition("\n## ")[0]
    assert sorted(found ^ set(re.findall(r"`([A-Z_]+)`", table))) == []


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
    commands = re.sub(r" \\\n\t+", " ", recipe[1]).replace("$(BIN)", ".venv/bin").replace("$(SEMGREP)", ".venv-semgrep")
    assert hooks == [line.strip() for line in commands.splitlines()]


DECISIONS = sorted((ROOT / "docs" / "decisions").glob("2*.md"))


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.stem)
def test_a_decision_is_dated_listed_and_fits_a_page(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")
    date = decision.stem[:10]
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[:2] in (
        ["Context", "Decision"],
        ["Context", "Decision and measured"],
    )
    assert "## Consequences" in text
    assert len(text.splitlines()) <= 60
    title = text.splitlines()[0].removeprefix("# ")
    state = " (superseded)" if "superseded by" in text.splitlines()[2] else ""
    row = f"| [{title}]({decision.name}){state} | {date} |"
    assert row in (decision.parent / "README.md").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation site; a link that leads nowhere fails the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    loaded = re.compile(r"""<(?:script|img|iframe)[^>]*src="?https?://|<link[^>]*href="?https?://""")
    assert [page.name for page in site.rglob("*.html") if loaded.search(page.read_text(encoding="utf-8"))] == []


def test_the_site_finds_every_document_and_endpoint(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    sources = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert {str(path).replace("README", "index") for path in sources} <= found
    titles = {entry["title"] for entry in index["docs"]}
    paths = {
        (item.path.replace("<", "{").replace(">", "}"), item.method)
        for item in repository.documented("account-service")
    }
    assert [
        f"{method} {path}" for path, method in paths if not any(f"{method} {path}<" in title for title in titles)
    ] == []


def test_diagrams_are_pictures(site: Path) -> None:
    assert "<svg" in (site / "ARCHITECTURE.html").read_text(encoding="utf-8")
