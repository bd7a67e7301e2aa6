"""Only unexpired tokens with a correct signature, audience and all claims are accepted, and no ended sessions."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.core.errors import InvalidToken, ServiceUnavailable, TokenExpired
from shared.security import tokens
from shared.security.tokens import Revocations, ServiceClaims, TokenVerifier, UserClaims, bearer_token

KEY, OTHER_KEY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
USER, SESSION = uuid4(), uuid4()


def jwk(key: Ed25519PrivateKey, key_id: str) -> dict[str, str]:
    x = base64.urlsafe_b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": key_id, "alg": "EdDSA", "use": "sig"}


class KeyServer:
    """A key server that counts its requests and can be down."""

    def __init__(self, **keys: Ed25519PrivateKey) -> None:
        self.keys, self.asked, self.down = keys, 0, False

    def __call__(self) -> dict[str, Any]:
        self.asked += 1
        if self.down:
            raise ServiceUnavailable
        return {"keys": [jwk(key, name) for name, key in self.keys.items()]}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {
        "iss": "auth-service",
        "aud": "people",
        "sub": str(USER),
        "sid": str(SESSION),
        "jti": str(uuid4()),
        "username": "ada",
        "role": "customer",
        "iat": now,
        "exp": now + 3600,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def signed(key: Ed25519PrivateKey = KEY, key_id: str = "one", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm="EdDSA", headers={"kid": key_id})


def service_token(**changes: Any) -> str:
    service = {"aud": "services", "sub": "some-service", "scope": "things:read things:write"}
    return signed(**{"sid": None, "username": None, "role": None, **service, **changes})


@pytest.fixture
def ended() -> list[str]:
    return []


@pytest.fixture
def key_server() -> KeyServer:
    return KeyServer(one=KEY)


@pytest.fixture
def verifier(key_server: KeyServer, ended: list[str]) -> TokenVerifier:
    return TokenVerifier(key_server, Revocations(lambda cursor: (cursor + 1, list(ended))))


def test_a_user_token_returns_its_claims(verifier: TokenVerifier) -> None:
    said = verifier.verify(signed())
    assert isinstance(said, UserClaims)
    assert (said.user_id, said.username, said.role, said.session_id) == (USER, "ada", "customer", SESSION)


def test_a_service_token_returns_its_scopes(verifier: TokenVerifier) -> None:
    said = verifier.verify(service_token())
    assert isinstance(said, ServiceClaims)
    assert (said.service, said.scopes) == ("some-service", frozenset({"things:read", "things:write"}))


@pytest.mark.parametrize("missing", tokens.USER_CLAIMS)
def test_every_claim_of_a_user_token_is_required(verifier: TokenVerifier, missing: str) -> None:
    without: dict[str, Any] = {missing: None}
    with pytest.raises(InvalidToken):
        verifier.verify(signed(**without))


@pytest.mark.parametrize("missing", tokens.SERVICE_CLAIMS)
def test_every_claim_of_a_service_token_is_required(verifier: TokenVerifier, missing: str) -> None:
    with pytest.raises(InvalidToken):
        verifier.verify(service_token(**{missing: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"aud": "others"},
        {"aud": ["people", "services"]},
        {"aud": "services"},
        {"sub": "not-an-id"},
        {"sid": "not-an-id"},
        {"iat": int(time.time()) + 3600},
        {"exp": "soon"},
        {"nbf": int(time.time()) + 3600},
    ],
)
def test_a_wrong_claim_is_refused(verifier: TokenVerifier, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        verifier.verify(signed(**changes))


def test_user_and_service_tokens_are_not_interchangeable(verifier: TokenVerifier) -> None:
    with pytest.raises(InvalidToken):
        verifier.verify(signed(aud="services", scope=None))
    with pytest.raises(InvalidToken):
        verifier.verify(service_token(aud="people"))


def _unsigned() -> str:
    return jwt.encode(claims(), None, algorithm="none", headers={"kid": "one"})  # type: ignore[arg-type]  # no key for none


def _signed_with_the_public_key() -> str:
    """The key confusion attack: HS256 with the public key as the secret."""
    raw = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return jwt.encode(claims(), raw, algorithm="HS256", headers={"kid": "one"})


def _with_changed_role() -> str:
    header, body, signature = signed().split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**said, "role": "admin"}).encode()).decode().rstrip("=")
    return f"{header}.{forged}.{signature}"


def _without_signature() -> str:
    return signed().rpartition(".")[0] + "."


@pytest.mark.parametrize(
    "forge",
    [
        _unsigned,
        _signed_with_the_public_key,
        _with_changed_role,
        _without_signature,
        lambda: signed(OTHER_KEY),
        lambda: signed(key_id="unknown"),
        lambda: jwt.encode(claims(), KEY, algorithm="EdDSA"),
        lambda: "",
        lambda: "a.b.c",
        lambda: "…",
        lambda: "e30.e30.e30",
    ],
)
def test_forgeries_are_refused(verifier: TokenVerifier, forge: Callable[[], str]) -> None:
    with pytest.raises(InvalidToken):
        verifier.verify(forge())


def test_an_expired_token_raises_its_own_error(verifier: TokenVerifier) -> None:
    past = int(time.time()) - 7200
    with pytest.raises(TokenExpired):
        verifier.verify(signed(iat=past, exp=past + 3600))


def test_a_cached_token_expires(verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch) -> None:
    token = signed()
    verifier.verify(token)
    later = time.time() + 3606
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(TokenExpired):
        verifier.verify(token)


@pytest.mark.parametrize("make", [signed, service_token])
@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_clock_may_be_five_seconds_ahead(verifier: TokenVerifier, make: Callable[..., str], claim: str) -> None:
    now = time.time()
    verifier.verify(make(**{claim: now + 4.5}))
    with pytest.raises(InvalidToken):
        verifier.verify(make(**{claim: now + 7}))


@pytest.mark.parametrize("make", [signed, service_token])
def test_a_clock_may_be_five_seconds_behind(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch, make: Callable[..., str]
) -> None:
    now = int(time.time())
    fresh, past, remembered = make(exp=now - 3), make(exp=now - 6), make(exp=now + 10)
    verifier.verify(fresh)
    verifier.verify(remembered)
    with pytest.raises(TokenExpired):
        verifier.verify(past)
    monkeypatch.setattr(time, "time", lambda: now + 14)
    verifier.verify(remembered)
    monkeypatch.setattr(time, "time", lambda: now + 15)
    with pytest.raises(TokenExpired):
        verifier.verify(remembered)


def test_an_ended_session_is_rejected_after_the_next_poll(verifier: TokenVerifier, ended: list[str]) -> None:
    token, other = signed(), signed(sid=str(uuid4()))
    verifier.verify(token)
    ended.append(str(SESSION))
    verifier.revocations.poll()
    with pytest.raises(InvalidToken, match="has ended"):
        verifier.verify(token)
    verifier.verify(other)


def test_a_session_that_this_process_ended_is_rejected_immediately(verifier: TokenVerifier) -> None:
    token = signed()
    verifier.verify(token)
    verifier.revocations.add(SESSION)
    with pytest.raises(InvalidToken, match="has ended"):
        verifier.verify(token)
    verifier.revocations.poll()
    assert SESSION in verifier.revocations


def test_polls_continue_from_the_last_cursor() -> None:
    asked: list[int] = []

    def fetch(cursor: int) -> tuple[int, list[str]]:
        asked.append(cursor)
        return cursor + 5, []

    revocations = Revocations(fetch)
    revocations.poll()
    revocations.poll()
    assert asked == [0, 5]


def test_a_failed_poll_is_repeated_from_the_same_cursor() -> None:
    asked: list[int] = []

    def fetch(cursor: int) -> tuple[int, list[str]]:
        asked.append(cursor)
        if len(asked) == 2:
            raise ServiceUnavailable
        return cursor + 5, [str(SESSION)]

    revocations = Revocations(fetch)
    revocations.poll()
    with pytest.raises(ServiceUnavailable):
        revocations.poll()
    revocations.poll()
    assert asked == [0, 5, 5]
    assert SESSION in revocations


def test_sessions_that_ended_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their tokens have expired by then; keeping them would be a memory leak."""
    batches = iter([[str(UUID(int=number)) for number in range(10_001)], [str(SESSION)]])
    revocations = Revocations(lambda cursor: (cursor + 1, next(batches)))
    revocations.poll()
    later = time.monotonic() + 7201
    monkeypatch.setattr(time, "monotonic", lambda: later)
    revocations.poll()
    assert UUID(int=5) not in revocations
    assert SESSION in revocations


def test_keys_are_fetched_once(verifier: TokenVerifier, key_server: KeyServer) -> None:
    for _ in range(3):
        verifier.verify(signed())
    assert key_server.asked == 1


def test_unknown_key_ids_do_not_flood_the_key_server(verifier: TokenVerifier, key_server: KeyServer) -> None:
    for number in range(20):
        with pytest.raises(InvalidToken):
            verifier.verify(signed(key_id=f"made-up-{number}"))
    assert key_server.asked == 1


def test_a_new_key_is_fetched_when_it_appears(
    verifier: TokenVerifier, key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier.verify(signed())
    key_server.keys["two"] = OTHER_KEY
    later = time.monotonic() + tokens.KEY_REFRESH_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    verifier.verify(signed(OTHER_KEY, "two"))


def test_without_any_key_verification_is_unavailable(verifier: TokenVerifier, key_server: KeyServer) -> None:
    key_server.down = True
    with pytest.raises(ServiceUnavailable):
        verifier.verify(signed())
    key_server.down = False
    verifier.verify(signed())


def test_known_keys_are_used_while_the_key_server_is_down(verifier: TokenVerifier, key_server: KeyServer) -> None:
    verifier.verify(signed())
    key_server.down = True
    verifier.verify(signed(jti=str(uuid4())))


def test_the_sessions_in_use_are_reported_once_and_again_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, key_server: KeyServer, ended: list[str]
) -> None:
    reports: list[dict[UUID, float]] = []
    failures = [ConnectionError()]

    def report(used_at: dict[UUID, float]) -> None:
        if failures:
            raise failures.pop()
        reports.append(used_at)

    verifier = TokenVerifier(key_server, Revocations(lambda _cursor: (0, ended)), report)
    verifier.report_use()
    now = time.time()
    verifier.verify(signed())
    with pytest.raises(ConnectionError):
        verifier.report_use()
    monkeypatch.setattr(time, "time", lambda: now + 4)
    verifier.verify(signed(sid=str(UUID(int=7))))
    verifier.report_use()
    verifier.report_use()
    assert [set(used_at) for used_at in reports] == [{SESSION, UUID(int=7)}]
    assert reports[0][UUID(int=7)] == now + 4


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER  abc ", "abc"),
        ("Bearer", ""),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
        (None, None),
    ],
)
def test_a_bearer_token_is_read_regardless_of_the_case_of_the_scheme(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token
