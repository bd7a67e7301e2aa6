"""JSON bodies read strictly: exact numbers, no key twice, no NaN, objects only."""

import json
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import Request

from shared.core.errors import (
    CharsetNotSupported,
    ContentCodingNotSupported,
    InvalidRequest,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from shared.web.validation.request_text import NOT_STORABLE, decoded, displayable, is_storable, refuse_unstorable

FORM = "application/x-www-form-urlencoded"
MAX_DIGITS = 40
_NO_CODING = frozenset({"", "identity"})
_UTF_8 = frozenset({"utf-8", "utf8"})


class Unacceptable(ValueError):
    """What is wrong with a text, as the rest of a sentence about the value of `key`, or about all of it."""

    def __init__(self, reason: str, key: str | None = None) -> None:
        self.key = key
        super().__init__(reason)


@dataclass(frozen=True)
class _NoNumber:
    """Stands for a number that is not accepted, until its key is known: then it is refused, and the key is told."""

    reason: str


_SUSPECT = frozenset({list, _NoNumber})


def _exact(text: str) -> Decimal | _NoNumber:
    if "e" in text or "E" in text:
        return _NoNumber("must be a number without exponent")
    return Decimal(text)


def _integer(text: str) -> int | _NoNumber:
    if len(text) > MAX_DIGITS:
        return _NoNumber(f"must have at most {MAX_DIGITS} digits")
    return int(text)


def _no_constant(text: str) -> _NoNumber:
    return _NoNumber(f"must be a number, which {text} is not")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, value in pairs:
        if type(value) in _SUSPECT:
            _refuse_no_numbers(value, displayable(key))
    result = dict(pairs)
    if len(result) != len(pairs):
        ((key, _times),) = Counter(key for key, _ in pairs).most_common(1)
        raise Unacceptable("is given twice", displayable(key))
    return result


def _refuse_no_numbers(value: Any, key: str | None = None) -> None:
    if isinstance(value, _NoNumber):
        raise Unacceptable(value.reason, key)
    if isinstance(value, list):
        for item in value:
            _refuse_no_numbers(item, key)


def _refuse_unstorable(value: Any, key: str | None = None) -> None:
    if isinstance(value, str) and not is_storable(value):
        raise Unacceptable(NOT_STORABLE, key)
    if isinstance(value, list):
        for item in value:
            _refuse_unstorable(item, key)
    if isinstance(value, dict):
        for name, part in value.items():
            _refuse_unstorable(name, displayable(name))
            _refuse_unstorable(part, displayable(name))


_decoder = json.JSONDecoder(
    parse_float=_exact, parse_int=_integer, parse_constant=_no_constant, object_pairs_hook=_unique
)


def loads(data: bytes) -> Any:
    """Decode UTF-8 JSON; numbers with a point become Decimal.

    Raises Unacceptable saying what is wrong, or CharsetNotSupported.
    """
    try:
        text = data.decode("utf-8")
        value = _decoder.decode(text)
        _refuse_no_numbers(value)
        if "\\u" in text:  # only an escape can spell what is not storable
            _refuse_unstorable(value)
    except UnicodeError:
        _refuse_other_encoding(data)
        raise Unacceptable("is not UTF-8") from None
    except RecursionError:
        raise Unacceptable("is nested too deeply") from None
    except json.JSONDecodeError as error:
        _refuse_other_encoding(data)
        if b"\0" in data:
            raise Unacceptable(NOT_STORABLE) from None
        raise Unacceptable(f"can't be read as JSON: {error.msg.removesuffix(' at')}") from None
    return value


def _refuse_other_encoding(data: bytes) -> None:
    """Tell the encoding of a body that could not be read by its first bytes, as RFC 4627, section 3, describes."""
    match json.detect_encoding(data):
        case "utf-8":
            return
        case "utf-8-sig":
            raise Unacceptable("begins with a byte order mark; send JSON as UTF-8 without it") from None
        case _:
            raise CharsetNotSupported from None


class StrictRequest(Request):
    """Flask's request, with bodies of JSON objects only: 415 for another type, 400 for another shape.

    Pages read forms, whose text is checked as a query's is (see `request_text`).

    A body that is compressed or not in UTF-8 is refused with 415, whatever reads it.
    """

    def refuse_unreadable_body(self) -> None:
        """Raise ContentCodingNotSupported or CharsetNotSupported for a body that nothing here reads."""
        codings = self.headers.get("Content-Encoding", "").lower().split(",")
        if any(coding.strip() not in _NO_CODING for coding in codings):
            raise ContentCodingNotSupported
        if self.mimetype_params.get("charset", "utf-8").lower() not in _UTF_8:
            raise CharsetNotSupported

    def _load_form_data(self) -> None:
        self.refuse_unreadable_body()
        if self.mimetype == FORM:
            decoded(self.get_data())
        super()._load_form_data()
        refuse_unstorable(self.form.items(multi=True))

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
        self.refuse_unreadable_body()
        return read_object(self.get_data(cache=cache))


def read_object(data: bytes) -> dict[str, Any]:
    """Decode a body that must be one JSON object.

    Raises InvalidRequest naming the key that is at fault, or CharsetNotSupported.
    """
    try:
        value = loads(data)
    except Unacceptable as error:
        raise InvalidRequest.of(error.key or "body", str(error)) from None
    if not isinstance(value, dict):
        raise InvalidRequest.of("body", "must be a JSON object")
    return value
