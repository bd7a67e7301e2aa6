"""Numbers of ten digits, the last of them Luhn's check digit (ISO/IEC 7812-1, annex B), which shows typing mistakes."""

_LENGTH = 10


def check_digit(digits: str) -> str:
    """The digit to put behind `digits`."""
    total = sum(_doubled(int(digit)) if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def is_valid(number: str) -> bool:
    """Whether `number` is ten ASCII digits of which the last is the right check digit."""
    return number.isascii() and number.isdigit() and len(number) == _LENGTH and check_digit(number[:-1]) == number[-1]


def _doubled(digit: int) -> int:
    return digit * 2 - 9 if digit > 4 else digit * 2
