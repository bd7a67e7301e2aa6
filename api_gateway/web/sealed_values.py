"""Values that travel in an address: encrypted, so that nobody else can read, make or change them."""

from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from pydantic_core import from_json, to_json

from api_gateway.web.encrypted_cookies import derive_key


class SealedValues:
    """Turns JSON values into text for a URL and back, with a key of its own for each `purpose` (Fernet, HKDF)."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._fernet = Fernet(derive_key(secret, purpose))

    def seal(self, value: Any) -> str:
        """Return `value` as text of letters, digits, `-`, `_` and `=`."""
        return self._fernet.encrypt(to_json(value)).decode()

    def open(self, text: str) -> Any:
        """Return what was sealed, or None when `text` was not sealed here for this purpose."""
        try:
            return from_json(self._fernet.decrypt(text.encode()))
        except InvalidToken:
            return None
