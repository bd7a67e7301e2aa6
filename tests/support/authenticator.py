"""A device with passkeys, as software: it answers the options of the bank as `navigator.credentials` would."""

import hashlib
import json
from typing import Any
from uuid import uuid4

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

ORIGIN = "http://localhost:5000"
USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class SoftAuthenticator:
    """One passkey with an Ed25519 key (COSE -8). `flags` say what the device claims to have checked.

    `is_framed` says that a page of another site asks, and `public_key` is what a registration contains (RFC 9052).
    """

    is_framed = False

    def __init__(self, origin: str = ORIGIN, flags: int = USER_PRESENT | USER_VERIFIED) -> None:
        self.origin, self.flags = origin, flags
        self.credential_id = uuid4().bytes
        self.key = Ed25519PrivateKey.generate()
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public_key = cbor2.dumps({1: 1, 3: -8, -1: 6, -2: raw})
        self.counter = 0

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to the options of a registration, in the JSON form of Web Authentication, level 3."""
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + self.public_key
        data = self._data(options["rp"]["id"], self.flags | ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options["challenge"])
        return self._answer(clientDataJSON=client, attestationObject=attestation)

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to the options of a login, a second step or a step-up."""
        self.counter += 1
        data = self._data(options["rpId"], self.flags)
        client = self._client("webauthn.get", options["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client).digest())
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signature)

    def knows(self, options: dict[str, Any]) -> bool:
        """Return whether the options allow this passkey."""
        allowed = [base64url_to_bytes(one["id"]) for one in options.get("allowCredentials", ())]
        return self.credential_id in allowed

    def _data(self, site: str, flags: int) -> bytes:
        return hashlib.sha256(site.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        data = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.is_framed}
        return json.dumps(data).encode()

    def _answer(self, **response: bytes) -> dict[str, Any]:
        own_id = bytes_to_base64url(self.credential_id)
        encoded = {name: bytes_to_base64url(value) for name, value in response.items()}
        return {"id": own_id, "rawId": own_id, "type": "public-key", "response": encoded}
