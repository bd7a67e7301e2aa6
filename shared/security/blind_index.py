"""An index of encrypted values: they are found by parts of them, and the index can't be read without its key."""

import hmac

from shared.security.encryption import derive_key

SHORTEST_PART = 3
_ENTRY_LENGTH = 10  # hexadecimal digits: of a million parts that differ, two have the same entry by chance


class BlindIndex:
    """Makes an entry for each part of a value of at least SHORTEST_PART characters (HMAC-SHA-256, shortened).

    Equal parts have equal entries, so the index shows which values have a part in common, and how long each is, but not
    what they are. `key` may be any text; the key in use is derived from it for one `purpose`.
    """

    def __init__(self, key: str, purpose: str) -> None:
        self._key = derive_key(key.encode(), purpose)

    def entry(self, part: str) -> str:
        """Return the entry of one part, to look for in what `entries` returns."""
        return hmac.digest(self._key, part.encode(), "sha256").hex()[:_ENTRY_LENGTH]

    def entries(self, value: str) -> str:
        """Return the entries of all parts of a value, separated by spaces, in an order that says nothing."""
        starts = range(len(value) - SHORTEST_PART + 1)
        parts = {value[start:end] for start in starts for end in range(start + SHORTEST_PART, len(value) + 1)}
        return " ".join(sorted(map(self.entry, parts)))
