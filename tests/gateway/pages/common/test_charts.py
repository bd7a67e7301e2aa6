"""Charts and their tables show the given numbers."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from flask import Flask

from api_gateway.clients.transaction import Day
from api_gateway.pages.common import charts
from api_gateway.pages.common.charts import HEIGHT, Picture
from tests.support.repository import ROOT

FIRST = date(2026, 1, 1)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module", autouse=True)
def app() -> Iterator[None]:
    with Flask("charts", template_folder=str(ROOT / "templates")).app_context():
        yield


def drawn(picture: Picture) -> ElementTree.Element:
    scheme, _, text = picture.src.partition(",")
    assert scheme == "data:image/svg+xml"
    return ElementTree.fromstring(unquote(text))


def bar_heights(picture: Picture) -> list[float]:
    return [float(bar.attrib["height"]) for bar in drawn(picture).iter(f"{SVG}rect")]


def labels(picture: Picture) -> list[str]:
    return [text.text or "" for text in drawn(picture).iter(f"{SVG}text")]


def test_bars_are_as_high_as_their_amounts() -> None:
    picture = charts.bars({FIRST: Decimal(30), FIRST + timedelta(days=2): Decimal(15)}, FIRST, date(2026, 1, 4), "USD")
    high, low = bar_heights(picture)
    assert high == HEIGHT
    assert low == HEIGHT / 2
    assert [amounts for _, *amounts in picture.rows] == [[30], [0], [15], [0]]
    assert labels(picture)[:4] == ["$0", "$10", "$20", "$30"]


def test_a_negative_amount_has_no_bar_but_a_row_in_the_table() -> None:
    picture = charts.bars({FIRST: Decimal(30), date(2026, 1, 2): Decimal(-15)}, FIRST, date(2026, 1, 2), "USD")
    assert bar_heights(picture) == [HEIGHT]
    assert [amounts for _, *amounts in picture.rows] == [[30], [-15]]
    assert bar_heights(charts.bars({FIRST: Decimal(-15)}, FIRST, FIRST, "USD")) == []


def test_a_long_period_is_shown_by_months() -> None:
    picture = charts.bars({FIRST: Decimal(1), date(2026, 1, 31): Decimal(2)}, FIRST, date(2026, 3, 31), "USD")
    assert picture.rows == [("Jan 2026", Decimal(3)), ("Feb 2026", Decimal(0)), ("Mar 2026", Decimal(0))]


def test_zero_amounts_have_no_bars() -> None:
    assert bar_heights(charts.bars({}, FIRST, FIRST, "USD")) == []


@pytest.mark.parametrize(
    ("most", "top"), [("0.01", "0.015"), ("1", "1.5"), ("1.51", "3"), ("9999", "15K"), ("10000000000", "15B")]
)
def test_the_axis_ends_at_a_round_number(most: str, top: str) -> None:
    picture = charts.bars({FIRST: Decimal(most)}, FIRST, FIRST, "USD")
    assert labels(picture)[3] in (f"${top}", "$0.02")
    assert 0 < bar_heights(picture)[0] <= HEIGHT


def test_income_and_expense_are_two_kinds_of_bars() -> None:
    day = Day(date=FIRST, count=1, total=Decimal(), income=Decimal(30), expense=Decimal(15))
    picture = charts.in_and_out([day], FIRST, date(2026, 2, 1), "USD")
    assert [bar.attrib["class"] for bar in drawn(picture).iter(f"{SVG}rect")] == ["bar", "hollow"]
    assert bar_heights(picture) == [HEIGHT, HEIGHT / 2]
    assert picture.cells("USD") == [["Jan 2026", "$30.00", "$15.00"], ["Feb 2026", "$0.00", "$0.00"]]


def test_shares_are_proportional_bars_in_descending_order() -> None:
    picture = charts.shares({"Withdrawals": Decimal(5), "Transfers": Decimal(20)}, "USD")
    bars = [bar.attrib["width"] for bar in drawn(picture).iter(f"{SVG}rect") if bar.attrib["class"] == "bar"]
    assert bars == ["100.00%", "25.00%"]
    assert labels(picture) == ["Transfers", "$20.00", "Withdrawals", "$5.00"]


def test_a_curve_holds_its_balance_until_the_next_day_that_changes_it() -> None:
    days = [
        (FIRST, Decimal(0)),
        (date(2026, 1, 6), Decimal(3)),
        (date(2026, 1, 8), Decimal(3)),
        (date(2026, 1, 11), Decimal(0)),
    ]
    picture = charts.curve(days, "USD")
    path = next(path.attrib["d"] for path in drawn(picture).iter(f"{SVG}path") if path.attrib["class"] == "curve")
    assert re.findall(r"[MHV][0-9. ]+", path) == ["M0 150.0", "H50.00", "V0.0", "H100.00", "V150.0", "H100"]
    assert picture.rows == [("1 Jan 2026", Decimal(0)), ("6 Jan 2026", Decimal(3)), ("11 Jan 2026", Decimal(0))]


def test_a_curve_of_one_day_is_a_line() -> None:
    assert charts.curve([(FIRST, Decimal(5))], "USD").rows == [("1 Jan 2026", Decimal(5))]


def test_the_table_contains_the_numbers_as_text() -> None:
    assert charts.curve([(FIRST, Decimal("1234.5"))], "USD").cells("USD") == [["1 Jan 2026", "$1,234.50"]]


def test_the_axis_and_the_tooltips_name_amounts_in_the_currency() -> None:
    picture = charts.bars({FIRST: Decimal(30000)}, FIRST, FIRST, "EUR")
    assert labels(picture)[:4] == ["€0", "€10K", "€20K", "€30K"]
    assert [tip.text for tip in picture.tips] == ["1 Jan 2026: €30,000.00"]
    days = [(FIRST, Decimal(1)), (date(2026, 1, 2), Decimal(2)), (date(2026, 1, 5), Decimal(2))]
    assert [tip.text for tip in charts.curve(days, "USD").tips] == ["1 Jan 2026: $1.00", "2 Jan 2026: $2.00"]


def test_a_long_curve_is_marked_by_months() -> None:
    days = [(FIRST + timedelta(days=number), Decimal(number)) for number in range(120)]
    assert labels(charts.curve(days, "USD"))[4:] == ["1 Jan", "1 Feb", "1 Mar", "1 Apr"]
    assert labels(charts.curve(days[:30], "USD"))[4:] == ["1 Jan", "30 Jan"]


def test_a_curve_of_two_months_is_marked_where_the_second_begins_unless_texts_would_touch() -> None:
    days = [(FIRST + timedelta(days=number), Decimal(number)) for number in range(61)]
    assert labels(charts.curve(days, "USD"))[4:] == ["1 Jan", "1 Feb", "2 Mar"]
    assert labels(charts.curve(days[:35], "USD"))[4:] == ["1 Jan", "4 Feb"]


def test_marks_of_more_than_a_year_name_the_year() -> None:
    last = date(2027, 6, 30)
    curve = charts.curve([(FIRST, Decimal(1)), (last, Decimal(2))], "USD")
    assert labels(curve)[4:] == ["Jan '26", "Apr '26", "Jul '26", "Oct '26", "Jan '27", "Apr '27"]
    assert labels(charts.bars({FIRST: Decimal(1)}, FIRST, last, "USD"))[4:6] == ["Jan '26", "May '26"]
    assert labels(charts.bars({FIRST: Decimal(1)}, FIRST, date(2026, 12, 31), "USD"))[4:6] == ["Jan", "Apr"]
