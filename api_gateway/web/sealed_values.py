"""Encrypted values for URLs, which nobody else can read, create or change."""

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import InvalidToken
from pydantic_core import from_json, to_json

from api_gateway.web.encrypted_cookies import fernet_of


class SealedValues:
    """Encrypts JSON values as text for URLs, with a separate key for each `purpose` (Fernet, HKDF)."""

    def __init__(self, secret: str, purpose: str, older: Sequence[str] = ()) -> None:
        self._fernet = fernet_of(secret, older, purpose)

    def seal(self, value: Any) -> str:
        """Return `value` as text of letters, digits, `-`, `_` and `=`."""
        return self._fernet.encrypt(to_json(value)).decode()

    def open(self, text: str) -> Any:
        """Return what was sealed, or None when `text` was not sealed here for this purpose."""
        try:
            return from_json(self._fernet.decrypt(text.encode()))
        except InvalidToken:
            return None
