"""WSGI middleware that batches payments: deposits, withdrawals and transfers at `/api`.

It batches valid requests; every other request (a bad token, another content type, a session over its rate limit) falls
through to the app, which writes every refusal. The transaction service answers each batched request, refusals
included, as if it had come alone.
"""

import io
import logging
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from queue import SimpleQueue
from typing import TYPE_CHECKING
from uuid import UUID

from api_gateway.clients.transaction import BatchedReply, BatchedRequest, PaymentClient
from api_gateway.web import browser_security
from api_gateway.web.limits.rate_limits import TokenBuckets
from shared.concurrency.batching import Batcher
from shared.core.errors import AppError
from shared.http import request_ids
from shared.security.tokens import TokenVerifier, UserClaims, bearer_token
from shared.web import responses
from shared.web.idempotency_keys import MAX_LENGTH
from shared.web.logs import AnsweredRequest
from shared.web.recording import Recorder
from shared.web.serving import DEFERRED_RESPONSE, OPEN_CONNECTIONS, SendResponse
from shared.web.validation import host_header

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KINDS = {f"/api/transactions/{kind}": kind for kind in ("deposit", "withdraw", "transfer")}
JSON_TYPES = frozenset({"application/json", "application/json;charset=utf-8"})
LONGEST_BODY = 2048
# JSON text never contains these control bytes. Escaped in the batch they take six times their size, which could push
# the whole call over its size limit.
HAS_CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]").search
BEGIN_WITHIN_SECONDS = 1.0
WORKERS = 2
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _QueuedPayment:
    """A payment request in the queue, with its user and the function that sends the response."""

    environ: "WSGIEnvironment"
    request: BatchedRequest
    user_id: UUID
    answer: SendResponse
    began_at: float


class PaymentBatching:
    """WSGI middleware that queues valid payments and passes every other request on to `app`.

    Where the server supports deferred responses, a queued payment holds no thread. A payment that no batch has taken
    within `BEGIN_WITHIN_SECONDS` is refused.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        client: PaymentClient,
        *,
        verifier: TokenVerifier,
        buckets: TokenBuckets,
        recorder: Recorder,
        always_https: bool = False,
    ) -> None:
        self._app, self._client, self._always_https = app, client, always_https
        self._verifier, self._buckets, self._recorder = verifier, buckets, recorder
        self._batches: Batcher[_QueuedPayment] = Batcher(
            self._carry_out,
            self._refuse,
            name="payment-batching",
            begin_within_seconds=BEGIN_WITHIN_SECONDS,
            workers=WORKERS,
            max_waiting=OPEN_CONNECTIONS,
        )

    def start(self) -> None:
        """Start the worker threads."""
        self._batches.start()

    def stop(self) -> None:
        """Finish the queued payments and stop the worker threads."""
        self._batches.stop()

    def expire(self) -> None:
        """Refuse payments that have waited for too long. Call it periodically."""
        self._batches.expire()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Queue the request if it is a valid payment; otherwise pass it on to the app."""
        began_at = time.perf_counter()
        kind = KINDS.get(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "POST" else None
        token = bearer_token(environ.get("HTTP_AUTHORIZATION")) if kind and not environ.get("QUERY_STRING") else None
        user_id = self._authorized_user(environ, token) if token else None
        request = _to_batched_request(environ, kind, token) if kind and token and user_id else None
        if user_id is None or request is None:
            return self._app(environ, start_response)
        if deferred := environ.pop(DEFERRED_RESPONSE, None):
            self._batches.submit(_QueuedPayment(environ, request, user_id, deferred.defer(), began_at))
            return []
        answered: SimpleQueue[tuple[int, list[tuple[str, str]], bytes]] = SimpleQueue()
        self._batches.submit(_QueuedPayment(environ, request, user_id, lambda *answer: answered.put(answer), began_at))
        status, headers, body = answered.get()
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

    def _authorized_user(self, environ: "WSGIEnvironment", token: str) -> UUID | None:
        """Return the user of a valid request within its rate limit, or None to pass the request on to the app."""
        if not _is_short_json(environ) or not host_header.is_valid(environ):
            return None
        if len(environ.get("HTTP_IDEMPOTENCY_KEY", "")) > MAX_LENGTH:
            return None
        try:
            claims = self._verifier.verify(token)
        except AppError:
            return None
        if not isinstance(claims, UserClaims) or self._buckets.take(str(claims.session_id)):
            return None
        return claims.user_id

    def _carry_out(self, payments: list[_QueuedPayment]) -> None:
        """Send a batch and answer each of its payments.

        All responses are sent in one loop without blocking calls: after each of them this thread would compete for the
        GIL again.
        """
        answered = []
        for payment, answer in zip(payments, self._replies(payments), strict=True):
            try:
                answered.append(self._answer(payment, answer))
            except Exception:
                _log.exception("an answer could not be handed over")
        self._recorder.record(answered)

    def _replies(self, payments: list[_QueuedPayment]) -> Sequence[BatchedReply]:
        try:
            return self._client.carry_out([payment.request for payment in payments])
        except Exception as error:
            return [_to_reply(error)] * len(payments)

    def _refuse(self, payment: _QueuedPayment, error: Exception) -> None:
        self._recorder.record([self._answer(payment, _to_reply(error))])

    def _answer(self, payment: _QueuedPayment, answer: BatchedReply) -> AnsweredRequest:
        request_id, path = payment.request.request_id, payment.environ["PATH_INFO"]
        own = browser_security.headers("https" if self._always_https else payment.environ["wsgi.url_scheme"])
        headers = own | answer.headers | {request_ids.HEADER: request_id}
        payment.answer(answer.status, list(headers.items()), answer.body.encode())
        seconds = time.perf_counter() - payment.began_at
        return AnsweredRequest("POST", path, answer.status, seconds, payment.user_id, request_id)


def _to_reply(error: Exception) -> BatchedReply:
    failure = responses.failure(responses.to_app_error(error))
    return BatchedReply(failure.status_code, dict(failure.headers), failure.get_data(as_text=True))


def _is_short_json(environ: "WSGIEnvironment") -> bool:
    if environ.get("CONTENT_TYPE", "").replace(" ", "").lower() not in JSON_TYPES or "HTTP_CONTENT_ENCODING" in environ:
        return False
    length = environ.get("CONTENT_LENGTH") or ""
    return length.isdecimal() and int(length) <= LONGEST_BODY


def _to_batched_request(environ: "WSGIEnvironment", kind: str, token: str) -> BatchedRequest | None:
    """Return the request for the batch, or None when its body can't be batched.

    Body and request id are put back into `environ`, so that the app can still read them.
    """
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = io.BytesIO(body)
    environ["HTTP_X_REQUEST_ID"] = request_id = request_ids.accepted_or_new(environ.get("HTTP_X_REQUEST_ID"))
    if HAS_CONTROL_BYTES(body):
        return None
    try:
        return BatchedRequest(kind, token, environ.get("HTTP_IDEMPOTENCY_KEY"), request_id, body.decode())
    except UnicodeDecodeError:
        return None
