"""Confirmation of payee: how well a name that a payer has typed fits the holder of an account.

The outcomes are those of the UK's Confirmation of Payee: match, close match, no match.
"""

import re
import unicodedata
from difflib import SequenceMatcher

from account_service.account_schemas import NameMatch

TYPO_RATIO = 0.8
"""Two words are alike when this share of their letters agrees in order: "Okafor" and "Okafro"."""
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "dame", "the"})


def match_name(typed: str, holder: str) -> NameMatch:
    """Compare a typed name with the name of the holder.

    Case, accents, punctuation, titles and the order of the words don't count: "martin, ada" matches "Ada Martin". A
    close match has the last name, perhaps misspelt, and no word that the holder's name lacks: an initial, a missing
    middle name or a typo.
    """
    wanted, actual = _words(typed), _words(holder)
    if not wanted or not actual:
        return "no_match"
    if sorted(wanted) == sorted(actual) or "".join(wanted) == "".join(actual):
        return "match"
    return "close_match" if _is_close(wanted, actual) else "no_match"


def _is_close(wanted: list[str], actual: list[str]) -> bool:
    shorter, longer = sorted((wanted, actual), key=len)
    left = list(longer)
    for word in shorter:
        alike = next((other for other in left if _is_alike(word, other)), None)
        if alike is None:
            return False
        left.remove(alike)
    return any(_is_typo(word, actual[-1]) for word in wanted)


def _is_alike(one: str, other: str) -> bool:
    return _is_typo(one, other) or (1 in (len(one), len(other)) and one[0] == other[0])


def _is_typo(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) > 1 and SequenceMatcher(None, one, other).ratio() >= TYPO_RATIO)


def _words(name: str) -> list[str]:
    """Return the words of a name without accents, case, punctuation and titles."""
    plain = unicodedata.normalize("NFKD", name.replace("&", " and ").replace("'", "")).casefold()
    words = re.findall(r"\w+", "".join(char for char in plain if not unicodedata.combining(char)).replace("_", " "))
    return [word for word in words if word not in _TITLES] or words
