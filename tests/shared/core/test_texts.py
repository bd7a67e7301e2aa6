"""Visible lines, folding and masking."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.core.texts import Line, Matching, folded, formula_safe, masked, masked_name

LINE = TypeAdapter(Line)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Rent",
        "Miete für März, 2. Stock",
        "家賃",
        "🏠 rent",
        "for the 👨\u200d👩\u200d👧 and ❤\ufe0f",
        "क्\u200dष",
        "<b>&amp;",
        "' OR 1=1 --",
    ],
)
def test_plain_text_comes_through_unchanged(text: str) -> None:
    assert LINE.validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\rb",
        "a\tb",
        "a\x00b",
        "a\x1b[31m",
        "a\x7fb",
        "a\u200bb",
        "\u200d",
        "a\u200d",
        "a \u200db",
        "\u200c\u200d\u200c",
        "a\u202eb",
        "a\u2028b",
        "a\ud800b",
        "a\ufeffb",
    ],
)
def test_invisible_characters_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        LINE.validate_python(text)


@pytest.mark.parametrize("value", [1, None, ["a"], b"a"])
def test_only_strings_are_accepted(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Line).validate_python(value, strict=True)


def test_text_that_does_not_match_is_refused_with_the_hint() -> None:
    adapter = TypeAdapter(Annotated[str, Matching("[a-z]{2}|x", "must be two letters")])
    assert [adapter.validate_python(text) for text in ("ab", "x")] == ["ab", "x"]
    for text in ("", "abc", "ab\n", "x1"):
        with pytest.raises(ValidationError, match="must be two letters"):
            adapter.validate_python(text)
    assert adapter.json_schema() == {"type": "string", "pattern": "^(?:[a-z]{2}|x)$"}


@pytest.mark.parametrize(
    ("sought", "text"),
    [
        ("école", "ÉCOLE"),
        ("e\u0301cole", "École"),
        ("STRASSE", "Straße"),
        ("ΛΌΓΟΣ", "λόγος"),
        ("office", "oﬃce"),
        ("\N{FULLWIDTH DIGIT FIVE} kg", "5 KG"),
        ("Ada", "ADA"),
    ],
)
def test_texts_that_differ_in_case_or_compatibility_only_are_folded_alike(sought: str, text: str) -> None:
    assert folded(sought) == folded(text)


def test_an_accent_makes_a_difference() -> None:
    assert folded("ecole") != folded("école")


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("  @now", "'  @now"),
        ("\uff1d1", "'\uff1d1"),
        ("rent;=1+1", "rent;'=1+1"),
        ("rent; -1;+2", "rent;' -1;'+2"),
        ("", ""),
        ("rent; 2 rooms = a + b", "rent; 2 rooms = a + b"),
    ],
)
def test_no_cell_begins_as_a_formula_where_a_semicolon_separates_cells_either(text: str, cell: str) -> None:
    assert formula_safe(text) == cell


def test_a_masked_number_shows_its_last_four_digits() -> None:
    assert masked("1234567897") == "••••7897"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Ada Lovelace", "Ada L."), ("Ludwig van Beethoven", "Ludwig van B."), ("ben.o", "b••••"), (" Bo ", "B•")],
)
def test_a_masked_name_hides_the_last_word_and_a_name_of_one_word(name: str, shown: str) -> None:
    assert masked_name(name) == shown
