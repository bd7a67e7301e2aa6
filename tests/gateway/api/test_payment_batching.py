"""Batched payments get the same responses as single ones."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.test import TestResponse, create_environ

from api_gateway.api import payment_batching
from api_gateway.api.payment_batching import HAS_CONTROL_BYTES, LONGEST_BODY, PaymentBatching
from api_gateway.clients.transaction import BatchedReply, BatchedRequest, PaymentClient
from api_gateway.web.limits.rate_limits import TokenBuckets
from api_gateway.web.tools import Tools
from shared.concurrency.batching import MAX_SIZE
from shared.core.errors import GENERIC_BY_STATUS, AppError, OutcomeUnknown, ServiceUnavailable
from shared.http.client import Peer
from shared.security.tokens import TokenVerifier
from shared.web.idempotency_keys import MAX_LENGTH
from shared.web.parts import part
from shared.web.recording import Recorder
from shared.web.serving import DEFERRED_RESPONSE
from tests.support.suite import ADDRESSES, BankOptions, Person, Suite


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(database=database)


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


@pytest.fixture
def account_id(ada: Person) -> str:
    return str(ada.open()["id"])


@pytest.fixture
def fallthroughs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The targets of forwarded requests."""
    seen: list[str] = []
    forward = Peer.forward

    def noted(self: Peer, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        seen.append(target)
        return forward(self, method, target, headers, body)

    monkeypatch.setattr(Peer, "forward", noted)
    return seen


def deposit(bank: Suite, person: Person | None, account_id: str, **options: Any) -> TestResponse:
    options = {"json": {"account_id": account_id, "amount": "1.00"}} | options
    return bank.call("gateway", "POST", "/api/transactions/deposit", person, **options)


def test_a_valid_payment_is_batched(bank: Suite, ada: Person, account_id: str, fallthroughs: list[str]) -> None:
    answer = deposit(bank, ada, account_id, headers={"Idempotency-Key": "short", "X-Request-ID": "mine-7"})
    assert answer.status_code == 201
    assert answer.json["transaction"]["balance_after"] == "1.00"  # type: ignore[index]  # a success
    assert answer.headers["X-Request-ID"] == "mine-7"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    again = deposit(bank, ada, account_id, headers={"Idempotency-Key": "short"})
    assert (again.status_code, again.data) == (201, answer.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert fallthroughs == []


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"amount": "1.00"}},
        {"json": {"account_id": "x", "amount": "0"}},
        {"data": b'{"amount": 1, "amount": 2}'},
        {"data": b"\xef\xbb\xbf{}"},
        {"headers": {"Idempotency-Key": "k k"}},
        {"json": {"account_id": "x", "amount": "1", "description": "a\0"}},
        {"json": {"account_id": "x", "amount": "1", "description": "\ud800"}},
    ],
)
def test_an_unreadable_payment_gets_the_same_refusal_when_batched(
    bank: Suite, ada: Person, account_id: str, fallthroughs: list[str], options: dict[str, Any]
) -> None:
    if "data" in options:
        options = {"json": None, "content_type": "application/json", **options}
    answer = deposit(bank, ada, account_id, **options)
    straight = {"json": {"account_id": account_id, "amount": "1.00"}} | options
    by_itself = bank.call("transaction", "POST", "/api/transactions/deposit", ada, **straight)
    assert (answer.status_code, answer.data) == (by_itself.status_code, by_itself.data)
    assert answer.status_code == 400
    assert answer.content_type == "application/json"
    assert fallthroughs == []


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"data": b"\xff{}", "content_type": "application/json"}, 400, "INVALID_REQUEST"),
        ({"data": "{}".encode("utf-16-le"), "content_type": "application/json"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"data": "{}".encode("utf-16"), "content_type": "application/json"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": "application/json; charset=utf-16"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"headers": {"Content-Encoding": "gzip"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"headers": {"Content-Encoding": "br"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"data": b"a=1", "content_type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"headers": {"Idempotency-Key": "k" * 256}}, 400, "INVALID_REQUEST"),
        ({"data": b'{"account_id": "\1"}', "content_type": "application/json"}, 400, "INVALID_REQUEST"),
        ({"query_string": "dry_run=1"}, 400, "INVALID_REQUEST"),
        ({"data": b" " * 70_000, "content_type": "application/json"}, 413, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_an_invalid_request_falls_through_to_the_app_which_says_why(
    bank: Suite, ada: Person, account_id: str, options: dict[str, Any], status: int, code: str
) -> None:
    if "data" in options:
        options = {"json": None, **options}
    answer = deposit(bank, ada, account_id, **options)
    assert (answer.status_code, answer.json["error_code"]) == (status, code)  # type: ignore[index]  # a failure


@pytest.mark.parametrize("character", ["\n", '"', "\\", "x", "\x7f"])
def test_a_full_batch_of_the_longest_requests_is_below_the_size_limit(bank: Suite, ada: Person, character: str) -> None:
    peers = part(Tools, bank.apps["gateway"]).peers
    client = PaymentClient(peers["transaction-service"], peers.token)
    assert not HAS_CONTROL_BYTES(character.encode())
    longest = BatchedRequest("deposit", ada.token, '"' * MAX_LENGTH, "i" * 64, character * LONGEST_BODY)
    assert {answer.status for answer in client.carry_out([longest] * MAX_SIZE)} == {400}


def test_a_batched_payment_returns_the_refusal_of_the_rules(
    bank: Suite, ada: Person, account_id: str, fallthroughs: list[str]
) -> None:
    body = {"account_id": account_id, "amount": "1000000"}
    answer = bank.call("gateway", "POST", "/api/transactions/withdraw", ada, json=body)
    assert (answer.status_code, answer.json["error_code"]) == (400, "INSUFFICIENT_FUNDS")  # type: ignore[index]  # as above
    assert fallthroughs == []


def test_a_payment_without_a_valid_token_is_401(bank: Suite, ada: Person, account_id: str) -> None:
    assert deposit(bank, None, account_id).status_code == 401
    forged = ada.with_token(ada.token[:-4] + "AAAA")
    assert deposit(bank, forged, account_id).status_code == 401


def test_a_payment_to_an_account_of_another_user_is_404(bank: Suite, account_id: str) -> None:
    answer = deposit(bank, bank.person("eve"), account_id)
    assert (answer.status_code, answer.json["error_code"]) == (404, "NOT_FOUND")  # type: ignore[index]  # a failure


def test_concurrent_payments_get_their_own_responses(bank: Suite, ada: Person, account_id: str) -> None:
    def one(number: int) -> tuple[int, str]:
        body = {"account_id": account_id, "amount": f"{number}.00", "description": f"number {number}"}
        answer = bank.call("gateway", "POST", "/api/transactions/deposit", ada, json=body)
        return answer.status_code, answer.json["transaction"]["description"]  # type: ignore[index]  # a success

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(one, range(1, 25)))
    assert answers == [(201, f"number {number}") for number in range(1, 25)]
    details = bank.call("account", "GET", f"/api/accounts/details/{account_id}", ada).json
    assert details is not None
    assert details["account"]["balance"] == "300.00"


def test_a_stopped_transaction_service_is_reported_as_unavailable(bank: Suite, ada: Person, account_id: str) -> None:
    adapter: Any = bank.session.get_adapter(ADDRESSES["transaction"])
    adapter.down = True
    try:
        answer = deposit(bank, ada, account_id)
    finally:
        adapter.down = False
    assert (answer.status_code, answer.json["error_code"]) == (503, "SERVICE_UNAVAILABLE")  # type: ignore[index]  # a failure


def make_batching(bank: Suite, client: Any) -> PaymentBatching:
    app = bank.apps["gateway"]
    verifier, buckets = part(TokenVerifier, app), TokenBuckets(per_second=100, burst=100)
    return PaymentBatching(app, client, verifier=verifier, buckets=buckets, recorder=part(Recorder, app))


def send_deferred(
    batching: PaymentBatching, ada: Person, fail: Callable[..., None] | None = None
) -> list[tuple[Any, ...]]:
    """Send a payment as a server with deferred responses does; return the responses that the server gets."""
    sent: list[tuple[Any, ...]] = []
    environ = create_environ("/api/transactions/deposit", method="POST", json={}, headers=ada.headers)
    environ[DEFERRED_RESPONSE] = SimpleNamespace(defer=lambda: fail or (lambda *answer: sent.append(answer)))
    assert batching(environ, lambda *_start: pytest.fail("not deferred")) == []
    return sent


def test_a_response_that_can_not_be_sent_does_not_affect_the_others(bank: Suite, ada: Person) -> None:
    client = SimpleNamespace(carry_out=lambda requests: [BatchedReply(201, {}, "{}")] * len(requests))
    batching = make_batching(bank, client)

    def fail(*_answer: Any) -> None:
        raise RuntimeError

    send_deferred(batching, ada, fail)
    sent = send_deferred(batching, ada)
    batching.start()
    batching.stop()
    assert [(status, body) for status, _headers, body in sent] == [(201, b"{}")]


class Refusing:
    """A service token whose calls all raise the same error."""

    def __init__(self, error: type[AppError]) -> None:
        self._error = error

    def get(self) -> str:
        return "token"

    def call(self, *_args: Any, **_options: Any) -> dict[str, Any]:
        raise self._error


@pytest.mark.parametrize("status", [401, 403, 404, 413])
def test_a_refused_batch_is_reported_as_unavailable(status: int) -> None:
    client = PaymentClient(None, Refusing(GENERIC_BY_STATUS[status]))  # type: ignore[arg-type]  # its peer is never called
    with pytest.raises(ServiceUnavailable) as refused:
        client.carry_out([])
    assert (type(refused.value), refused.value.retry_after_seconds) == (ServiceUnavailable, 1)


def test_a_batch_without_a_service_token_is_reported_as_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    token = Refusing(ServiceUnavailable)
    monkeypatch.setattr(token, "get", token.call)
    with pytest.raises(ServiceUnavailable) as refused:
        PaymentClient(None, token).carry_out([])  # type: ignore[arg-type]  # as above
    assert type(refused.value) is ServiceUnavailable


def test_a_failed_batch_has_an_unknown_outcome() -> None:
    client = PaymentClient(None, Refusing(ServiceUnavailable))  # type: ignore[arg-type]  # as above
    with pytest.raises(OutcomeUnknown):
        client.carry_out([])


def test_a_payment_is_refused_with_retry_after_when_the_queue_is_full(
    bank: Suite, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment_batching, "OPEN_CONNECTIONS", 0)
    batching = make_batching(bank, SimpleNamespace())
    ((status, headers, body),) = send_deferred(batching, ada)
    assert (status, dict(headers)["Retry-After"]) == (503, "1")
    assert json.loads(body)["error_code"] == "SERVICE_UNAVAILABLE"


def test_an_unexpected_error_is_answered_with_a_generic_500(
    bank: Suite, ada: Person, account_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any) -> Any:
        raise RuntimeError("private")

    monkeypatch.setattr(PaymentClient, "carry_out", broken)
    answer = deposit(bank, ada, account_id)
    assert (answer.status_code, answer.json["error_code"]) == (500, "INTERNAL_ERROR")  # type: ignore[index]  # a failure
    assert b"private" not in answer.data
