"""Tokens: JWT signed with Ed25519 (RFC 7519, RFC 8037). One service signs, all the others verify.

A person's token has the claims iss, aud, sub, sid, jti, username, role, iat, exp; a service's has iss, aud, sub, scope,
jti, iat, exp. The two have different audiences, so that neither can pass for the other.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt

from shared.core.errors import InvalidToken, ServiceUnavailable, TokenExpired

ISSUER = "auth-service"
USER_AUDIENCE = "people"
SERVICE_AUDIENCE = "services"
ALGORITHM = "EdDSA"
USER_CLAIMS = ("iss", "aud", "sub", "sid", "jti", "username", "role", "iat", "exp")
SERVICE_CLAIMS = ("iss", "aud", "sub", "scope", "jti", "iat", "exp")
KEY_REFRESH_SECONDS = 5.0
LEEWAY_SECONDS = 5.0
"""How far the clocks of two machines may differ: `iat`, `nbf` and `exp` are all judged with it (RFC 7519, 4.1.4)."""
_REMEMBERED_TOKENS = 20_000


@dataclass(frozen=True)
class UserClaims:
    """What a person's token says."""

    user_id: UUID
    username: str
    role: str
    session_id: UUID
    expires_at: float


@dataclass(frozen=True)
class ServiceClaims:
    """What a service's token says."""

    service: str
    scopes: frozenset[str]
    expires_at: float


Claims = UserClaims | ServiceClaims


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of an `Authorization: Bearer` header (RFC 6750, section 2.1), or None for any other header.

    A header without a token gives an empty one, which no verifier accepts.
    """
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class Revocations:
    """The ended sessions, as far as this process has heard; `poll` asks for what came since.

    `fetch` takes the last cursor and returns the next one with the ids of sessions that ended in between.
    """

    def __init__(self, fetch: Callable[[int], tuple[int, Iterable[str]]]) -> None:
        self._fetch = fetch
        self._cursor = 0
        self._lock = threading.Lock()
        self._ended: dict[UUID, float] = {}

    def poll(self) -> None:
        """Learn of sessions that have ended since the last poll. Raises what `fetch` raises."""
        with self._lock:
            cursor, ended = self._fetch(self._cursor)
            now = time.monotonic()
            for session_id in ended:
                self._ended[UUID(session_id)] = now
            self._cursor = cursor
            self._forget_old(now)

    def add(self, session_id: UUID) -> None:
        """Refuse a session that this process itself has ended, without waiting for the next poll."""
        self._ended[session_id] = time.monotonic()

    def __contains__(self, session_id: UUID) -> bool:
        return session_id in self._ended

    def _forget_old(self, now: float) -> None:
        if len(self._ended) > 10_000:  # a token lives one hour; after two no token of an ended session verifies
            self._ended = {key: heard for key, heard in self._ended.items() if now - heard < 7200}


class TokenVerifier:
    """Verifies tokens with the public keys of the signing service, and remembers verified ones until they expire."""

    def __init__(
        self,
        fetch_keys: Callable[[], dict[str, Any]],
        revocations: Revocations,
        report: Callable[[dict[UUID, float]], None] = lambda _used_at: None,
    ) -> None:
        self._fetch_keys = fetch_keys
        self.revocations = revocations
        self._report = report
        self._used_at: dict[UUID, float] = {}
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_asked_at = float("-inf")
        self._remembered: dict[str, Claims] = {}

    def verify(self, token: str) -> Claims:
        """What the token says. Raises TokenExpired, InvalidToken, or ServiceUnavailable when no key can be had."""
        claims = self._remembered.get(token)
        if claims is None:
            claims = self._verify_anew(token)
            if len(self._remembered) >= _REMEMBERED_TOKENS:
                self._remembered.clear()
            self._remembered[token] = claims
        now = time.time()
        if claims.expires_at + LEEWAY_SECONDS <= now:
            raise TokenExpired
        if isinstance(claims, UserClaims) and claims.session_id in self.revocations:
            raise InvalidToken("The session has ended. Please log in again.")
        if isinstance(claims, UserClaims):
            self._used_at[claims.session_id] = now
        return claims

    def report_use(self) -> None:
        """Report the sessions used since the last report, with when each was last used, in seconds since the epoch.

        `verify` only notes a session, so no request waits for the report. Raises what the report raises, and reports
        the same sessions again the next time.
        """
        used_at, self._used_at = self._used_at, {}
        try:
            if used_at:
                self._report(dict(used_at))
        except Exception:
            if len(used_at) <= _REMEMBERED_TOKENS:
                self._used_at = used_at | self._used_at
            raise

    def _verify_anew(self, token: str) -> Claims:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != ALGORITHM:
                raise InvalidToken
            key = self._key(str(header.get("kid")))
            audience = str(jwt.decode(token, options={"verify_signature": False}).get("aud"))
            if audience == SERVICE_AUDIENCE:
                return _service_claims(_decode(token, key, SERVICE_AUDIENCE, SERVICE_CLAIMS))
            return _user_claims(_decode(token, key, USER_AUDIENCE, USER_CLAIMS))
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            raise InvalidToken from None

    def _key(self, key_id: str) -> jwt.PyJWK:
        if key_id not in self._keys and time.monotonic() - self._keys_asked_at > KEY_REFRESH_SECONDS:
            self._load_keys()
        if key_id not in self._keys:
            raise InvalidToken
        return self._keys[key_id]

    def _load_keys(self) -> None:
        """Ask for the keys; when that fails and none is known, nobody can be let in: ServiceUnavailable."""
        try:
            answered = self._fetch_keys()["keys"]
            self._keys = {key["kid"]: jwt.PyJWK(key, algorithm=ALGORITHM) for key in answered}
            self._keys_asked_at = time.monotonic()
        except Exception:
            if not self._keys:
                raise ServiceUnavailable from None


def _decode(token: str, key: jwt.PyJWK, audience: str, required: tuple[str, ...]) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[ALGORITHM],
        audience=audience,
        issuer=ISSUER,
        leeway=LEEWAY_SECONDS,
        options={"require": list(required), "strict_aud": True},
    )
    return claims


def _user_claims(claims: dict[str, Any]) -> UserClaims:
    return UserClaims(
        user_id=UUID(claims["sub"]),
        username=str(claims["username"]),
        role=str(claims["role"]),
        session_id=UUID(claims["sid"]),
        expires_at=float(claims["exp"]),
    )


def _service_claims(claims: dict[str, Any]) -> ServiceClaims:
    return ServiceClaims(
        service=str(claims["sub"]), scopes=frozenset(claims["scope"].split()), expires_at=float(claims["exp"])
    )
