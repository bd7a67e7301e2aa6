"""The Idempotency-Key of a request: with the same key the same thing happens once, however often it is asked for."""

import re

from flask import request

from shared.core.errors import InvalidRequest

_WELL_FORMED = re.compile(r"[\x21-\x7e]{1,255}")


def idempotency_key() -> str | None:
    """The present request's key, if it has one. Raises InvalidRequest for a malformed one."""
    return well_formed(request.headers.get("Idempotency-Key"))


def well_formed(key: str | None) -> str | None:
    """`key`, if it may be one. Raises InvalidRequest otherwise."""
    if key is not None and not _WELL_FORMED.fullmatch(key):
        raise InvalidRequest(details={"Idempotency-Key": "must be 1 to 255 visible ASCII characters"})
    return key
