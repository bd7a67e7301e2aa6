"""The tokens that the auth service issues: their claims, their lifetime, and forged ones."""

import base64
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.asking import NOBODY, call, refusal
from tests.support.suite import Person, Suite


def test_tokens_survive_a_restart(bank: Suite, ada: Person) -> None:
    keys = call(bank, "GET", "jwks").get_json()
    bank.restart("auth")
    assert call(bank, "GET", "jwks").get_json() == keys
    assert call(bank, "GET", "verify_token", ada).status_code == 200


def test_a_token_identifies_its_user(bank: Suite, ada: Person, admin: Person) -> None:
    said = call(bank, "GET", "verify_token", ada).get_json()
    assert said == {
        "success": True,
        "user_id": ada.user_id,
        "username": "ada",
        "email": "ada@example.com",
        "role": "customer",
        "status": "active",
    }
    assert call(bank, "GET", "verify_admin", ada).get_json() == {"success": True, "is_admin": False}
    assert call(bank, "GET", "verify_admin", admin).get_json() == {"success": True, "is_admin": True}


def forged(bank: Suite, person: Person, key: Any, algorithm: str, **changes: Any) -> Person:
    header = jwt.get_unverified_header(person.token)
    claims = {**jwt.decode(person.token, options={"verify_signature": False}), **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    token = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": header["kid"]})
    return person.with_token(token)


def test_forged_tokens_are_refused(bank: Suite, ada: Person) -> None:
    (public,) = call(bank, "GET", "jwks").get_json()["keys"]
    raw = base64.urlsafe_b64decode(public["x"] + "=")
    header, _, signature = ada.token.split(".")
    said = jwt.decode(ada.token, options={"verify_signature": False})
    body = base64.urlsafe_b64encode(json.dumps({**said, "role": "admin"}).encode()).decode().rstrip("=")
    forgeries = [
        forged(bank, ada, None, "none", role="admin"),
        forged(bank, ada, raw, "HS256", role="admin"),
        forged(bank, ada, Ed25519PrivateKey.generate(), "EdDSA", role="admin"),
        ada.with_token(f"{header}.{body}.{signature}"),
    ]
    for person in forgeries:
        assert refusal(call(bank, "GET", "users", person)) == (401, "INVALID_TOKEN")


def test_a_token_signed_with_our_key_but_wrong_claims_is_refused(bank: Suite, ada: Person) -> None:
    """Only the auth service has the key; each claim is checked nevertheless."""
    der = base64.b64decode(bank.variables["AUTH_SIGNING_KEY"])
    ours = Ed25519PrivateKey.from_private_bytes(der[-32:])
    assert call(bank, "GET", "verify_token", forged(bank, ada, ours, "EdDSA")).status_code == 200
    for changes in (
        {"aud": "services"},
        {"aud": "somebody"},
        {"iss": "somebody"},
        {"sid": None},
        {"jti": None},
        {"exp": None},
        {"role": None},
        {"sid": NOBODY},
    ):
        assert refusal(call(bank, "GET", "verify_token", forged(bank, ada, ours, "EdDSA", **changes)))[0] == 401
    expired = forged(bank, ada, ours, "EdDSA", exp=1)
    assert refusal(call(bank, "GET", "verify_token", expired)) == (401, "TOKEN_EXPIRED")
