"""Exact money: integers of minor units internally, decimal text in requests and responses, never a float.

There is one parser, `parse_amount`. Its rules are a table of regular expressions, so that a page can check an amount by
the same rules while a person types it.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

import iso4217
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from shared.core.errors import InvalidRequest

MAX_AMOUNT = Decimal("10000000000.00")
_PLAIN = re.compile(r"[0-9]{1,14}(\.[0-9]{1,6})?")
_GROUPED = r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?"
_MAX_DECIMALS_OF_GROUPED = 2  # with three decimals, 1,250 could mean 1.250
_INDEXED_UNITS = frozenset({"UYW", "XAD"})  # List One does not mark these two as funds
Mistakes = tuple[tuple[str, str], ...]
"""The validation rules of an amount: (regular expression, reason) pairs, of which the first match gives the reason.

The expressions have the same meaning in Python and in JavaScript and run in linear time. A reason completes the
sentence "The amount …".
"""


def _minor_units() -> dict[str, int]:
    """Return the number of decimals of each currency by its code.

    Source: ISO 4217, List One, from the package iso4217, whose version ends in the date of publication. Excluded are
    codes without a minor unit (metals, testing, no currency), funds codes and indexed units.
    """
    units = {}
    for entry in iso4217.raw_xml.iterfind("CcyTbl/CcyNtry"):
        code, digits, name = entry.findtext("Ccy", ""), entry.findtext("CcyMnrUnts", ""), entry.find("CcyNm")
        is_fund = name is not None and name.get("IsFund") == "true"
        if digits.isdigit() and not is_fund and code not in _INDEXED_UNITS:
            units[code] = int(digits)
    return units


_MINOR_UNITS = _minor_units()


def parse_amount(text: str, mistakes: Mistakes) -> Decimal:
    """Parse an amount exactly. Raises ValueError with the reason of the first rule in `mistakes` that matches."""
    for pattern, reason in mistakes:
        if re.search(pattern, text):
            raise ValueError(reason)
    return Decimal(text.replace(",", ""))


def _mistakes(*, is_bound: bool, commas: Mistakes, decimals: Mistakes, example: str, largest: str) -> Mistakes:
    limits = (
        # MAX_AMOUNT is a one and ten zeros, so every other number of eleven or more digits is larger.
        (r"^0*(?!1(,?0){10}(\.0*)?$)[1-9](,?[0-9]){10}", f"must be at most {largest}"),
        (r"^[0,]+(\.0*)?$", "must be more than zero"),
    )
    return (
        (r"^[-\u2212][0-9.]", "must not be negative" if is_bound else "must be more than zero"),
        *commas,
        (r"^$|[^0-9.,]", f"must be written with the digits 0 to 9, without spaces or other signs, as in “{example}”"),
        *decimals,
        (r"\..*\.", "must have only one point"),
        (r"^\.|\.$", "must have a digit before and after the point, as in “0.5”"),
        *(() if is_bound else limits),
        (r"[0-9]{15}|[0-9,]{19}|\.[0-9]{7}", "has too many digits"),
    )


@lru_cache
def _request_mistakes(*, is_bound: bool) -> Mistakes:
    """Return the rules for an amount in a request, without commas. `Currency.to_minor` checks the decimals."""
    commas = ((",", "must not contain commas"),)
    return _mistakes(is_bound=is_bound, commas=commas, decimals=(), example="1250", largest=f"{MAX_AMOUNT:,}")


@lru_cache
def _typed_mistakes(currency: "Currency", *, is_bound: bool) -> Mistakes:
    """Return the rules for an amount in a form, where commas may separate thousands."""
    decimals, whole = currency.decimals, not currency.decimals
    plain, grouped = currency.write(1250), currency.write(1250, grouped=True)
    if currency.takes_commas:
        misplaced = rf"^(?!{_GROUPED}$)[0-9.]*,[0-9.,]*$"
        point = "" if whole else " and a point before decimals"
        commas = ((misplaced, f"can have commas only between thousands{point}, as in “{grouped}”"),)
    else:
        commas = ((",", f"must not contain commas; in {currency.code}, write for example “{plain}”"),)
    return _mistakes(
        is_bound=is_bound,
        commas=commas,
        decimals=((r"\." if whole else rf"\.[0-9]{{{decimals + 1}}}", currency.too_many_decimals),),
        example=plain,
        largest=currency.write(MAX_AMOUNT, grouped=True),
    )


def _text_of(value: Any) -> str:
    """Return the text of a string or of an exact JSON number. Raises ValueError for any other type."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("must be an amount such as 12.50")
    return value if isinstance(value, str) else str(value)


def _parse(value: Any) -> Decimal:
    text = _text_of(value)
    if _PLAIN.fullmatch(text) and 0 < (amount := Decimal(text)) <= MAX_AMOUNT:
        return amount  # the fast path for valid amounts; matching all rules takes longer
    return parse_amount(text, _request_mistakes(is_bound=False))


def _parse_bound(value: Any) -> Decimal:
    return parse_amount(_text_of(value), _request_mistakes(is_bound=True))


_TEXT = {"type": "string", "pattern": f"^{_PLAIN.pattern}$"}
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
"""A positive amount in a request body: a string or an exact JSON number, at most 10,000,000,000.00."""
AmountBound = Annotated[Decimal, BeforeValidator(_parse_bound), WithJsonSchema({**_TEXT, "examples": ["12.50"]})]
"""A bound for amounts in a query, which may also be zero."""


AmountText = Annotated[str, Field(examples=["1250.00"])]
"""An amount in a response: decimal text with exactly the number of decimals of the currency."""


@dataclass(frozen=True)
class Currency:
    """A currency with its ISO 4217 code and its number of decimals."""

    code: str
    decimals: int

    @classmethod
    def of(cls, code: str) -> "Currency":
        """Return the currency with this code.

        Raises ValueError for a code that ISO 4217 does not list any more or does not list as money.
        """
        if code not in _MINOR_UNITS:
            raise ValueError("must be the ISO 4217 code of a currency in use, such as USD")
        return cls(code, _MINOR_UNITS[code])

    @property
    def takes_commas(self) -> bool:
        """Whether commas between thousands are allowed in a form."""
        return self.decimals <= _MAX_DECIMALS_OF_GROUPED

    @property
    def too_many_decimals(self) -> str:
        """The reason to refuse an amount with more decimals than the currency has."""
        if self.decimals:
            return f"must have at most {self.decimals} decimals in {self.code}"
        return f"must be a whole number, because {self.code} has no decimals"

    def mistakes(self, *, is_bound: bool = False) -> Mistakes:
        """Return the rules of `parse`, for scripts of pages. They apply after trimming spaces at both ends."""
        return _typed_mistakes(self, is_bound=is_bound)

    def parse(self, typed: str, *, is_bound: bool = False) -> Decimal:
        """Parse an amount from a form. Raises ValueError with the reason.

        Unlike in a request, spaces may surround the amount, and commas may separate thousands if the currency has at
        most two decimals. With `is_bound` the amount is a bound of a filter and may be zero.
        """
        return parse_amount(typed.strip(), self.mistakes(is_bound=is_bound))

    def write(self, amount: Decimal | int, *, grouped: bool = False) -> str:
        """Format an amount in major units: 1250 → "1250.00", with `grouped` "1,250.00"."""
        return format(amount, f"{',' if grouped else ''}.{self.decimals}f")

    def to_minor(self, amount: Decimal, field: str = "amount") -> int:
        """Convert to minor units: 12.50 → 1250. Raises InvalidRequest, naming `field`, for too many decimals."""
        if -int(amount.as_tuple().exponent) > self.decimals:
            raise InvalidRequest(details={field: self.too_many_decimals})
        return int(amount.scaleb(self.decimals))

    def from_text(self, text: str) -> int:
        """Convert the output of `to_text` to minor units: "-12.50" → -1250. Raises ValueError for any other text."""
        minor = int(text.replace(".", "", 1))
        if self.to_text(minor) != text:
            raise ValueError(f"{text!r} is not an amount of {self.code}")
        return minor

    def to_text(self, minor: int) -> str:
        """Format minor units with exactly the decimals of the currency: 1250 → "12.50"."""
        if not self.decimals:
            return str(minor)
        sign = "-" if minor < 0 else ""
        whole, part = divmod(abs(minor), 10**self.decimals)
        return f"{sign}{whole}.{part:0{self.decimals}d}"


def _validate_code(code: str) -> str:
    return Currency.of(code).code


CurrencyCode = Annotated[str, AfterValidator(_validate_code)]
"""The code of a currency in use, as ISO 4217 lists it."""
