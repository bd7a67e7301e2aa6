"""Ten-digit numbers whose last digit is a Luhn check digit (ISO/IEC 7812-1, annex B), which detects typing errors."""

_LENGTH = 10


def check_digit(digits: str) -> str:
    """Return the Luhn check digit to append to `digits`."""
    total = sum(_doubled(int(digit)) if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def is_valid(number: str) -> bool:
    """Return whether `number` is ten ASCII digits with the correct check digit."""
    return number.isascii() and number.isdigit() and len(number) == _LENGTH and check_digit(number[:-1]) == number[-1]


def _doubled(digit: int) -> int:
    return digit * 2 - 9 if digit > 4 else digit * 2
