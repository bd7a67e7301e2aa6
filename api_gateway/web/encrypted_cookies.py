"""Flask sessions in one encrypted cookie, which ends after an idle time.

The cookie is HttpOnly and SameSite=Lax, Secure for requests by https, and survives a restart of the process.
"""

import time
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import Flask, Request, has_request_context, request, session
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature

from shared.security.encryption import fernet_key

RENEW_AFTER_SECONDS = 60


def fernet_of(secret: str, older: Sequence[str], purpose: str) -> MultiFernet:
    """Return what encrypts with `secret` and decrypts with that and with older ones, so that secrets can be changed."""
    return MultiFernet([Fernet(fernet_key(one, purpose)) for one in (secret, *older)])


class EncryptedCookies(SecureCookieSessionInterface):
    """Flask's cookie sessions, encrypted instead of only signed.

    A session ends after `app.permanent_session_lifetime` without a request. Paths under one of `without_session` (each
    ends with a slash) have no session and spend no time on it.
    """

    def __init__(self, secret: str, without_session: tuple[str, ...] = (), older: Sequence[str] = ()) -> None:
        self._cipher = _Cipher(fernet_of(secret, older, "session cookie"))
        self._without_session = without_session

    def get_signing_serializer(self, app: Flask) -> Any:
        """Return the serializer of the cookie, which encrypts."""
        return self._cipher

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session in the cookie or a new one; mark it for rewriting when the cookie is not fresh."""
        if f"{request.path}/".startswith(self._without_session):
            return None
        found = super().open_session(app, request)
        if found and self._cipher.age_seconds(request.cookies[self.get_cookie_name(app)]) > RENEW_AFTER_SECONDS:
            found.modified = True
        return found

    def lasts_seconds(self, app: Flask) -> int:
        """Return the minimal number of seconds that the session lasts without another request."""
        whole_seconds = int(app.permanent_session_lifetime.total_seconds())
        cookie = request.cookies.get(self.get_cookie_name(app))
        if session.modified or cookie is None:
            return whole_seconds
        return max(0, whole_seconds - int(self._cipher.age_seconds(cookie)) - 1)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether to set Secure: if the settings say so, or the request came by https."""
        return super().get_cookie_secure(app) or (has_request_context() and request.is_secure)


class _Cipher:
    """Serializes and encrypts a session. Flask calls `loads` and `dumps`."""

    def __init__(self, fernet: MultiFernet) -> None:
        self._fernet = fernet
        self._serializer = TaggedJSONSerializer()

    def dumps(self, session: dict[str, Any]) -> str:
        return self._fernet.encrypt(self._serializer.dumps(session).encode()).decode()

    def loads(self, text: str, max_age: int) -> Any:
        """Raises BadSignature for a foreign or damaged text, and for one older than `max_age` seconds."""
        try:
            return self._serializer.loads(self._fernet.decrypt(text, ttl=max_age).decode())
        except (InvalidToken, ValueError):
            raise BadSignature("not a session of ours, or too old") from None

    def age_seconds(self, text: str) -> float:
        return time.time() - self._fernet.extract_timestamp(text)
