"""Format amounts and times for people; the functions are also template filters."""

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache

from babel.numbers import NumberPattern, format_currency, parse_pattern
from flask import Flask
from markupsafe import Markup

from shared.core.money import Currency
from shared.core.time_zones import day_of

LOCALE = "en_US"
MINUS = "\N{MINUS SIGN}"


def money(amount: Decimal | str, currency: str, signed: bool = False) -> str:
    """Format an amount with its currency symbol: 1250.5 USD → $1,250.50; with `signed`, +$1,250.50.

    A negative amount begins with U+2212. The number of decimals is that of ISO 4217, because that of CLDR, which Babel
    uses by default, omits decimals that are rarely used.
    """
    exact = Decimal(amount)
    text = format_currency(abs(exact), currency, _pattern(currency), locale=LOCALE, currency_digits=False)
    sign = MINUS if exact < 0 else "+" if signed and exact > 0 else ""
    return sign + text


def private_money(amount: Decimal | str, currency: str) -> Markup:
    """Format an amount as HTML that the page can hide when amounts are private; see the macro `money`."""
    return Markup('<span class="money private">{}</span>').format(money(amount, currency))


@lru_cache
def _pattern(currency: str) -> NumberPattern:
    return parse_pattern("¤#,##" + Currency.of(currency).write(0))


def day(when: date, zone: tzinfo = UTC) -> str:
    """Format a day: 31 Jan 2026. Of an instant, the day in a time zone."""
    return f"{day_of(_aware(when), zone) if isinstance(when, datetime) else when:%-d %b %Y}"


def minute(instant: datetime, zone: tzinfo = UTC) -> str:
    """Format an instant to the minute, with the zone's name at that time: 31 Jan 2026, 14:05 UTC."""
    return f"{_aware(instant).astimezone(zone):%-d %b %Y, %H:%M %Z}"


def _aware(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


def install(app: Flask, zone: Callable[[], tzinfo]) -> None:
    """Add the template filters `money`, `day` and `minute`; `zone` returns the time zone of the current page."""
    app.jinja_env.filters.update(
        money=money, day=lambda when: day(when, zone()), minute=lambda instant: minute(instant, zone())
    )
