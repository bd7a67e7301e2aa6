"""Signed tokens verify for an hour with the key that their header names."""

import base64
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.security.token_signer import TokenSigner
from shared.security.tokens import SERVICE_CLAIMS, USER_CLAIMS, Revocations, ServiceClaims, TokenVerifier, UserClaims


def as_text(key: Ed25519PrivateKey | X25519PrivateKey) -> str:
    return base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


KEY = as_text(Ed25519PrivateKey.generate())


@pytest.fixture
def signer() -> TokenSigner:
    return TokenSigner.from_text(KEY)


@pytest.fixture
def verifier(signer: TokenSigner) -> TokenVerifier:
    return TokenVerifier(lambda: {"keys": signer.public_keys()}, Revocations(lambda cursor: (cursor, [])))


def test_a_user_token_verifies(signer: TokenSigner, verifier: TokenVerifier) -> None:
    user_id, session_id = uuid4(), uuid4()
    token = signer.sign_user(user_id=user_id, session_id=session_id, username="ada", role="admin")
    said = verifier.verify(token)
    assert isinstance(said, UserClaims)
    assert (said.user_id, said.session_id, said.username, said.role) == (user_id, session_id, "ada", "admin")


def test_a_service_token_verifies(signer: TokenSigner, verifier: TokenVerifier) -> None:
    said = verifier.verify(signer.sign_service("some-service", {"b:read", "a:read"}))
    assert isinstance(said, ServiceClaims)
    assert (said.service, said.scopes) == ("some-service", frozenset({"a:read", "b:read"}))


def test_a_token_has_exactly_the_documented_claims_and_lasts_an_hour(signer: TokenSigner) -> None:
    person = signer.sign_user(user_id=uuid4(), session_id=uuid4(), username="ada", role="customer")
    service = signer.sign_service("some-service", ["a:read"])
    for token, names in ((person, USER_CLAIMS), (service, SERVICE_CLAIMS)):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert set(claims) == set(names)
        assert claims["exp"] - claims["iat"] == 3600


def test_no_two_tokens_are_the_same(signer: TokenSigner) -> None:
    assert signer.sign_service("some-service", []) != signer.sign_service("some-service", [])


def test_a_refresh_token_has_one_successor_for_each_key(signer: TokenSigner) -> None:
    successor = signer.successor_of("first")
    assert TokenSigner.from_text(KEY).successor_of("first") == successor
    other = TokenSigner.from_text(as_text(Ed25519PrivateKey.generate()))
    assert (
        len({successor, signer.successor_of("second"), signer.successor_of(successor), other.successor_of("first")})
        == 4
    )
    assert len(successor) == 43  # 256 bits in base64url


def test_the_key_id_is_the_thumbprint() -> None:
    """The example key and thumbprint of RFC 8037, appendices A.1 to A.3."""
    secret = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    signer = TokenSigner(Ed25519PrivateKey.from_private_bytes(secret))
    assert signer.public_keys() == [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "alg": "EdDSA",
            "use": "sig",
        }
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 40,
        "not base64!",
        base64.b64encode(b"no key").decode(),
        pytest.param(as_text(X25519PrivateKey.generate()), id="X25519"),
    ],
)
def test_only_an_ed25519_key_is_accepted(text: str) -> None:
    with pytest.raises(ValueError, match="must be an Ed25519 private key"):
        TokenSigner.from_text(text)
