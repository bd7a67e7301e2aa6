"""The hooks by which MkDocs builds the documentation site: pages made from elsewhere, links, and diagrams.

mkdocs.yml names this file. The start page is README.md; CONTRIBUTING.md and CHANGELOG.md become pages. Each service has
a reference page, made from the OpenAPI document that the real app answers in this process.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from merm import render_diagram
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tests.support.suite import Suite
from tools import api_reference

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
SERVICES = ("auth", "account", "transaction", "reporting")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for source, target in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=_with_links_inside_docs(text)))
    for service, document in _openapi_documents():
        page = api_reference.render(service, document)
        files.append(File.generated(config, f"reference/{service}.md", content=page))
    return files


def diagram(source: str, *_arguments: object, **_keywords: object) -> str:
    """Return a Mermaid diagram as SVG, so that readers need neither JavaScript nor a network (a superfences format)."""
    return f'<div class="diagram">{render_diagram(source)}</div>'


def _with_links_inside_docs(text: str) -> str:
    """Point the links of a file of the root to where its targets are on the site."""
    text = re.sub(r"\]\(docs/", "](", text)
    return re.sub(r"\[([^]]+)\]\(LICENSE\)", r"\1", text)


def _openapi_documents() -> Iterator[tuple[str, dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as folder:
        bank = Suite(Path(folder)).start()
        try:
            for name in SERVICES:
                yield f"{name}-service", bank.call(name, "GET", "/openapi.json").get_json()
        finally:
            bank.stop()
