"""Passwords: which are too common to be safe, and how they are kept (scrypt, a few at a time)."""

import os
import string
import unicodedata
from collections.abc import Iterable
from functools import cache

from werkzeug.security import check_password_hash, generate_password_hash

from shared.concurrency.fair_lock import FairLock

MOST_WAITING = 48
WAIT_SECONDS = 4.0
LONGEST = 128
_STEMS = 1000
_SHORT = 3
_ROWS = (string.digits, string.ascii_lowercase, "qwertyuiopasdfghjklzxcvbnm")
_RUNS = tuple(run * (LONGEST // len(run) + 2) for row in _ROWS for run in (row, row[::-1]))


class Passwords:
    """Hashes passwords and checks them against hashes.

    Each takes a tenth of a second of one core and 32 MiB, by intent; so only as many run at once as there are cores,
    and the rest wait in order. Raises ServiceUnavailable when too many wait, or one for too long: a flood of logins
    must not keep everything else from being answered.
    """

    def __init__(self, *, at_once: int | None = None, most_waiting: int = MOST_WAITING) -> None:
        self._turns = FairLock(at_once or os.cpu_count() or 1, most_waiting)

    def hash(self, password: str) -> str:
        """A salted scrypt hash, as text."""
        with self._turns.hold(WAIT_SECONDS):
            return generate_password_hash(_composed(password))

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether `password` is the one that was hashed. Without a hash: no, after as much work."""
        if password_hash is None:
            self.hash(password)
            return False
        with self._turns.hold(WAIT_SECONDS):
            return check_password_hash(password_hash, _composed(password))


def why_too_common(password: str, own_words: Iterable[str] = ()) -> str | None:
    """Why a password would be among the first that somebody tries, or None when it would not.

    `own_words` are what is known of its owner, such as the username. As NIST SP 800-63B asks (section 3.1.1.2), what
    counts is what attackers try, not which kinds of characters there are.
    """
    lowered = password.lower()
    unit = _repeated_unit(lowered)
    stem = unit.rstrip(string.digits)
    own = {word.lower() for word in own_words}
    if own & {lowered, unit, stem}:
        return "is too easy to guess, because it is made of a name or an address of yours; choose another one"
    if len(unit) <= _SHORT or any(lowered in run for run in _RUNS):
        return "is too easy to guess, because it is a sequence or a repetition; choose another one"
    if lowered in _common() or unit in _common() or stem in _common_stems():
        return "is too easy to guess, because many people use it; choose another one"
    return None


def _composed(password: str) -> str:
    """The same characters as the same code points, whatever the keyboard sends (RFC 8265, section 4.2)."""
    return unicodedata.normalize("NFC", password)


def _repeated_unit(text: str) -> str:
    """The shortest text of which `text` is a repetition; itself when it is none."""
    return text[: (text + text).find(text, 1)]


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


@cache
def _common_stems() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    stems = (word.rstrip(string.digits) for word in FREQUENCY_LISTS["passwords"][:_STEMS])
    return frozenset(stem for stem in stems if len(stem) > _SHORT)
