"""Formatted amounts and times."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from shared.core.formats import day, minute, money


@pytest.mark.parametrize(
    ("amount", "currency", "signed", "text"),
    [
        (Decimal("1250.5"), "USD", False, "$1,250.50"),
        ("1250.50", "USD", True, "+$1,250.50"),
        ("-0.05", "USD", False, "\N{MINUS SIGN}$0.05"),
        ("-0.05", "USD", True, "\N{MINUS SIGN}$0.05"),
        ("0.00", "USD", True, "$0.00"),
        ("1250", "JPY", False, "¥1,250"),
        ("14254.75", "RSD", False, "RSD14,254.75"),
        ("5.00", "LBP", False, "LBP5.00"),
        ("1.234", "KWD", True, "+KWD1.234"),
        ("10000000000.00", "EUR", False, "€10,000,000,000.00"),
    ],
)
def test_money_is_written_with_its_currency_and_sign(
    amount: Decimal | str, currency: str, signed: bool, text: str
) -> None:
    assert money(amount, currency, signed) == text


def test_times_are_utc_whatever_their_zone() -> None:
    instant = datetime(2026, 1, 31, 23, 5, tzinfo=UTC)
    elsewhere = instant.astimezone(timezone(timedelta(hours=5)))
    for one in (instant, elsewhere, instant.replace(tzinfo=None)):
        assert day(one) == "31 Jan 2026"
        assert minute(one) == "31 Jan 2026, 23:05 UTC"
