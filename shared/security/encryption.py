"""Encryption of single values at rest, with keys that can be rotated, and of texts that expire."""

import base64
import hashlib
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SHORTEST_KEY = 32


class UnknownKey(Exception):
    """None of the keys has encrypted the text, or the text was changed."""


def derive_key(secret: bytes, purpose: str) -> bytes:
    """Return a key of 32 bytes for one purpose (HKDF, RFC 5869), so that one secret serves several uses safely."""
    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret)


def fernet_key(secret: str, purpose: str) -> bytes:
    """Return the key that `derive_key` returns in the form that Fernet takes."""
    return base64.urlsafe_b64encode(derive_key(secret.encode(), purpose))


def read_keys(text: str) -> list[str]:
    """Return the keys of a list separated by commas, newest first. Raises ValueError for a short key or for none."""
    keys = [key.strip() for key in text.split(",")]
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ValueError(f"must be keys of at least {SHORTEST_KEY} characters, separated by commas")
    return keys


class Encryption:
    """Encrypts texts with the first of `keys` and decrypts those of all keys (Fernet: AES-128-CBC with HMAC-SHA-256).

    A key may be any text; the keys in use are derived from it for one `purpose`. An encrypted text begins with the id
    of its key, which reveals nothing about it.
    """

    def __init__(self, keys: Sequence[str], purpose: str) -> None:
        derived = [fernet_key(key, purpose) for key in keys]
        self._by_id = {_id_of(key): Fernet(key) for key in derived}
        self.key_id = _id_of(derived[0])

    def encrypt(self, text: str) -> str:
        """Return `text` encrypted with the first key, as ASCII."""
        return f"{self.key_id}:{self._by_id[self.key_id].encrypt(text.encode()).decode()}"

    def decrypt(self, encrypted: str, *, max_age_seconds: int | None = None) -> str:
        """Return the text, if it was encrypted at most `max_age_seconds` ago. Raises UnknownKey."""
        key_id, _, token = encrypted.partition(":")
        try:
            return self._by_id[key_id].decrypt(token, ttl=max_age_seconds).decode()
        except (KeyError, ValueError, InvalidToken):
            raise UnknownKey from None


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"key id" + key).hexdigest()[:8]
