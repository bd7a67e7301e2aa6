"""A batched request gets the same response as a single one: status, headers and body."""

from typing import Any

import pytest

from shared.security.tokens import TokenVerifier
from shared.web.parts import part
from tests.support.suite import BankOptions, Person, Suite

ABSENT = "00000000-0000-7000-8000-000000000000"
Request = tuple[str, str, str | None, bytes]
"""A payment request: the kind, the token, the Idempotency-Key and the body."""


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "account", "transaction"))


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


@pytest.fixture(scope="module")
def account_id(ada: Person) -> str:
    return str(ada.open()["id"])


@pytest.fixture(scope="module")
def service_token(bank: Suite) -> str:
    return fetch_service_token(bank, "api-gateway", "API_GATEWAY_SECRET")


def fetch_service_token(bank: Suite, client_id: str, variable: str) -> str:
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": bank.variables[variable]}
    answer = bank.call("auth", "POST", "/api/auth/token", json=form)
    return str(answer.get_json()["access_token"])


def comparable(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers of a response, without those of the single exchange and its connection."""
    left_out = "Connection", "Content-Length", "X-Request-ID"
    return {name: value for name, value in headers.items() if name not in left_out}


def alone(bank: Suite, request: Request) -> tuple[int, dict[str, str], str]:
    kind, token, key, body = request
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
    answer = bank.call("transaction", "POST", f"/api/transactions/{kind}", data=body, headers=headers)
    return answer.status_code, comparable(dict(answer.headers)), answer.get_data(as_text=True)


def batched(bank: Suite, service_token: str, *batch: Request) -> list[tuple[int, dict[str, str], str]]:
    requests = [
        {"kind": kind, "token": token, "idempotency_key": key, "request_id": "mine", "body": body.decode()}
        for kind, token, key, body in batch
    ]
    headers = {"Authorization": f"Bearer {service_token}"}
    answer = bank.call("transaction", "POST", "/internal/requests", json={"requests": requests}, headers=headers)
    assert answer.status_code == 200, answer.text
    return [(one["status"], comparable(one["headers"]), one["body"]) for one in answer.get_json()["answers"]]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("deposit", b"", 400),
        ("deposit", b"{", 400),
        ("deposit", b"[]", 400),
        ("deposit", b"null", 400),
        ("deposit", b"{}", 400),
        ("deposit", b"\x01", 400),
        ("deposit", b"\0", 400),
        ("deposit", b"\xef\xbb\xbf{}", 400),
        ("deposit", "{}".encode("utf-16-le"), 415),
        ("deposit", b"[" * 2000, 400),
        ("deposit", b'{"account_id": "%(own)s", "account_id": "%(own)s", "amount": "1"}', 400),
        ("deposit", b'{"account_id": "%(own)s"}', 400),
        ("deposit", b'{"account_id": "no", "amount": "no", "more": 1}', 400),
        ("deposit", b'{"account_id": "%(own)s", "amount": 1e3}', 400),
        ("deposit", b'{"account_id": "%(own)s", "amount": NaN}', 400),
        ("deposit", b'{"account_id": "%(own)s", "amount": "1.001"}', 400),
        ("deposit", b'{"account_id": "%(own)s", "amount": "-1"}', 400),
        ("deposit", b'{"account_id": "%(own)s", "amount": "0"}', 400),
        ("deposit", b'{"account_id": "%(own)s", "amount": "99999999999999999999"}', 400),
        ("deposit", b'{"account_id": "%(own)s", "amount": "1", "description": "\\ud800"}', 400),
        ("deposit", b'{"account_id": "%(own)s", "amount": "1", "description": "a\\u0000"}', 400),
        ("deposit", b'{"account_id": "%(absent)s", "amount": "1"}', 404),
        ("withdraw", b'{"account_id": "%(own)s", "amount": "1"}', 400),
        ("withdraw", b'{"from_account_id": "%(own)s", "amount": "1"}', 400),
        ("transfer", b'{"account_id": "%(own)s", "amount": "1"}', 400),
        ("transfer", b'{"from_account_id": "%(own)s", "to_account_id": "%(own)s", "amount": "1"}', 400),
        ("transfer", b'{"from_account_id": "%(own)s", "to_account_number": "12", "amount": "1"}', 400),
        ("transfer", b'{"from_account_id": "%(own)s", "to_account_id": "%(absent)s", "amount": "1"}', 404),
    ],
)
def test_a_single_and_a_batched_request_are_refused_in_the_same_way(
    bank: Suite, ada: Person, account_id: str, service_token: str, kind: str, body: bytes, status: int
) -> None:
    body = body.replace(b"%(own)s", account_id.encode()).replace(b"%(absent)s", ABSENT.encode())
    request = (kind, ada.token, None, body)
    by_itself = alone(bank, request)
    assert by_itself[0] == status, by_itself[2]
    assert batched(bank, service_token, request) == [by_itself]


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "\u00e9"])
def test_an_invalid_key_is_refused_in_the_same_way_in_a_batch(
    bank: Suite, ada: Person, account_id: str, service_token: str, key: str
) -> None:
    body = b'{"account_id": "%s", "amount": "1"}' % account_id.encode()
    request = ("deposit", ada.token, key, body)
    by_itself = alone(bank, request)
    assert by_itself[0] == 400
    assert batched(bank, service_token, request) == [by_itself]
    unreadable = ("deposit", ada.token, key, b"{}")
    assert batched(bank, service_token, unreadable) == [alone(bank, unreadable)]


def test_an_invalid_token_is_refused_in_the_same_way_in_a_batch(
    bank: Suite, ada: Person, account_id: str, service_token: str
) -> None:
    body = b'{"account_id": "%s", "amount": "1"}' % account_id.encode()
    leaver = bank.person("leaver")
    bank.call("auth", "POST", "/api/auth/logout", leaver, json={"refresh_token": leaver.refresh_token})
    verifier = part(TokenVerifier, bank.apps["transaction"])
    verifier.revocations.poll()
    tokens = {"none": "x", "forged": ada.token[:-4] + "AAAA", "ended": leaver.token, "of a service": service_token}
    requests = [("deposit", token, None, body) for token in tokens.values()]
    by_itself = [alone(bank, one) for one in requests]
    assert [status for status, _headers, _body in by_itself] == [401, 401, 401, 403]
    assert batched(bank, service_token, *requests) == by_itself


def test_a_single_and_a_batched_payment_get_the_same_response(
    bank: Suite, ada: Person, account_id: str, service_token: str
) -> None:
    request = ("deposit", ada.token, "same", b'{"account_id": "%s", "amount": "1"}' % account_id.encode())
    ((status, headers, body),) = batched(bank, service_token, request)
    assert status == 201
    replayed = (status, headers | {"Idempotent-Replayed": "true"}, body)
    assert alone(bank, request) == replayed
    assert batched(bank, service_token, request) == [replayed]
    other = (*request[:3], b'{"account_id": "%s", "amount": "2"}' % account_id.encode())
    assert batched(bank, service_token, other) == [alone(bank, other)]


def test_an_error_of_one_request_does_not_affect_the_others(
    bank: Suite, ada: Person, account_id: str, service_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def request(body: str, token: str = ada.token) -> Request:
        return "deposit", token, None, body.replace("own", account_id).encode()

    good = request('{"account_id": "own", "amount": "1"}')
    answers: list[Any] = batched(
        bank,
        service_token,
        request("{"),
        good,
        request("{}", "x"),
        good,
        request('{"account_id": "own", "amount": "x"}'),
    )
    assert [status for status, _headers, _body in answers] == [400, 201, 401, 201, 400]
    verifier: Any = part(TokenVerifier, bank.apps["transaction"])
    verify = verifier.verify

    def broken_for_one(token: str) -> Any:
        if token == "x":
            raise RuntimeError("private")
        return verify(token)

    monkeypatch.setattr(verifier, "verify", broken_for_one)
    answers = batched(bank, service_token, good, request("{}", "x"), good)
    assert [status for status, _headers, _body in answers] == [201, 500, 201]
    assert "private" not in str(answers)
