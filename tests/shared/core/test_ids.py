"""Ids that sort by creation time."""

import time
from uuid import RFC_4122

import pytest

from shared.core.ids import new_id


def test_it_is_a_uuid_of_version_7() -> None:
    identity = new_id()
    assert (identity.version, identity.variant) == (7, RFC_4122)


def test_an_id_contains_its_creation_time() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id().int >> 80
    assert before <= made <= time.time_ns() // 1_000_000


def test_later_ones_sort_behind_earlier_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_id()
    later = time.time_ns() + 2_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert first < new_id()
    assert first.hex < new_id().hex


def test_all_ids_differ() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000
