"""The rules of docs/ARCHITECTURE.md: every file is in its folder, and imports follow the layers."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.support import repository
from tests.support.repository import ROOT, SERVICES

PROGRAMS = {"__main__", "rotate_key", "verify_audit"}
SERVICE_ROLES = ("service", "logic", "writer", "storage", "clients", "schemas", "models")
MAX_FILES = 15
MAX_LAYERS = 4
GROWING = {"migrations", "decisions", "templates"}
"""Folders with many files of the same kind, which are looked up by name."""


def role_of(path: Path) -> str:
    return path.stem.rpartition("_")[2]


@pytest.mark.parametrize("package", SERVICES)
def test_every_file_of_a_service_has_a_role(package: str) -> None:
    odd = [
        path.name
        for path in repository.python_files(package)
        if path.stem not in ("__init__", *PROGRAMS)
        and role_of(path) not in SERVICE_ROLES
        and path.parent.name != "migrations"
    ]
    assert odd == []
    assert (ROOT / package / f"{package.removesuffix('_service')}_service.py").exists()


def test_every_file_of_the_gateway_is_in_a_folder() -> None:
    assert {path.stem for path in (ROOT / "api_gateway").glob("*.py")} == {"__init__", "api_gateway"}


def test_no_folder_has_too_many_files() -> None:
    files = [path for path in repository.files() if path.name != "__init__.py" and path.parent != ROOT]
    sizes = Counter(path.parent for path in files if path.parent.name not in GROWING)
    assert {str(folder.relative_to(ROOT)): size for folder, size in sizes.items() if size > MAX_FILES} == {}


@pytest.mark.parametrize("package", ["shared", *repository.PACKAGES])
def test_the_tests_of_a_package_have_its_folders(package: str) -> None:
    tests = ROOT / "tests" / package.removeprefix("api_").removesuffix("_service")
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert [str(folder) for folder in folders if not (ROOT / package / folder).is_dir()] == []


def test_every_module_of_shared_is_in_a_folder() -> None:
    assert {path.name for path in (ROOT / "shared").glob("*.py")} == {"__init__.py"}


def test_shared_has_few_layers() -> None:
    (contract,) = (one for one in repository.contracts() if one.get("containers") == ["shared"])
    assert contract["exhaustive"]
    assert len(contract["layers"]) <= MAX_LAYERS


@pytest.mark.parametrize("packages", [("shared",), ("api_gateway",), ("tests/support",)], ids=lambda names: names[0])
def test_class_names_are_unique(packages: tuple[str, ...]) -> None:
    counts = Counter(name for path in repository.python_files(*packages) for name in _classes(path))
    assert [name for name, count in counts.items() if count > 1] == []


def test_no_class_has_the_name_of_a_class_in_shared() -> None:
    shared = {name for path in repository.python_files("shared") for name in _classes(path)}
    others = {name for path in repository.python_files(*repository.PACKAGES) for name in _classes(path)}
    assert shared & others == set()


def _classes(path: Path) -> set[str]:
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in nodes if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}


def _modules_of(*roles: str) -> set[str]:
    files = [path for path in repository.python_files(*SERVICES) if role_of(path) in roles and path.stem != "__init__"]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}


@pytest.mark.parametrize(
    ("contract", "modules"),
    [
        ("Rules, storage, models and clients know nothing of the web", ("logic", "storage", "models", "clients")),
        ("Endpoints, rules and clients write no queries", ("service", "logic", "clients")),
    ],
)
def test_no_module_is_left_out_of_the_contracts(contract: str, modules: tuple[str, ...]) -> None:
    named = {name for one in repository.contracts() if one["name"] == contract for name in one["source_modules"]}
    assert named == _modules_of(*modules)
