"""granian is pinned, since its private names are used."""

import tomllib
from importlib.metadata import version

from tests.support.repository import ROOT


def test_one_version_of_granian_is_pinned_and_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"granian=={version('granian')}" in project["dependencies"]
