"""Exact money: integers of minor units inside, decimal text at the edges, a float never."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from babel.numbers import get_currency_precision, list_currencies
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from shared.errors import InvalidRequest

MAX_AMOUNT = Decimal("10000000000.00")
_PLAIN = re.compile(r"[0-9]{1,14}(\.[0-9]{1,6})?")


def _parse_bound(value: Any) -> Decimal:
    """A plain decimal from text or an exact JSON number. Raises ValueError with the reason."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("must be an amount such as 12.50")
    text = value if isinstance(value, str) else str(value)
    if not _PLAIN.fullmatch(text):
        raise ValueError("must be a positive amount such as 12.50, without sign or exponent")
    return Decimal(text)


def _parse(value: Any) -> Decimal:
    amount = _parse_bound(value)
    if not 0 < amount <= MAX_AMOUNT:
        raise ValueError(f"must be above zero and at most {MAX_AMOUNT}")
    return amount


_TEXT = {"type": "string", "pattern": r"^[0-9]{1,14}(\.[0-9]{1,6})?$"}
Amount = Annotated[
    Decimal,
    BeforeValidator(_parse),
    Field(examples=["12.50"]),
    WithJsonSchema(
        {
            "anyOf": [
                _TEXT,
                {"type": "number", "exclusiveMinimum": 0, "maximum": 10_000_000_000},
            ]
        }
    ),
]
"""A positive amount in a request body: text or an exact JSON number, at most 10,000,000,000.00."""
AmountBound = Annotated[Decimal, BeforeValidator(_parse_bound), WithJsonSchema({**_TEXT, "examples": ["12.50"]})]
"""An amount in a query, to compare others with: it may also be zero."""


@dataclass(frozen=True)
class Currency:
    """A currency: its ISO 4217 code and how many decimals it has."""

    code: str
    decimals: int

    @classmethod
    def of(cls, code: str) -> "Currency":
        """Raises ValueError for a code that ISO 4217 does not know."""
        if code not in list_currencies():
            raise ValueError(f"{code} is not an ISO 4217 currency code")
        return cls(code, get_currency_precision(code))

    def to_minor(self, amount: Decimal, field: str = "amount") -> int:
        """12.50 → 1250. Raises InvalidRequest naming `field` when there are more decimals than the currency has."""
        if -int(amount.as_tuple().exponent) > self.decimals:
            raise InvalidRequest(details={field: f"must have at most {self.decimals} decimals in {self.code}"})
        return int(amount.scaleb(self.decimals))

    def from_text(self, text: str) -> int:
        """ "-12.50" → -1250: what `to_text` wrote. Raises ValueError for other text."""
        minor = int(text.replace(".", "", 1))
        if self.to_text(minor) != text:
            raise ValueError(f"{text!r} is not an amount of {self.code}")
        return minor

    def to_text(self, minor: int) -> str:
        """1250 → "12.50", with exactly the currency's decimals."""
        if not self.decimals:
            return str(minor)
        sign = "-" if minor < 0 else ""
        whole, part = divmod(abs(minor), 10**self.decimals)
        return f"{sign}{whole}.{part:0{self.decimals}d}"


def _known(code: str) -> str:
    return Currency.of(code).code


CurrencyCode = Annotated[str, AfterValidator(_known)]
"""The code of a currency that ISO 4217 knows."""
