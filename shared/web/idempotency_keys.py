"""The Idempotency-Key of a request: with the same key the same thing happens once, however often it is asked for."""

import re

from flask import request

from shared.core.errors import InvalidRequest

MAX_LENGTH = 255
PATTERN = f"[!-~]{{1,{MAX_LENGTH}}}"
_WELL_FORMED = re.compile(PATTERN)


def idempotency_key() -> str | None:
    """The present request's key, if it has one. Raises InvalidRequest for a malformed one."""
    return well_formed(request.headers.get("Idempotency-Key"))


def well_formed(key: str | None) -> str | None:
    """`key`, if it may be one. Raises InvalidRequest otherwise."""
    if key is not None and not is_well_formed(key):
        raise InvalidRequest(details={"Idempotency-Key": f"must be 1 to {MAX_LENGTH} visible ASCII characters"})
    return key


def is_well_formed(key: str) -> bool:
    """Whether `key` is 1 to 255 visible ASCII characters."""
    return _WELL_FORMED.fullmatch(key) is not None
