"""Changing the key that signs tokens: a new key is announced before it signs, an old one kept while it is needed."""

import logging
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.core.errors import CannotStart
from shared.security import secret_files
from shared.security.token_signer import SigningKey, TokenSigner, read_signing_keys, useful_keys
from shared.security.tokens import TokenVerifier

SIGNING_KEYS_FILE = "signing_key"
ANNOUNCED_SECONDS = 15.0
"""How long a new key is published before it signs. The services ask for the ids of the keys twice a second."""
_log = logging.getLogger(__name__)


class SigningKeysFile:
    """Reads the keys again when their file was changed, unless they come from a variable."""

    def __init__(self, path: Path, present: str, signer: TokenSigner, verifier: TokenVerifier) -> None:
        self._path, self._present, self._signer, self._verifier = path, present, signer, verifier
        self._is_watched = secret_files.read(path) == present

    def reload(self) -> None:
        """Use the keys that are in the file now. Raises CannotStart or ValueError, and keeps the present ones then."""
        text = secret_files.read(self._path) if self._is_watched else None
        if text and text != self._present:
            self._signer.load(text)
            self._present = text
            _log.info("signing keys read again")
        self._verifier.know_keys(self._signer.key_ids())


def rotate(path: Path, now: float, *, at_once: bool = False) -> float:
    """Write a new key before those in the file, and drop those that nobody needs. Return the time from which it signs.

    With `at_once` it signs immediately and the other keys are removed, so all tokens become invalid: for a leaked key.
    Raises CannotStart when the file can't be used, or when the last key does not sign yet.
    """
    text = secret_files.read(path)
    if text is None:
        raise CannotStart(f"there is no file {path}: start the bank first, or change the variable AUTH_SIGNING_KEY")
    try:
        keys = read_signing_keys(text)
    except ValueError as error:
        raise CannotStart(f"the file {path} {error}") from None
    if not at_once and keys[0].signs_from > now:
        raise CannotStart("the last key does not sign yet: wait a moment, then try again")
    signs_from = now if at_once else now + ANNOUNCED_SECONDS
    new = SigningKey(Ed25519PrivateKey.generate(), float(int(signs_from)))
    kept = [] if at_once else useful_keys([new, *keys], now)[1:]
    secret_files.write(path, ",".join(key.text for key in (new, *kept)))
    return new.signs_from
