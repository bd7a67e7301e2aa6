"""Exact money: integers of minor units inside, decimal text at the edges, a float never.

There is one parser, `parse_amount`. What it refuses is a table of mistakes, so that a page can check an amount by the
same rules while somebody types it.
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
_MOST_DECIMALS_OF_GROUPED = 2  # with three, 1,250 might as well be meant as 1.250
_INDEXED_UNITS = frozenset({"UYW", "XAD"})  # List One does not mark these two as funds
Mistakes = tuple[tuple[str, str], ...]
"""What can be wrong with an amount: (regular expression, reason) pairs, of which the first that is found counts.

The expressions mean the same in Python and in JavaScript, and take linear time. A reason completes "The amount …".
"""


def _minor_units() -> dict[str, int]:
    """Return the decimals of each currency by its code.

    Source: ISO 4217, List One, in the edition of the package iso4217, whose version ends in the date of publication.
    Left out are codes without a minor unit (metals, testing, no currency), funds codes, and indexed units.
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
    """Return exactly the amount that is written in `text`. Raises ValueError with the reason of the first mistake."""
    for pattern, reason in mistakes:
        if re.search(pattern, text):
            raise ValueError(reason)
    return Decimal(text.replace(",", ""))


def _mistakes(*, is_bound: bool, commas: Mistakes, decimals: Mistakes, example: str, largest: str) -> Mistakes:
    limits = (
        # The largest amount is a one and ten zeros: every other number of eleven digits or more is larger.
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
    """Return the mistakes of an amount in a request: it has no commas. `Currency.to_minor` counts its decimals."""
    commas = ((",", "must not contain commas"),)
    return _mistakes(is_bound=is_bound, commas=commas, decimals=(), example="1250", largest=f"{MAX_AMOUNT:,}")


@lru_cache
def _typed_mistakes(currency: "Currency", *, is_bound: bool) -> Mistakes:
    """Return the mistakes of an amount of `currency` in a form: commas may stand between thousands."""
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
    """Return the text of a string or of an exact JSON number. Raises ValueError for other values."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("must be an amount such as 12.50")
    return value if isinstance(value, str) else str(value)


def _parse(value: Any) -> Decimal:
    text = _text_of(value)
    if _PLAIN.fullmatch(text) and 0 < (amount := Decimal(text)) <= MAX_AMOUNT:
        return amount  # nearly every amount, and quicker than going through all mistakes
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
"""A positive amount in a request body: text or an exact JSON number, at most 10,000,000,000.00."""
AmountBound = Annotated[Decimal, BeforeValidator(_parse_bound), WithJsonSchema({**_TEXT, "examples": ["12.50"]})]
"""An amount in a query, to compare others with: it may also be zero."""


AmountText = Annotated[str, Field(examples=["1250.00"])]
"""An amount in an answer: decimal text with exactly the currency's decimals."""


@dataclass(frozen=True)
class Currency:
    """A currency: its ISO 4217 code and how many decimals it has."""

    code: str
    decimals: int

    @classmethod
    def of(cls, code: str) -> "Currency":
        """Return the currency of that code. Raises ValueError for one that ISO 4217 does not list (any more), or not as
        money.
        """
        if code not in _MINOR_UNITS:
            raise ValueError("must be the ISO 4217 code of a currency in use, such as USD")
        return cls(code, _MINOR_UNITS[code])

    @property
    def takes_commas(self) -> bool:
        """Whether people may type commas between thousands."""
        return self.decimals <= _MOST_DECIMALS_OF_GROUPED

    @property
    def too_many_decimals(self) -> str:
        """What is wrong with an amount that has more decimals than the currency."""
        if self.decimals:
            return f"must have at most {self.decimals} decimals in {self.code}"
        return f"must be a whole number, because {self.code} has no decimals"

    def mistakes(self, *, is_bound: bool = False) -> Mistakes:
        """Return what `parse` refuses, for a page to check while somebody types (after removing space at both ends)."""
        return _typed_mistakes(self, is_bound=is_bound)

    def parse(self, typed: str, *, is_bound: bool = False) -> Decimal:
        """Return the amount that a person typed. Raises ValueError with what is wrong with it.

        Other than in a request, space may surround it, and commas stand between thousands where the currency has at
        most two decimals. `is_bound` says that others are compared with it: it may be zero.
        """
        return parse_amount(typed.strip(), self.mistakes(is_bound=is_bound))

    def write(self, amount: Decimal | int, *, grouped: bool = False) -> str:
        """1250 → "1250.00", or grouped "1,250.00". `amount` is in whole units, not in minor ones."""
        return format(amount, f"{',' if grouped else ''}.{self.decimals}f")

    def to_minor(self, amount: Decimal, field: str = "amount") -> int:
        """12.50 → 1250. Raises InvalidRequest naming `field` when there are more decimals than the currency has."""
        if -int(amount.as_tuple().exponent) > self.decimals:
            raise InvalidRequest(details={field: self.too_many_decimals})
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
"""The code of a currency that ISO 4217 lists today."""
