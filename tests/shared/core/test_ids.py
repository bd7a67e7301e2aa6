"""Ids that sort by creation time."""

import time
from uuid import RFC_4122, UUID

import pytest

from shared.core.ids import new_ids


def test_an_id_is_a_uuid_of_version_7() -> None:
    identity = UUID(new_ids(1)[0])
    assert (identity.version, identity.variant) == (7, RFC_4122)


def test_an_id_contains_its_creation_time() -> None:
    before = time.time_ns() // 1_000_000
    made = UUID(new_ids(1)[0]).int >> 80
    assert before <= made <= time.time_ns() // 1_000_000


def test_later_ids_sort_behind_earlier_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_ids(10)
    later = time.time_ns() + 2_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert max(first) < min(new_ids(10))


def test_all_ids_differ() -> None:
    assert len(set(new_ids(10_000))) == 10_000
