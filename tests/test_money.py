"""Amounts are read exactly or refused; minor units and text are each other's inverse."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared import strict_json
from shared.errors import InvalidRequest
from shared.money import Amount, Currency, CurrencyCode

USD = Currency.of("USD")
AMOUNT = TypeAdapter(Amount)


def read(json_text: str) -> Decimal:
    """An amount as it arrives in a body."""
    return AMOUNT.validate_python(strict_json.loads(json_text.encode()))


@pytest.mark.parametrize(
    ("sent", "minor"),
    [
        ('"12.50"', 1250),
        ("12.50", 1250),
        ("12.5", 1250),
        ("12", 1200),
        ('"0.01"', 1),
        ("0.29", 29),  # 28.999… as a binary float
        ("4.35", 435),  # 434.999… as a binary float
        ("9007199254.93", 900719925493),
        ('"10000000000.00"', 10**12),
        ("10000000000", 10**12),
        ('"007.10"', 710),
    ],
)
def test_amounts_are_exact(sent: str, minor: int) -> None:
    assert USD.to_minor(read(sent)) == minor


NO_AMOUNTS = [
    "0",
    "0.00",
    '"0"',
    "-1",
    '"-1.00"',
    "-0.0",
    "10000000000.01",
    "99999999999999999999",
    "0.00000000001",
    '"1e3"',
    '"1,000.00"',
    '"+1"',
    '"NaN"',
    '"Infinity"',
    '""',
    '"."',
    '".5"',
    '"5."',
    '"\\uff11"',
    '"1\\n"',
    '"\\t1"',
    '"0x10"',
    '"$5"',
    '"1.0000000"',
    "true",
    "false",
    "null",
    "[]",
    "{}",
]


@pytest.mark.parametrize("sent", [*NO_AMOUNTS, '" 1"', '"1 "'])
def test_what_is_no_amount_is_refused(sent: str) -> None:
    with pytest.raises(ValidationError):
        read(sent)


def test_a_float_is_refused() -> None:
    with pytest.raises(ValidationError):
        AMOUNT.validate_python(12.5)


@pytest.mark.parametrize(
    ("code", "too_fine"), [("USD", "0.001"), ("USD", "1.000"), ("JPY", "1.5"), ("JPY", "1.0"), ("KWD", "0.0001")]
)
def test_more_decimals_than_the_currency_has_are_refused_by_the_name_of_the_field(code: str, too_fine: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Currency.of(code).to_minor(Decimal(too_fine), "initial_deposit")
    assert list(refused.value.details) == ["initial_deposit"]


@pytest.mark.parametrize(
    ("code", "minor", "text"),
    [
        ("USD", 0, "0.00"),
        ("USD", 5, "0.05"),
        ("USD", -5, "-0.05"),
        ("USD", 125000, "1250.00"),
        ("USD", -125001, "-1250.01"),
        ("JPY", 1250, "1250"),
        ("JPY", -7, "-7"),
        ("KWD", 1250, "1.250"),
    ],
)
def test_text_has_exactly_the_decimals_of_the_currency(code: str, minor: int, text: str) -> None:
    assert Currency.of(code).to_text(minor) == text


@given(st.integers(min_value=1, max_value=10**12), st.sampled_from(["USD", "JPY", "KWD"]))
def test_text_and_minor_units_are_inverse(minor: int, code: str) -> None:
    currency = Currency.of(code)
    assert currency.to_minor(Decimal(currency.to_text(minor))) == minor


@given(st.integers(min_value=-(10**15), max_value=10**15), st.sampled_from(["USD", "JPY", "KWD"]))
def test_what_was_written_is_read_back(minor: int, code: str) -> None:
    currency = Currency.of(code)
    assert currency.from_text(currency.to_text(minor)) == minor


@pytest.mark.parametrize("text", ["12.5", "12", "12.500", "1.2.3", "+1.00", " 1.00", "1_0.00", "-0.00", "", "nan"])
def test_only_what_was_written_is_read_back(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        USD.from_text(text)


@pytest.mark.parametrize("code", ["usd", "US", "ZZZ", ""])
def test_an_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(CurrencyCode).validate_python(code)
