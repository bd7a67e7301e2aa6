"""A key is what a client chose, or nothing; what can't be a key is refused."""

import pytest
from flask import Flask

from shared.core.errors import InvalidRequest
from shared.web.idempotency_keys import idempotency_key


@pytest.mark.parametrize("key", [None, "a", "~!" * 127])
def test_a_key_is_taken_as_it_is(key: str | None) -> None:
    headers = {"Idempotency-Key": key} if key else {}
    with Flask("keys").test_request_context(headers=headers):
        assert idempotency_key() == key


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, "schlüssel"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with Flask("keys").test_request_context(headers={"Idempotency-Key": key}), pytest.raises(InvalidRequest) as refusal:
        idempotency_key()
    assert list(refusal.value.details) == ["Idempotency-Key"]
