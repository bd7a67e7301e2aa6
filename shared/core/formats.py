"""Amounts and times as people read them, for templates."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

from babel.numbers import NumberPattern, format_currency, parse_pattern
from flask import Flask
from markupsafe import Markup

from shared.core.money import Currency

LOCALE = "en_US"
MINUS = "\N{MINUS SIGN}"


def money(amount: Decimal | str, currency: str, signed: bool = False) -> str:
    """1250.5 USD → $1,250.50; signed: +$1,250.50, and always a real minus sign below zero.

    The number of decimals is that of ISO 4217. CLDR's, which Babel would take, leaves out those that are seldom used.
    """
    exact = Decimal(amount)
    text = format_currency(abs(exact), currency, _pattern(currency), locale=LOCALE, currency_digits=False)
    sign = MINUS if exact < 0 else "+" if signed and exact > 0 else ""
    return sign + text


def private_money(amount: Decimal | str, currency: str) -> Markup:
    """The same for a sentence in a page, marked as what the browser can hide; see the macro `money`."""
    return Markup('<span class="money private">{}</span>').format(money(amount, currency))


@lru_cache
def _pattern(currency: str) -> NumberPattern:
    return parse_pattern("¤#,##" + Currency.of(currency).write(0))


def day(when: date) -> str:
    """31 Jan 2026; of an instant, its day in UTC."""
    return f"{_utc(when) if isinstance(when, datetime) else when:%-d %b %Y}"


def minute(instant: datetime) -> str:
    """31 Jan 2026, 14:05 UTC."""
    return f"{_utc(instant):%-d %b %Y, %H:%M} UTC"


def _utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def install(app: Flask) -> None:
    """Give templates the filters `money`, `day` and `minute`."""
    app.jinja_env.filters.update(money=money, day=day, minute=minute)
