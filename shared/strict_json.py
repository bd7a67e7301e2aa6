"""JSON bodies read strictly: exact numbers, no key twice, no NaN, objects only."""

import json
from decimal import Decimal
from typing import Any

from flask import Request

from shared.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType

MAX_DIGITS = 40


def _exact(text: str) -> Decimal:
    if "e" in text or "E" in text:
        raise ValueError("numbers with an exponent are not accepted")
    return Decimal(text)


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"numbers have at most {MAX_DIGITS} digits")
    return int(text)


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is given twice")
    return result


_decoder = json.JSONDecoder(
    parse_float=_exact, parse_int=_integer, parse_constant=_no_constant, object_pairs_hook=_unique
)


def loads(data: bytes) -> Any:
    """Decode UTF-8 JSON; numbers with a point become Decimal. Raises ValueError saying what is wrong."""
    try:
        text = data.decode("utf-8")
        value = _decoder.decode(text)
        if "\\u" in text:  # an escape can spell half a character, which no database and no answer can hold
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeError:
        raise ValueError("the text is not UTF-8") from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"the JSON can't be read: {error.msg}") from None
    return value


class StrictRequest(Request):
    """Flask's request, with bodies of JSON objects only: 415 for another type, 400 for another shape."""

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """The body. One that is sent in chunks says no length; Werkzeug would cut it at the limit and not say so."""
        data = super().get_data(*args, **kwargs)
        if self.content_length is None and self.max_content_length and len(data) >= self.max_content_length:
            raise PayloadTooLarge
        return data

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body as a dict. The arguments are Flask's; none of them makes it less strict."""
        if self.mimetype != "application/json":
            raise UnsupportedMediaType
        try:
            body = loads(self.get_data(cache=cache))
        except ValueError as error:
            raise InvalidRequest(f"The body is not valid: {error}.", details={"body": str(error)}) from None
        if not isinstance(body, dict):
            raise InvalidRequest("The body must be a JSON object.", details={"body": "must be a JSON object"})
        return body
