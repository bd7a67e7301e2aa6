"""The code of the repository for tests: its files, functions, routes and documented endpoints."""

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from shared.web.access import access_of

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("auth_service", "account_service", "transaction_service", "reporting_service")
PACKAGES = ("api_gateway", *SERVICES)
_NOT_OURS = {".venv", ".venv-semgrep", ".git", "data", "build", "artifacts", "__pycache__"}


def python_files(*folders: str) -> list[Path]:
    """Return the Python files of the given folders, or of the whole repository."""
    roots = [ROOT / folder for folder in folders] or [ROOT]
    return sorted(path for root in roots for path in root.rglob("*.py") if _is_ours(path))


def text_files() -> list[Path]:
    """Return all files written by hand: code, templates, documents and settings, without the locked requirements."""
    kinds = {".py", ".md", ".toml", ".html", ".css", ".js", ".yml", ".yaml", ".ini", ".cfg", ".sh", ""}
    return sorted(path for path in ROOT.rglob("*") if path.is_file() and path.suffix in kinds and _is_ours(path))


def files() -> list[Path]:
    """Return all files in the folders of code, templates and documents."""
    roots = [ROOT / folder for folder in (*PACKAGES, "shared", "tests", "benchmarks", "tools", "docs", "templates")]
    return sorted(path for root in roots for path in root.rglob("*") if path.is_file() and _is_ours(path))


def _is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return not any(part in _NOT_OURS or (part.startswith(".") and part != ".ci") for part in parts)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function of a file with its number of lines of code, without docstring, comments and blank lines."""
    source = path.read_text(encoding="utf-8")
    code_lines = _code_lines(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = _docstring_lines(node)
            own = {line for line in code_lines if node.lineno <= line <= (node.end_lineno or node.lineno)}
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", len(own - docstring)


def _code_lines(source: str) -> set[int]:
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in silent:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[int]:
    if ast.get_docstring(node) is None:
        return set()
    return set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))


def contracts() -> list[dict[str, Any]]:
    """Return the import-linter contracts of pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return found


@dataclass(frozen=True, order=True)
class Endpoint:
    """A path with a method and the access level of the endpoint."""

    path: str
    method: str
    access: str


def endpoints(app: Flask) -> set[Endpoint]:
    """Return the endpoints of an app, with paths without converters: /things/<id>."""
    return {
        Endpoint(plain_path(rule.rule), method, access_of(app.view_functions[rule.endpoint]) or "nobody said")
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def plain_path(rule: str) -> str:
    """Remove the converters from a route: /things/<uuid:id> → /things/<id>."""
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"<\1>", rule)


def documented(heading: str) -> set[Endpoint]:
    """Return the endpoints in the tables of a section of docs/API.md."""
    text = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, f"docs/API.md has no section {heading}"
    rows = re.findall(r"^\| `(/[^`]*)` \| ([A-Z, ]+) \| ([^|]+) \|", section[1], re.MULTILINE)
    return {
        Endpoint(path, method, access.strip().strip("`"))
        for path, methods, access in rows
        for method in methods.split(", ")
    }
