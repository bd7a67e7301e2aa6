"""Charts as small SVG images, rendered from templates and embedded as data URLs.

One image serves both themes: a browser gives an SVG in an <img> the colour scheme of the element around it. Horizontal
measures are percentages, so that the image fills any width with its text at the same size.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from urllib.parse import quote

from babel.numbers import format_compact_currency
from flask import render_template

from api_gateway.clients.transaction import Day
from shared.core.formats import LOCALE, money

LINES = 3
LEFT, WIDTH = 12.0, 86.0
TOP, HEIGHT = 14.0, 150.0
MAX_DAYS = 62
YEAR_DAYS = 366
MAX_MARKS = 6
SHARE_HEIGHT = 52


@dataclass(frozen=True)
class Picture:
    """A chart: data URL, height in pixels, and its numbers as a table, for people who can't see the image."""

    src: str
    rows: Sequence[tuple[str, *tuple[Decimal, ...]]]
    height: int = 190
    tips: Sequence["Tip"] = ()

    def cells(self, currency: str) -> list[list[str]]:
        """Return the table's rows as text."""
        return [[label, *(money(amount, currency) for amount in amounts)] for label, *amounts in self.rows]


@dataclass(frozen=True)
class Mark:
    """A labelled position on an axis; `at` is in the SVG's own units."""

    at: float
    label: str


@dataclass(frozen=True)
class Tip:
    """A tooltip over a part of a chart: its left edge and its width in percent, and its text."""

    x: float
    width: float
    text: str


def bars(amounts: Mapping[date, Decimal], start: date, end: date, currency: str) -> Picture:
    """Draw a bar per day of a period, both ends included, or per month if it has more than `MAX_DAYS` days."""
    if (end - start).days >= MAX_DAYS:
        months = _by_month(amounts, start, end)
        return _columns(
            [(_mark(month, start, end), f"{month:%b %Y}", amount) for month, amount in months], ("bar",), currency
        )
    days = _by_day(amounts, start, end)
    return _columns([(_short(day), _long(day), amount) for day, amount in days], ("bar",), currency)


def in_and_out(days: Iterable[Day], start: date, end: date, currency: str) -> Picture:
    """Draw two bars per month of a period: income and expense."""
    known = list(days)
    income = _by_month({day.date: day.income for day in known}, start, end)
    expense = dict(_by_month({day.date: day.expense for day in known}, start, end))
    rows = [(_mark(month, start, end), f"{month:%b %Y}", amount, expense[month]) for month, amount in income]
    return _columns(rows, ("bar", "hollow"), currency)


def shares(amounts: Mapping[str, Decimal], currency: str) -> Picture:
    """Draw a horizontal bar per name, the largest first."""
    rows = sorted(amounts.items(), key=lambda row: row[1], reverse=True)
    largest = max(amounts.values(), default=Decimal(1))
    bars = [
        {"label": name, "amount": money(amount, currency), "width": float(amount / largest) * 100}
        for name, amount in rows
    ]
    return Picture(_picture("shares.svg", shares=bars, lines=[], step=SHARE_HEIGHT), rows, SHARE_HEIGHT * len(rows))


def curve(days: Sequence[tuple[date, Decimal]], currency: str) -> Picture:
    """Draw a balance over time as a step line. `days` are in order, oldest first. A long period has a tick a month."""
    changes = [row for place, row in enumerate(days) if place in (0, len(days) - 1) or row[1] != days[place - 1][1]]
    top, lines = _scale(max(balance for _, balance in changes), currency)
    first, last = changes[0][0], changes[-1][0]
    span = max((last - first).days, 1)
    points = [(100 * (day - first).days / span, HEIGHT * (1 - float(balance / top))) for day, balance in changes]
    path = f"M0 {points[0][1]:.1f}" + "".join(f"H{x:.2f}V{y:.1f}" for x, y in points[1:]) + "H100"
    places = {day: LEFT + WIDTH * (day - first).days / span for day in _ticks(first, last)}
    is_long = (last - first).days > YEAR_DAYS
    marks = [Mark(at, _mark(day, first, last) if is_long else _short(day)) for day, at in places.items()]
    src = _picture("curve.svg", path=path, lines=lines, marks=marks)
    steps = [
        (LEFT + WIDTH * x / 100, f"{_long(day)}: {money(balance, currency)}")
        for (x, _), (day, balance) in zip(points, changes, strict=True)
    ]
    ends = [x for x, _ in steps[1:]] + [LEFT + WIDTH]
    tips = [Tip(x, end - x, text) for (x, text), end in zip(steps, ends, strict=True) if end > x]
    return Picture(src, [(_long(day), balance) for day, balance in changes], tips=tips)


def _ticks(first: date, last: date) -> list[date]:
    """Return the days to mark below a curve: first days of months, and for a short period its ends."""
    months = [month for month, _ in _by_month({}, first, last) if month >= first]
    if (last - first).days < MAX_DAYS:
        away = (last - first) / 5  # so that their texts don't touch
        return sorted({first, last, *(month for month in months if month - first >= away <= last - month)})
    every = -(-len(months) // MAX_MARKS)
    return months[::every]


def _mark(month: date, start: date, end: date) -> str:
    """Format a month below a picture of a period, with its year if the period is longer than one."""
    return f"{month:%b}" if (end - start).days <= YEAR_DAYS else f"{month:%b '%y}"


def _columns(rows: Sequence[tuple[str, str, *tuple[Decimal, ...]]], kinds: Sequence[str], currency: str) -> Picture:
    """Draw vertical bars. A row has its axis mark, its full name, and an amount per kind.

    An amount below zero, where more was reversed than moved, has no bar; the table shows it.
    """
    top, lines = _scale(max(max(amounts) for _, _, *amounts in rows), currency)
    slot = WIDTH / len(rows)
    width = slot * 0.7 / len(kinds)
    columns = [
        {"kind": kind, "x": LEFT + slot * (place + 0.15) + width * number, "height": _height(amount / top)}
        for place, (_, _, *amounts) in enumerate(rows)
        for number, (kind, amount) in enumerate(zip(kinds, amounts, strict=True))
    ]
    every = 1 if len(rows) <= MAX_MARKS else -(-len(rows) // (MAX_MARKS - 1))
    marks = [Mark(LEFT + slot * (place + 0.5), rows[place][0]) for place in range(0, len(rows), every)]
    src = _picture("bars.svg", columns=columns, lines=lines, marks=marks, bar_width=width)
    tips = [
        Tip(LEFT + slot * place, slot, f"{name}: {', '.join(money(amount, currency) for amount in amounts)}")
        for place, (_, name, *amounts) in enumerate(rows)
    ]
    return Picture(src, [(name, *amounts) for _, name, *amounts in rows], tips=tips)


def _height(part: Decimal) -> float:
    return max(0.0, float(part)) * HEIGHT


def _by_day(amounts: Mapping[date, Decimal], start: date, end: date) -> list[tuple[date, Decimal]]:
    days = (start + timedelta(days=number) for number in range((end - start).days + 1))
    return [(day, amounts.get(day, Decimal())) for day in days]


def _by_month(amounts: Mapping[date, Decimal], start: date, end: date) -> list[tuple[date, Decimal]]:
    months = dict.fromkeys((day.replace(day=1) for day, _ in _by_day({}, start, end)), Decimal())
    for day, amount in amounts.items():
        months[day.replace(day=1)] += amount
    return list(months.items())


def _scale(largest: Decimal, currency: str) -> tuple[Decimal, list[Mark]]:
    """Return the top of the axis, a round number at or above `largest`, and its grid lines from zero upwards."""
    step = _round_up(largest / LINES) if largest > 0 else Decimal(1)
    label = partial(format_compact_currency, currency=currency, locale=LOCALE, fraction_digits=2)
    lines = [Mark(TOP + HEIGHT * (1 - number / LINES), label(step * number)) for number in range(LINES + 1)]
    return step * LINES, lines


def _round_up(amount: Decimal) -> Decimal:
    """Round up to the next of 1, 2, 2.5, 5 or 10 times a power of ten."""
    power = Decimal(10) ** amount.adjusted()
    return next(power * factor for factor in map(Decimal, ("1", "2", "2.5", "5", "10")) if power * factor >= amount)


def _short(day: date) -> str:
    return f"{day:%-d %b}"


def _long(day: date) -> str:
    return f"{day:%-d %b %Y}"


def _picture(template: str, **values: object) -> str:
    svg = render_template(f"partials/charts/{template}", left=LEFT, width=WIDTH, top=TOP, height=HEIGHT, **values)
    return "data:image/svg+xml," + quote(svg, safe=" '=:/,;()+-.{}")
