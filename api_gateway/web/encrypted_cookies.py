"""Sessions of a web app in one encrypted cookie: nobody reads or changes it, and idle ones end.

The cookie is HttpOnly and SameSite=Lax, Secure where the request came by https, and survives a restart of the process.
"""

import base64
import time
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask, Request, has_request_context, request, session
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature

RENEW_AFTER_SECONDS = 60


def derive_key(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, as base64 (HKDF, RFC 5869): one secret serves several uses safely."""
    key = HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())
    return base64.urlsafe_b64encode(key)


class EncryptedCookies(SecureCookieSessionInterface):
    """Flask's cookie sessions, encrypted instead of only signed.

    A session ends when nothing was asked for `app.permanent_session_lifetime`. What lies under one of
    the paths `without_session` (each ends with a slash) has none, and spends no time on it.
    """

    def __init__(self, secret: str, without_session: tuple[str, ...] = ()) -> None:
        self._cipher = _Cipher(Fernet(derive_key(secret, "session cookie")))
        self._without_session = without_session

    def get_signing_serializer(self, app: Flask) -> Any:
        """What Flask reads and writes the cookie with; ours encrypts too."""
        return self._cipher

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session in the cookie, or a fresh one; to be written again when that was a while ago."""
        if f"{request.path}/".startswith(self._without_session):
            return None
        found = super().open_session(app, request)
        if found and self._cipher.age_seconds(request.cookies[self.get_cookie_name(app)]) > RENEW_AFTER_SECONDS:
            found.modified = True
        return found

    def lasts_seconds(self, app: Flask) -> int:
        """How long the present session lasts at least, if nothing more is asked for."""
        whole_seconds = int(app.permanent_session_lifetime.total_seconds())
        cookie = request.cookies.get(self.get_cookie_name(app))
        if session.modified or cookie is None:
            return whole_seconds
        return max(0, whole_seconds - int(self._cipher.age_seconds(cookie)) - 1)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Only over https, where that is how the browser came or what the settings say."""
        return super().get_cookie_secure(app) or (has_request_context() and request.is_secure)


class _Cipher:
    """Turns a session into text and back; `loads` and `dumps` are what Flask calls."""

    def __init__(self, fernet: Fernet) -> None:
        self._fernet = fernet
        self._serializer = TaggedJSONSerializer()

    def dumps(self, session: dict[str, Any]) -> str:
        return self._fernet.encrypt(self._serializer.dumps(session).encode()).decode()

    def loads(self, text: str, max_age: int) -> Any:
        """Raises BadSignature for what we did not write, and for what we wrote more than `max_age` seconds ago."""
        try:
            return self._serializer.loads(self._fernet.decrypt(text, ttl=max_age).decode())
        except (InvalidToken, ValueError):
            raise BadSignature("not a session of ours, or too old") from None

    def age_seconds(self, text: str) -> float:
        return time.time() - self._fernet.extract_timestamp(text)
