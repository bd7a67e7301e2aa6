"""MkDocs hooks for the documentation site: generated pages, links and diagrams.

mkdocs.yml names this file. README.md becomes the start page; CONTRIBUTING.md and CHANGELOG.md become pages. Each
service has a reference page, generated from the OpenAPI document of its app, which runs in this process.
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
    """Add the generated pages and those from outside docs/ (an MkDocs event)."""
    for source, target in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=_with_links_inside_docs(text)))
    for service, document in _openapi_documents():
        page = api_reference.render(service, document)
        files.append(File.generated(config, f"reference/{service}.md", content=page))
    return files


def diagram(source: str, *_arguments: object, **_keywords: object) -> str:
    """Render a Mermaid diagram as SVG, which needs no JavaScript or network (a format of pymdownx.superfences)."""
    return f'<div class="diagram">{render_diagram(source)}</div>'


def _with_links_inside_docs(text: str) -> str:
    """Change the links of a file in the root folder to their targets on the site."""
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
