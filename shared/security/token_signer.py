"""Signing of tokens with the private key, for the one service that issues them; see `shared.security.tokens`."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from typing import Any, Self
from uuid import UUID, uuid4

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from shared.security.tokens import ALGORITHM, ISSUER, SERVICE_AUDIENCE, USER_AUDIENCE

LIFETIME_SECONDS = 3600


class TokenSigner:
    """Signs tokens with an Ed25519 key and publishes the public key that verifies them."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = _public_jwk(key)
        # A derived key (HKDF, RFC 5869), so that refresh tokens and signatures reveal nothing about each other.
        self._refresh_key = HKDF(SHA256(), length=32, salt=None, info=b"refresh tokens").derive(key.private_bytes_raw())

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Create a signer from the base64 of a PKCS #8 DER private key. Raises ValueError for any other text."""
        try:
            key = load_der_private_key(base64.b64decode(text, validate=True), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("must be an Ed25519 private key: base64 of its PKCS8 DER, on one line")
        return cls(key)

    def public_keys(self) -> list[dict[str, str]]:
        """Return the keys of the JWK set (RFC 7517, RFC 8037)."""
        return [self._public]

    def successor_of(self, refresh_token: str) -> str:
        """Return the refresh token that follows `refresh_token`: 256 bits in base64url, unpredictable without the key.

        A token always has the same successor (HMAC-SHA-256, RFC 2104), so any process with this key can repeat the
        response to a refresh although only digests of refresh tokens are stored.
        """
        return _base64url(hmac.digest(self._refresh_key, refresh_token.encode(), "sha256"))

    def sign_user(
        self,
        *,
        user_id: UUID,
        session_id: UUID,
        username: str,
        role: str,
        second_factor_at: int | None = None,
        is_limited: bool = False,
    ) -> str:
        """Return a token for a user, with the session id as the claim `sid`.

        `second_factor_at` becomes the claim `mfa_at`. A limited token has the claim `limit`; see `UserClaims`.
        """
        claims: dict[str, Any] = {"aud": USER_AUDIENCE, "sub": str(user_id), "sid": str(session_id)}
        if second_factor_at is not None:
            claims["mfa_at"] = second_factor_at
        if is_limited:
            claims["limit"] = "mfa_setup"
        return self._sign({**claims, "username": username, "role": role})

    def sign_service(self, service: str, scopes: Iterable[str]) -> str:
        """Return a token for a service, with its scopes in the claim `scope`."""
        return self._sign({"aud": SERVICE_AUDIENCE, "sub": service, "scope": " ".join(sorted(scopes))})

    def _sign(self, claims: dict[str, Any]) -> str:
        now = int(time.time())
        common = {"iss": ISSUER, "jti": str(uuid4()), "iat": now, "exp": now + LIFETIME_SECONDS}
        return jwt.encode({**claims, **common}, self._key, algorithm=ALGORITHM, headers={"kid": self._public["kid"]})


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
