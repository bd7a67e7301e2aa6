"""Encrypted values are found by each of their parts, and only with the key."""

from shared.security.blind_index import BlindIndex

INDEX = BlindIndex("k" * 32, "numbers")
VALUE = "442079460958"


def test_each_part_of_three_or_more_characters_is_found() -> None:
    entries = INDEX.entries(VALUE).split()
    for part in ("442", "958", "7946", VALUE):
        assert INDEX.entry(part) in entries
    for part in ("44", "443", "849", f"{VALUE}1", ""):
        assert INDEX.entry(part) not in entries
    assert INDEX.entries("44") == ""


def test_the_entries_tell_neither_the_value_nor_its_order() -> None:
    entries = INDEX.entries(VALUE)
    assert entries.split() == sorted(entries.split())
    assert VALUE not in entries


def test_another_key_or_purpose_makes_other_entries() -> None:
    others = [BlindIndex("l" * 32, "numbers"), BlindIndex("k" * 32, "names")]
    assert len({INDEX.entry("7946"), *(other.entry("7946") for other in others)}) == 3
