"""Pictures on the pages: small SVGs, drawn by templates and carried in the page as data addresses.

One picture serves both themes: a browser gives an SVG in an <img> the colour scheme of the element around it. Its
horizontal measures are percentages, so that it fills any width with its text at the same size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from urllib.parse import quote

from babel.numbers import format_compact_decimal
from flask import render_template

LINES = 3
LEFT, WIDTH = 12.0, 86.0
TOP, HEIGHT = 14.0, 150.0


@dataclass(frozen=True)
class Mark:
    """A labelled place on an axis: `at` is in the SVG's own units."""

    at: float
    label: str


def bars(days: Sequence[tuple[date, Decimal]]) -> str:
    """A bar for each day's amount, from zero. The data address of the picture."""
    top, rows = _scale(max((amount for _, amount in days), default=Decimal()))
    slot = WIDTH / max(len(days), 1)
    columns = [
        {"x": LEFT + slot * (place + 0.15), "width": slot * 0.7, "height": float(amount / top) * HEIGHT}
        for place, (_, amount) in enumerate(days)
    ]
    labels = [
        Mark(LEFT + slot * (place + 0.5), str(day.day))
        for place, (day, _) in enumerate(days)
        if day.day == 1 or day.day % 5 == 0
    ]
    return _picture("bars.svg", columns=columns, rows=rows, labels=labels)


def curve(days: Sequence[tuple[date, Decimal]]) -> str:
    """A balance over time, in steps: it holds from one day to the next. The data address of the picture."""
    top, rows = _scale(max((balance for _, balance in days), default=Decimal()))
    first = days[0][0]
    span = max((days[-1][0] - first).days, 1)
    points = [(100 * (day - first).days / span, HEIGHT * (1 - float(balance / top))) for day, balance in days]
    path = f"M{points[0][0]:.2f} {points[0][1]:.1f}" + "".join(f"H{x:.2f}V{y:.1f}" for x, y in points[1:])
    return _picture("curve.svg", path=path, rows=rows, first=_short(first), last=_short(days[-1][0]))


def _scale(most: Decimal) -> tuple[Decimal, list[Mark]]:
    """The top of the axis, a round number at or above `most`, and its lines from zero up."""
    step = _round_up(most / LINES) if most > 0 else Decimal(1)
    top = step * LINES
    rows = [Mark(TOP + HEIGHT * (1 - number / LINES), _compact(step * number)) for number in range(LINES + 1)]
    return top, rows


def _round_up(amount: Decimal) -> Decimal:
    """The next of 1, 2, 2.5, 5, 10 times a power of ten."""
    power = Decimal(10) ** amount.adjusted()
    return next(power * factor for factor in map(Decimal, ("1", "2", "2.5", "5", "10")) if power * factor >= amount)


def _compact(amount: Decimal) -> str:
    return format_compact_decimal(amount, locale="en_US", fraction_digits=2)


def _short(day: date) -> str:
    return f"{day:%b} {day.day}"


def _picture(template: str, **values: object) -> str:
    svg = render_template(f"partials/{template}", left=LEFT, width=WIDTH, top=TOP, height=HEIGHT, **values)
    return "data:image/svg+xml," + quote(svg, safe=" '=:/,;()+-.{}")
