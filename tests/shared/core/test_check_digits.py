"""The Luhn check digit detects every single wrong digit and nearly every transposition of adjacent digits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import check_digits

NUMBERS = st.text("0123456789", min_size=9, max_size=9).map(lambda digits: digits + check_digits.check_digit(digits))


def test_the_check_digit_of_the_standards_example() -> None:
    assert check_digits.check_digit("7992739871") == "3"


@given(NUMBERS)
def test_a_number_with_its_digit_is_valid(number: str) -> None:
    assert check_digits.is_valid(number)


@given(NUMBERS, st.data())
def test_one_wrong_digit_is_noticed(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[place]]))
    assert not check_digits.is_valid(number[:place] + wrong + number[place + 1 :])


@given(NUMBERS, st.data())
def test_swapped_neighbours_are_noticed_but_for_nine_and_zero(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(number) - 2))
    first, second = number[place], number[place + 1]
    if first != second and {first, second} != {"0", "9"}:
        assert not check_digits.is_valid(number[:place] + second + first + number[place + 2 :])


@pytest.mark.parametrize(
    "text",
    ["", "0", "18", "79927398713", "7992739870", "799273987x", " 799273982", "\u066799273987\u0663", "-79927398"],
)
def test_text_that_is_not_a_number_is_not_valid(text: str) -> None:
    assert not check_digits.is_valid(text)
