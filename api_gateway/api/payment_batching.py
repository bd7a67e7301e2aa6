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
from functools import partial
from http import HTTPStatus
from queue import SimpleQueue
from typing import TYPE_CHECKING
from uuid import UUID

from api_gateway.clients.transaction import BatchedReply, BatchedRequest, PaymentClient
from api_gateway.web import browser_security
from api_gateway.web.rate_limits import TokenBuckets
from shared.concurrency.batching import Batcher
from shared.core.errors import AppError
from shared.http import request_ids
from shared.security.tokens import TokenVerifier, UserClaims, bearer_token
from shared.web import host_header, responses
from shared.web.idempotency_keys import MAX_LENGTH
from shared.web.logs import AnsweredRequest
from shared.web.recording import Recorder
from shared.web.serving import DEFERRED_RESPONSE, OPEN_CONNECTIONS, SendResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KINDS = {f"/api/transactions/{kind}": kind for kind in ("deposit", "withdraw", "transfer")}
JSON_TYPES = frozenset({"application/json", "application/json;charset=utf-8"})
LONGEST_BODY = 2048
# No JSON has these bytes. Six times as long as text in the call, they could make it too large for all that are in it.
GROWS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]").search
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
    """WSGI: before `app`, which takes all that this does not. Where the server can answer later, no thread waits.

    So a crowd may wait here, for a second; who has not been taken along by then is refused.
    """

    def __init__(
        self,
        app: "WSGIApplication",
        client: PaymentClient,
        *,
        verifier: TokenVerifier,
        buckets: TokenBuckets,
        recorder: Recorder,
    ) -> None:
        self._app, self._client = app, client
        self._verifier, self._buckets, self._recorder = verifier, buckets, recorder
        self._batches: Batcher[_QueuedPayment, None] = Batcher(
            self._carry_out, name="payment-batching", workers=WORKERS, max_waiting=OPEN_CONNECTIONS
        )

    def start(self) -> None:
        """Begin to send."""
        self._batches.start()

    def stop(self) -> None:
        """Let all that are on their way arrive."""
        self._batches.stop()

    def expire(self) -> None:
        """Refuse those who have waited for too long; to be called again and again."""
        self._batches.expire()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer here, or let the app answer."""
        began_at = time.perf_counter()
        kind = KINDS.get(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "POST" else None
        token = bearer_token(environ.get("HTTP_AUTHORIZATION")) if kind and not environ.get("QUERY_STRING") else None
        user_id = self._may_take(environ, token) if token else None
        request = _batched(environ, kind, token) if kind and token and user_id else None
        if user_id is None or request is None:
            return self._app(environ, start_response)
        if deferred := environ.pop(DEFERRED_RESPONSE, None):
            self._send(_QueuedPayment(environ, request, user_id, deferred.defer(), began_at))
            return []
        answered: SimpleQueue[tuple[int, list[tuple[str, str]], bytes]] = SimpleQueue()
        self._send(_QueuedPayment(environ, request, user_id, lambda *answer: answered.put(answer), began_at))
        status, headers, body = answered.get()
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

    def _may_take(self, environ: "WSGIEnvironment", token: str) -> UUID | None:
        """Whose request this is, when it is in order and not one too many; None to let the app answer."""
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

    def _send(self, payment: _QueuedPayment) -> None:
        """Let it go with others; it ends with an answer, whatever happens."""
        try:
            self._batches.submit_nowait(payment, partial(self._end, payment), begin_within_seconds=BEGIN_WITHIN_SECONDS)
        except Exception as error:
            self._refuse(payment, error)

    def _end(self, payment: _QueuedPayment, result: Exception | None) -> None:
        """What was carried out has its answer; what was given up gets it here."""
        if result is not None:
            self._refuse(payment, result)

    def _carry_out(self, payments: list[_QueuedPayment]) -> Sequence[None]:
        """Send them together and answer each.

        They are answered by one thread in one go: with anything slow in between, it would have to wait for its turn
        after each.
        """
        answered = []
        for payment, answer in zip(payments, self._answers(payments), strict=True):
            try:
                answered.append(self._answer(payment, answer))
            except Exception:
                _log.exception("an answer could not be handed over")
        self._recorder.record(answered)
        return [None] * len(payments)

    def _answers(self, payments: list[_QueuedPayment]) -> Sequence[BatchedReply]:
        try:
            return self._client.carry_out([payment.request for payment in payments])
        except Exception as error:
            return [_told(error)] * len(payments)

    def _refuse(self, payment: _QueuedPayment, error: Exception) -> None:
        self._recorder.record([self._answer(payment, _told(error))])

    def _answer(self, payment: _QueuedPayment, answer: BatchedReply) -> AnsweredRequest:
        request_id, path = payment.request.request_id, payment.environ["PATH_INFO"]
        own = browser_security.headers(payment.environ["wsgi.url_scheme"])
        headers = own | answer.headers | {request_ids.HEADER: request_id}
        payment.answer(answer.status, list(headers.items()), answer.body.encode())
        seconds = time.perf_counter() - payment.began_at
        return AnsweredRequest("POST", path, answer.status, seconds, payment.user_id, request_id)


def _told(error: Exception) -> BatchedReply:
    failure = responses.failure(responses.as_told(error))
    return BatchedReply(failure.status_code, dict(failure.headers), failure.get_data(as_text=True))


def _is_short_json(environ: "WSGIEnvironment") -> bool:
    if environ.get("CONTENT_TYPE", "").replace(" ", "").lower() not in JSON_TYPES or "HTTP_CONTENT_ENCODING" in environ:
        return False
    length = environ.get("CONTENT_LENGTH") or ""
    return length.isdecimal() and int(length) <= LONGEST_BODY


def _batched(environ: "WSGIEnvironment", kind: str, token: str) -> BatchedRequest | None:
    """The request as the transaction service takes it; its body and id stay there for the app to read."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = io.BytesIO(body)
    environ["HTTP_X_REQUEST_ID"] = request_id = request_ids.taken_or_made(environ.get("HTTP_X_REQUEST_ID"))
    if GROWS(body):
        return None
    try:
        return BatchedRequest(kind, token, environ.get("HTTP_IDEMPOTENCY_KEY"), request_id, body.decode())
    except UnicodeDecodeError:
        return None
