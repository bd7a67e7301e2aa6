"""The header Idempotency-Key: requests of a user with the same key take effect once."""

import re

from flask import request

from shared.core.errors import InvalidRequest

MAX_LENGTH = 255
PATTERN = f"[!-~]{{1,{MAX_LENGTH}}}"
_WELL_FORMED = re.compile(PATTERN)


def idempotency_key() -> str | None:
    """Return the key of the current request, or None. Raises InvalidRequest for a malformed one."""
    return well_formed(request.headers.get("Idempotency-Key"))


def well_formed(key: str | None) -> str | None:
    """Return `key` if it is valid or None. Raises InvalidRequest otherwise."""
    if key is not None and not is_well_formed(key):
        raise InvalidRequest(details={"Idempotency-Key": f"must be 1 to {MAX_LENGTH} visible ASCII characters"})
    return key


def is_well_formed(key: str) -> bool:
    """Return whether `key` is 1 to 255 visible ASCII characters."""
    return _WELL_FORMED.fullmatch(key) is not None
