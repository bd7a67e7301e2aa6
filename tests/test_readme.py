"""Every line of the README's first transfer works, against a bank that was started as the README says."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import running_bank
from tests.support.repository import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a bank of real processes."""
    with running_bank(tmp_path_factory.mktemp("bank") / "data") as address:
        yield address


@pytest.fixture(scope="module")
def answers(gateway: str) -> list[dict[str, Any]]:
    """What the README's commands print: a JSON object for each."""
    script = "\n".join(re.findall(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
    assert "http://localhost:5000" in script
    script = script.replace("http://localhost:5000", gateway)
    run = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    return [json.loads(line) for line in run.stdout.splitlines() if line]


def test_the_walk_ends_with_the_money_where_it_should_be(answers: list[dict[str, Any]]) -> None:
    registered, deposit, transfer, accounts, transactions = answers
    assert registered["user"]["username"] == "ada"
    assert deposit["transaction"]["amount"] == "100.00"
    assert transfer["transaction"]["status"] == "completed"
    assert [account["balance"] for account in accounts["accounts"]] == ["75.00", "25.00"]
    assert [row["transaction_type"] for row in transactions["transactions"]] == ["transfer", "deposit"]


def test_the_screenshot_exists_and_is_small() -> None:
    (picture,) = (Path(link) for link in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README))
    assert 10_000 < (ROOT / picture).stat().st_size < 250_000


def test_the_commands_are_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) <= targets


def test_the_readme_has_at_most_85_lines() -> None:
    assert len(README.splitlines()) <= 85
