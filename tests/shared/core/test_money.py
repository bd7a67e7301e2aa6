"""Amounts are parsed exactly or refused; conversions to minor units and to text are inverse."""

import re
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.core.errors import InvalidRequest
from shared.core.money import MAX_AMOUNT, Amount, AmountBound, Currency, CurrencyCode
from shared.web.validation import strict_json

USD = Currency.of("USD")
AMOUNT = TypeAdapter(Amount)
BOUND = TypeAdapter(AmountBound)


def read(json_text: str) -> Decimal:
    """A request body with an amount."""
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
def test_text_that_is_not_an_amount_is_refused(sent: str) -> None:
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
def test_from_text_reverses_to_text(minor: int, code: str) -> None:
    currency = Currency.of(code)
    assert currency.from_text(currency.to_text(minor)) == minor


@pytest.mark.parametrize("text", ["12.5", "12", "12.500", "1.2.3", "+1.00", " 1.00", "1_0.00", "-0.00", "", "nan"])
def test_from_text_refuses_any_other_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        USD.from_text(text)


@given(st.text("0123456789,.-+ e\n", max_size=24))
def test_a_request_takes_exactly_what_its_schema_allows(text: str) -> None:
    plain = re.fullmatch(r"[0-9]{1,14}(\.[0-9]{1,6})?", text)
    if plain and 0 < Decimal(text) <= MAX_AMOUNT:
        assert AMOUNT.validate_python(text) == Decimal(text)
    else:
        with pytest.raises(ValidationError):
            AMOUNT.validate_python(text)
    if plain:
        assert BOUND.validate_python(text) == Decimal(text)
    else:
        with pytest.raises(ValidationError):
            BOUND.validate_python(text)


@given(st.text("0123456789,.", max_size=20), st.sampled_from(["USD", "JPY", "KWD"]))
def test_a_person_may_type_what_a_request_takes_and_commas_between_thousands(text: str, code: str) -> None:
    currency = Currency.of(code)
    whole, point, part = text.partition(".")
    grouped = re.fullmatch(r"[1-9][0-9]{0,2}(,[0-9]{3})+", whole) and currency.decimals < 3
    plain = (whole.replace(",", "") if grouped else whole) + point + part
    try:
        expected = read(f'"{plain}"')
        currency.to_minor(expected)
    except (ValidationError, InvalidRequest):
        with pytest.raises(ValueError, match=r"."):
            currency.parse(text)
    else:
        assert currency.parse(text) == expected


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("-5", "must be more than zero"),
        ("\u22125", "must be more than zero"),
        ("0.00", "must be more than zero"),
        ("1234,567", "can have commas only between thousands and a point before decimals, as in “1,250.00”"),
        ("12,50", "can have commas only between thousands and a point before decimals, as in “1,250.00”"),
        ("1 250", "must be written with the digits 0 to 9, without spaces or other signs, as in “1250.00”"),
        ("1\u202f250", "must be written with the digits 0 to 9, without spaces or other signs, as in “1250.00”"),
        ("$5", "must be written with the digits 0 to 9, without spaces or other signs, as in “1250.00”"),
        ("\uff11\uff12", "must be written with the digits 0 to 9, without spaces or other signs, as in “1250.00”"),
        ("5\0", "must be written with the digits 0 to 9, without spaces or other signs, as in “1250.00”"),
        (".5", "must have a digit before and after the point, as in “0.5”"),
        ("5.", "must have a digit before and after the point, as in “0.5”"),
        ("1.2.3", "must have only one point"),
        ("1.234", "must have at most 2 decimals in USD"),
        ("10,000,000,000.01", "must be at most 10,000,000,000.00"),
        ("9" * 100_000, "must be at most 10,000,000,000.00"),
        ("0" * 100_000 + "1", "has too many digits"),
    ],
)
def test_each_mistake_has_a_reason_of_its_own(typed: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        USD.parse(typed)


@pytest.mark.parametrize(
    "text", ["1," * 50_000, "9" * 100_000 + "x", "0" * 100_000 + "x", "-" + "1" * 100_000, "." * 100_000]
)
def test_no_text_takes_long_to_refuse(text: str) -> None:
    began_at = time.monotonic()
    with pytest.raises(ValueError, match=r"."):
        USD.parse(text)
    assert time.monotonic() - began_at < 1


@pytest.mark.parametrize(
    ("codes", "decimals"),
    [
        ("USD EUR RSD LBP MGA MRU HUF XCG ZWG AFN ALL IRR SOS YER", 2),
        ("IQD TND BHD KWD JOD LYD OMR", 3),
        ("JPY ISK UGX CLP XAF XOF XPF KRW VND", 0),
    ],
)
def test_the_decimals_are_those_of_iso_4217(codes: str, decimals: int) -> None:
    assert {Currency.of(code).decimals for code in codes.split()} == {decimals}


WITHDRAWN = ["DEM", "HRK", "BGN", "ANG", "SLL", "ZWL", "CUC", "VEF", "VEB", "MRO", "STD", "EEK", "LTL"]
NO_MONEY = ["XXX", "XTS", "XAU", "XAG", "XPT", "XPD", "XDR", "XBA", "XBB", "XBC", "XBD", "XSU", "XUA"]
FUNDS = ["CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW", "BOV"]


@pytest.mark.parametrize("code", ["usd", "US", "ZZZ", "", "USD ", *WITHDRAWN, *NO_MONEY, *FUNDS])
def test_an_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(CurrencyCode).validate_python(code)
