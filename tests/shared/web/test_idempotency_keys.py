"""Valid idempotency keys are returned, malformed ones refused."""

import pytest
from flask import Flask

from shared.core.errors import InvalidRequest
from shared.web.idempotency_keys import idempotency_key


@pytest.mark.parametrize("key", [None, "a", "~!" * 127])
def test_a_valid_key_is_returned(key: str | None) -> None:
    headers = {"Idempotency-Key": key} if key else {}
    with Flask("keys").test_request_context(headers=headers):
        assert idempotency_key() == key


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, "schlüssel"])
def test_a_malformed_key_is_refused(key: str) -> None:
    with Flask("keys").test_request_context(headers={"Idempotency-Key": key}), pytest.raises(InvalidRequest) as refusal:
        idempotency_key()
    assert list(refusal.value.details) == ["Idempotency-Key"]
