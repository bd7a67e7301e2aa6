"""Verification of tokens: JWT signed with Ed25519 (RFC 7519, RFC 8037). One service signs, all services verify.

A user token has the claims iss, aud, sub, sid, jti, username, role, iat and exp; a service token has iss, aud, sub,
scope, jti, iat and exp. A user token may also have mfa_at, when the second factor was proven, limit and permissions
(see `UserClaims`). The two kinds have different audiences, so that neither is accepted in place of the other.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
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
"""The clock difference between machines that is tolerated for `iat`, `nbf` and `exp` (RFC 7519, section 4.1.4)."""
_MAX_CACHED_TOKENS = 20_000


@dataclass(frozen=True)
class UserClaims:
    """The claims of a verified user token. `expires_at` is in seconds since the epoch."""

    user_id: UUID
    username: str
    role: str
    session_id: UUID
    expires_at: float = field(kw_only=True)
    second_factor_at: float | None = field(default=None, kw_only=True)
    """When the session last proved the second factor, in seconds since the epoch; None for users without one."""
    is_limited: bool = field(default=False, kw_only=True)
    """Whether the user must set up a second factor before anything else."""
    permissions: frozenset[str] | None = field(default=None, kw_only=True)
    """What the user may do, if that is less than all that the role may; None for all of it."""


@dataclass(frozen=True)
class ServiceClaims:
    """The claims of a verified service token. `expires_at` is in seconds since the epoch."""

    service: str
    scopes: frozenset[str]
    expires_at: float


Claims = UserClaims | ServiceClaims


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of an `Authorization: Bearer` header (RFC 6750, section 2.1), or None for any other header.

    A header without a token returns an empty string, which no verifier accepts.
    """
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class Revocations:
    """The ended sessions that this process knows of; `poll` fetches those that ended since the last poll.

    `fetch` takes the last cursor and returns the next cursor and the ids of the sessions that ended in between.
    """

    def __init__(self, fetch: Callable[[int], tuple[int, Iterable[str]]]) -> None:
        self._fetch = fetch
        self._cursor = 0
        self._lock = threading.Lock()
        self._ended: dict[UUID, float] = {}

    def poll(self) -> None:
        """Fetch the sessions that have ended since the last poll. Raises what `fetch` raises."""
        with self._lock:
            cursor, ended = self._fetch(self._cursor)
            now = time.monotonic()
            for session_id in ended:
                self._ended[UUID(session_id)] = now
            self._cursor = cursor
            self._forget_old(now)

    def add(self, session_id: UUID) -> None:
        """Add a session that this process has ended, so that it is rejected before the next poll."""
        self._ended[session_id] = time.monotonic()

    def __contains__(self, session_id: UUID) -> bool:
        return session_id in self._ended

    def _forget_old(self, now: float) -> None:
        if len(self._ended) > 10_000:  # after two hours all tokens of the session have expired
            self._ended = {key: ended_at for key, ended_at in self._ended.items() if now - ended_at < 7200}


class TokenVerifier:
    """Verifies tokens with the public keys of the signing service, and caches the claims of verified tokens.

    `fetch_keys` returns a JWK set. `report` receives the sessions used since its last call; see `report_use`.
    """

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
        self._keys_fetched_at = float("-inf")
        self._verified: dict[str, Claims] = {}

    def verify(self, token: str) -> Claims:
        """Return the claims of a token.

        Raises TokenExpired, InvalidToken, or ServiceUnavailable when no public key can be fetched.
        """
        claims = self._verified.get(token)
        if claims is None:
            claims = self._verify_uncached(token)
            if len(self._verified) >= _MAX_CACHED_TOKENS:
                self._verified.clear()
            self._verified[token] = claims
        now = time.time()
        if claims.expires_at + LEEWAY_SECONDS <= now:
            raise TokenExpired
        if isinstance(claims, UserClaims):
            if claims.session_id in self.revocations:
                raise InvalidToken("The session has ended. Please log in again.")
            self._used_at[claims.session_id] = now
        return claims

    def know_keys(self, key_ids: Iterable[str]) -> None:
        """Fetch the public keys when the issuer has others than this process knows, and forget what a lost one signed.

        So a new key is known before it signs, and a removed key is accepted no longer. Raises ServiceUnavailable.
        """
        published, known = set(key_ids), set(self._keys)
        if published and published != known:
            self._load_keys()
            if not known <= self._keys.keys():
                self._verified.clear()

    def report_use(self) -> None:
        """Report the sessions used since the last report, with the time of the last use in seconds since the epoch.

        `verify` only records the use, so no request waits for the report. Raises what `report` raises; the same
        sessions are then reported again by the next call.
        """
        used_at, self._used_at = self._used_at, {}
        try:
            if used_at:
                self._report(dict(used_at))
        except Exception:
            if len(used_at) <= _MAX_CACHED_TOKENS:
                self._used_at = used_at | self._used_at
            raise

    def _verify_uncached(self, token: str) -> Claims:
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
        if key_id not in self._keys and time.monotonic() - self._keys_fetched_at > KEY_REFRESH_SECONDS:
            self._load_keys()
        if key_id not in self._keys:
            raise InvalidToken
        return self._keys[key_id]

    def _load_keys(self) -> None:
        """Fetch the public keys. After a failure the known keys stay in use; raises ServiceUnavailable without any."""
        try:
            fetched = self._fetch_keys()["keys"]
            self._keys = {key["kid"]: jwt.PyJWK(key, algorithm=ALGORITHM) for key in fetched}
            self._keys_fetched_at = time.monotonic()
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
        second_factor_at=float(claims["mfa_at"]) if "mfa_at" in claims else None,
        is_limited="limit" in claims,
        permissions=frozenset(claims["permissions"].split()) if "permissions" in claims else None,
    )


def _service_claims(claims: dict[str, Any]) -> ServiceClaims:
    return ServiceClaims(
        service=str(claims["sub"]), scopes=frozenset(claims["scope"].split()), expires_at=float(claims["exp"])
    )
