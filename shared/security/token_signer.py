"""Signing of tokens with the private key, for the one service that issues them; see `shared.security.tokens`."""

import base64
import hashlib
import hmac
import json
import math
import time
from collections.abc import Iterable, Sequence
from typing import Any, Self
from uuid import UUID, uuid4

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from shared.security.encryption import derive_key
from shared.security.tokens import ALGORITHM, ISSUER, LEEWAY_SECONDS, SERVICE_AUDIENCE, USER_AUDIENCE

LIFETIME_SECONDS = 3600


class SigningKey:
    """An Ed25519 key that signs from `signs_from` on, in seconds since the epoch."""

    def __init__(self, private: Ed25519PrivateKey, signs_from: float = 0.0) -> None:
        self.private = private
        self.signs_from = signs_from
        self.public = _public_jwk(private)
        # a derived key, so that refresh tokens and signatures reveal nothing about each other
        self._refresh_key = derive_key(private.private_bytes_raw(), "refresh tokens")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the base64 of a PKCS #8 DER private key, with "@" and the time from which it signs unless that is past.

        Raises ValueError for any other text.
        """
        encoded, _, signs_from = text.strip().partition("@")
        try:
            private = load_der_private_key(base64.b64decode(encoded, validate=True), password=None)
            since = float(signs_from or 0)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private, since = None, 0.0
        if not isinstance(private, Ed25519PrivateKey) or not math.isfinite(since):
            raise ValueError("must be an Ed25519 private key: base64 of its PKCS8 DER, on one line")
        return cls(private, since)

    @property
    def text(self) -> str:
        """The text that `from_text` reads."""
        der = self.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return f"{base64.b64encode(der).decode()}@{self.signs_from:.0f}"

    def successor_of(self, refresh_token: str) -> str:
        """Return the refresh token that follows `refresh_token`; see `TokenSigner.successor_of`."""
        return _base64url(hmac.digest(self._refresh_key, refresh_token.encode(), "sha256"))


def read_signing_keys(text: str) -> list[SigningKey]:
    """Read keys separated by commas, newest first. Raises ValueError for a text that is no key."""
    return [SigningKey.from_text(part) for part in text.split(",")]


def useful_keys(keys: Sequence[SigningKey], now: float) -> list[SigningKey]:
    """Return those of `keys`, newest first, that sign or will sign, or whose last tokens have not expired."""
    newer_signs_from = [float("inf"), *(key.signs_from for key in keys)]
    expired_before = now - LIFETIME_SECONDS - LEEWAY_SECONDS
    return [key for key, replaced_at in zip(keys, newer_signs_from, strict=False) if replaced_at >= expired_before]


class TokenSigner:
    """Signs tokens with the newest of its Ed25519 keys, and publishes the public keys that verify them.

    A new key is published before it signs, and an old one until its last tokens have expired, so that a rotation
    invalidates no token.
    """

    def __init__(self, *keys: Ed25519PrivateKey) -> None:
        self._keys: Sequence[SigningKey] = [SigningKey(key) for key in keys]

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Create a signer from keys separated by commas, newest first. Raises ValueError for a text that is no key."""
        signer = cls()
        signer.load(text)
        return signer

    def load(self, text: str) -> None:
        """Replace the keys. Raises ValueError for a text that is no key, and keeps the present ones then."""
        self._keys = read_signing_keys(text)

    def public_keys(self) -> list[dict[str, str]]:
        """Return the keys of the JWK set (RFC 7517, RFC 8037)."""
        return [key.public for key in useful_keys(self._keys, time.time())]

    def key_ids(self) -> list[str]:
        """Return the ids of the public keys."""
        return [key["kid"] for key in self.public_keys()]

    def successor_of(self, refresh_token: str) -> str:
        """Return the refresh token that follows `refresh_token`: 256 bits in base64url, unpredictable without the key.

        A token always has the same successor (HMAC-SHA-256, RFC 2104), so any process with this key can repeat the
        response to a refresh although only digests of refresh tokens are stored.
        """
        return self._present.successor_of(refresh_token)

    def successors_of(self, refresh_token: str) -> list[str]:
        """Return what `successor_of` returns or, with one of the other keys, has returned before."""
        return [key.successor_of(refresh_token) for key in self._keys]

    @property
    def _present(self) -> SigningKey:
        now = time.time()
        return next((key for key in self._keys if key.signs_from <= now), self._keys[-1])

    def sign_user(
        self,
        *,
        user_id: UUID,
        session_id: UUID,
        username: str,
        role: str,
        second_factor_at: int | None = None,
        is_limited: bool = False,
        permissions: Iterable[str] | None = None,
    ) -> str:
        """Return a token for a user, with the session id as the claim `sid`.

        `second_factor_at` becomes the claim `mfa_at`. A limited token has the claim `limit`, one with fewer
        permissions than the role's the claim `permissions`; see `UserClaims`.
        """
        claims: dict[str, Any] = {"aud": USER_AUDIENCE, "sub": str(user_id), "sid": str(session_id)}
        if second_factor_at is not None:
            claims["mfa_at"] = second_factor_at
        if is_limited:
            claims["limit"] = "mfa_setup"
        if permissions is not None:
            claims["permissions"] = " ".join(sorted(permissions))
        return self._sign({**claims, "username": username, "role": role})

    def sign_service(self, service: str, scopes: Iterable[str]) -> str:
        """Return a token for a service, with its scopes in the claim `scope`."""
        return self._sign({"aud": SERVICE_AUDIENCE, "sub": service, "scope": " ".join(sorted(scopes))})

    def _sign(self, claims: dict[str, Any]) -> str:
        now = int(time.time())
        common = {"iss": ISSUER, "jti": str(uuid4()), "iat": now, "exp": now + LIFETIME_SECONDS}
        key = self._present
        return jwt.encode({**claims, **common}, key.private, algorithm=ALGORITHM, headers={"kid": key.public["kid"]})


def _public_jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    required = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
    return {**required, "kid": _thumbprint(required), "alg": ALGORITHM, "use": "sig"}


def _thumbprint(required: dict[str, str]) -> str:
    """Return the JWK thumbprint (RFC 7638): the SHA-256 of the required members in sorted compact JSON."""
    text = json.dumps(required, sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(text.encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
