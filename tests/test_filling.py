"""A bank that is filled by the benchmarks adds up."""

import sys
from pathlib import Path

import pytest

from benchmarks import filling


def test_balances_entries_and_sums_by_day_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(filling, "CUSTOMERS", 5)
    monkeypatch.setattr(filling, "BATCH_SIZE", 100)
    monkeypatch.setattr(sys, "argv", ["filling", str(tmp_path), "--transactions", "300"])
    assert filling.main() == 0
    assert "300 transactions" in capsys.readouterr().err
