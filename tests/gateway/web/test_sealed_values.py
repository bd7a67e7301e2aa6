"""Sealed values can be opened only with the same secret and purpose."""

import pytest

from api_gateway.web.sealed_values import SealedValues

SECRET = "s" * 32


@pytest.mark.parametrize("value", [{"text": "Lunch & tea, ñ"}, [], "x", {"a": {"b": [1, None]}}])
def test_a_sealed_value_can_be_opened(value: object) -> None:
    sealed = SealedValues(SECRET, "drafts").seal(value)
    assert SealedValues(SECRET, "drafts").open(sealed) == value
    assert "Lunch" not in sealed


def test_a_foreign_or_modified_value_is_not_opened() -> None:
    values = SealedValues(SECRET, "drafts")
    sealed = values.seal({"amount": "1"})
    others = SealedValues("t" * 32, "drafts").seal({}), SealedValues(SECRET, "other").seal({})
    changed = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    for text in (*others, changed, sealed[:-1], "", "ñ", "x" * 5000):
        assert values.open(text) is None
