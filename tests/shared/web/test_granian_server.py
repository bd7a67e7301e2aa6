"""granian's private names, which hold for one version."""

import tomllib
from importlib.metadata import version

from granian.server import MTServer, mt

from tests.support.processes import ROOT


def test_one_version_of_granian_is_pinned_and_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"granian=={version('granian')}" in project["dependencies"]


def test_the_private_names_are_there() -> None:
    assert callable(mt._wsgi_call_wrap)  # type: ignore[attr-defined]  # it is private
    assert callable(MTServer._check_gil)
