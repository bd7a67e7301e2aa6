"""Rules for every source file."""

import ast
import re
from pathlib import Path

from tests.support import repository
from tests.support.repository import ROOT

MAX_FUNCTION_LINES = 40
MAX_FILE_LINES = 450


def test_functions_have_at_most_40_lines_of_code() -> None:
    long = [
        f"{name}: {lines} lines of code"
        for path in repository.python_files()
        for name, lines in repository.functions(path)
        if lines > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_files_have_a_maximum_length() -> None:
    files = repository.python_files("shared", *repository.PACKAGES)
    sizes = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path: size for path, size in sizes.items() if size > MAX_FILE_LINES} == {}


def test_only_the_database_module_commits() -> None:
    commits = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in repository.python_files("shared", *repository.PACKAGES)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert {place.partition(":")[0] for place in commits} == {"shared/db/database.py"}


def test_one_sqlite_library_opens_all_files() -> None:
    importing = re.compile(r"^\s*(?:import|from) (?:sqlite3|pysqlite3)\b", re.M)
    files = [path for path in repository.python_files() if importing.search(path.read_text(encoding="utf-8"))]
    assert [str(path.relative_to(ROOT)) for path in files] == ["shared/db/sqlite.py"]


def test_tests_reach_for_no_private_attribute() -> None:
    """Tests use `_name` of their own objects (`self`, `cls`) only, and import or patch no private name."""
    private = re.compile(r"_[a-z]\w*")
    reaching = []
    for path in repository.python_files("tests"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Attribute) and not _is_own(node.value):
                names = [node.attr]
            elif isinstance(node, ast.ImportFrom):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and "setattr" in node.func.attr:
                names = [str(part.value).rpartition(".")[2] for part in node.args[:2] if isinstance(part, ast.Constant)]
            place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            reaching += [f"{place} {name}" for name in names if private.fullmatch(name)]
    assert reaching == []


def _is_own(value: ast.expr) -> bool:
    is_super = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "super"
    return is_super or (isinstance(value, ast.Name) and value.id in ("self", "cls"))


def test_every_lint_exception_has_a_reason() -> None:
    exception = re.compile(r"# (?:noqa|type: ?ignore)")
    with_reason = re.compile(r"# (?:noqa: [A-Z0-9, ]+ - |type: ignore\[[a-z, -]+\]  # )\w")
    silent = []
    for path in repository.python_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if exception.search(line) and not with_reason.search(line):
                silent.append(f"{path.relative_to(ROOT)}:{number}")
    assert not silent, "\n".join(silent)


def test_no_file_refers_to_anything_outside_the_repository() -> None:
    """No file contains the path of the checkout, a path outside of it, or a package index."""
    outside = re.compile(rf"\.\./shared|{re.escape(str(ROOT))}/|https?://\S+/simple\b|\s--(?:extra-)?index[-]url")
    pointing = [
        str(path.relative_to(ROOT))
        for path in repository.text_files()
        if path != Path(__file__) and outside.search(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert pointing == []
