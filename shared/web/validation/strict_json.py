"""Strict JSON bodies: exact numbers, no duplicate key, no NaN, objects only."""

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


class InvalidJson(ValueError):
    """A malformed JSON text. The message completes a sentence about the value of `key`, or about the body."""

    def __init__(self, reason: str, key: str | None = None) -> None:
        self.key = key
        super().__init__(reason)


@dataclass(frozen=True)
class _RefusedNumber:
    """Replaces a refused number until its key is known for the error message."""

    reason: str


_SUSPECT = frozenset({list, _RefusedNumber})


def _exact(text: str) -> Decimal | _RefusedNumber:
    if "e" in text or "E" in text:
        return _RefusedNumber("must be a number without exponent")
    return Decimal(text)


def _integer(text: str) -> int | _RefusedNumber:
    if len(text) > MAX_DIGITS:
        return _RefusedNumber(f"must have at most {MAX_DIGITS} digits")
    return int(text)


def _no_constant(text: str) -> _RefusedNumber:
    return _RefusedNumber(f"must be a number, which {text} is not")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, value in pairs:
        if type(value) in _SUSPECT:
            _raise_refused_numbers(value, displayable(key))
    result = dict(pairs)
    if len(result) != len(pairs):
        ((key, _times),) = Counter(key for key, _ in pairs).most_common(1)
        raise InvalidJson("is given twice", displayable(key))
    return result


def _raise_refused_numbers(value: Any, key: str | None = None) -> None:
    if isinstance(value, _RefusedNumber):
        raise InvalidJson(value.reason, key)
    if isinstance(value, list):
        for item in value:
            _raise_refused_numbers(item, key)


def _refuse_unstorable(value: Any, key: str | None = None) -> None:
    if isinstance(value, str) and not is_storable(value):
        raise InvalidJson(NOT_STORABLE, key)
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
    """Decode UTF-8 JSON. Numbers with a decimal point become Decimal.

    Raises InvalidJson with the reason, or CharsetNotSupported.
    """
    try:
        text = data.decode("utf-8")
        value = _decoder.decode(text)
        _raise_refused_numbers(value)
        if "\\u" in text:  # only an escape can spell a character that is not storable
            _refuse_unstorable(value)
    except UnicodeError:
        _refuse_other_encoding(data)
        raise InvalidJson("is not UTF-8") from None
    except RecursionError:
        raise InvalidJson("is nested too deeply") from None
    except json.JSONDecodeError as error:
        _refuse_other_encoding(data)
        if b"\0" in data:
            raise InvalidJson(NOT_STORABLE) from None
        raise InvalidJson(f"can't be read as JSON: {error.msg.removesuffix(' at')}") from None
    return value


def _refuse_other_encoding(data: bytes) -> None:
    """Detect the encoding of an unreadable body by its first bytes (RFC 4627, section 3), and refuse it."""
    match json.detect_encoding(data):
        case "utf-8":
            return
        case "utf-8-sig":
            raise InvalidJson("begins with a byte order mark; send JSON as UTF-8 without it") from None
        case _:
            raise CharsetNotSupported from None


class StrictRequest(Request):
    """Flask's request for JSON objects only: 415 for another type, 400 for another shape.

    Forms of pages are accepted too; their text is checked like a query's (see `request_text`).

    A compressed body, or one that is not UTF-8, is refused with 415.
    """

    @property
    def has_unread_body(self) -> bool:
        """Return whether the client has sent a body of which nothing was read."""
        has_body = self.content_length or "HTTP_TRANSFER_ENCODING" in self.environ
        return bool(has_body) and "stream" not in vars(self)

    def refuse_unreadable_body(self) -> None:
        """Raise ContentCodingNotSupported or CharsetNotSupported for a body that nothing here decodes."""
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
        """Return the body. Raises PayloadTooLarge for a chunked body that Werkzeug would silently truncate."""
        data = super().get_data(*args, **kwargs)
        if self.content_length is None and self.max_content_length and len(data) >= self.max_content_length:
            raise PayloadTooLarge
        return data

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the body as a dict. The arguments are Flask's; none of them makes parsing less strict."""
        if self.mimetype != "application/json":
            raise UnsupportedMediaType
        self.refuse_unreadable_body()
        return read_object(self.get_data(cache=cache))


def read_object(data: bytes) -> dict[str, Any]:
    """Decode a body that must be a JSON object.

    Raises InvalidRequest naming the faulty key, or CharsetNotSupported.
    """
    try:
        value = loads(data)
    except InvalidJson as error:
        raise InvalidRequest.of(error.key or "body", str(error)) from None
    if not isinstance(value, dict):
        raise InvalidRequest.of("body", "must be a JSON object")
    return value
