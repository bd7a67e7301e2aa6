"""The short way for money: deposits, withdrawals and transfers at `/api`, many at a time when many come.

It takes what is in order and lets all else (a bad token, another content type, an address that asks too often, a
request that the transaction service can't take up with others) go the long way through the app, where every other
request goes and every refusal is written. What it answers itself looks as if it had come that way.
"""

import io
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID

from api_gateway.gateway_clients import GatheredAnswer, GatheredRequest
from shared import admission, answers, browser_security, logs, request_ids
from shared.batching import Batcher
from shared.errors import AppError
from shared.fair_lock import FairLock
from shared.metrics import Metrics
from shared.rate_limits import TokenBuckets
from shared.tokens import TokenVerifier, UserClaims

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KINDS = {f"/api/transactions/{kind}": kind for kind in ("deposit", "withdraw", "transfer")}
LONGEST_BODY = 2048
BEGIN_WITHIN_SECONDS = 2.0
MoneyBatches = Batcher[GatheredRequest, GatheredAnswer | None]


class MoneyLane:
    """WSGI: before `app`, which takes all that this does not."""

    def __init__(
        self,
        app: "WSGIApplication",
        batches: MoneyBatches,
        *,
        verifier: TokenVerifier,
        buckets: TokenBuckets,
        places: FairLock,
        metrics: Metrics,
    ) -> None:
        self._app, self._batches = app, batches
        self._verifier, self._buckets, self._places, self._metrics = verifier, buckets, places, metrics

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer here, or let the app answer."""
        began_at = time.perf_counter()
        kind = KINDS.get(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "POST" else None
        user_id = self._may_take(environ) if kind else None
        if kind is None or user_id is None or environ.get("QUERY_STRING"):
            return self._app(environ, start_response)
        request_id = request_ids.taken_or_made(environ.get("HTTP_X_REQUEST_ID"))
        environ["HTTP_X_REQUEST_ID"] = request_id
        with request_ids.working_for(request_id):
            request = _gathered(environ, kind, request_id)
            answer = self._answer(request) if request else None
            if answer is None:
                return self._app(environ, start_response)
            seconds = time.perf_counter() - began_at
            logs.log_request("POST", environ["PATH_INFO"], answer.status, seconds, user_id)
            self._metrics.count("POST", environ["PATH_INFO"], answer.status, seconds)
        headers = (
            browser_security.headers(environ["wsgi.url_scheme"]) | answer.headers | {request_ids.HEADER: request_id}
        )
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(headers.items()))
        return [answer.body.encode()]

    def _may_take(self, environ: "WSGIEnvironment") -> UUID | None:
        """Whose request this is, when it is in order and not one too many; None for the long way."""
        kind, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if kind.lower() != "bearer" or not _is_short_json(environ):
            return None
        try:
            claims = self._verifier.verify(token)
        except AppError:
            return None
        if not isinstance(claims, UserClaims) or self._buckets.take(str(claims.session_id)):
            return None
        return claims.user_id

    def _answer(self, request: GatheredRequest) -> GatheredAnswer | None:
        try:
            with self._places.hold(admission.LONGEST_WAIT_SECONDS):
                return self._batches.submit(request, begin_within_seconds=BEGIN_WITHIN_SECONDS)
        except Exception as error:
            failure = answers.failure(answers.as_told(error))
            return GatheredAnswer(failure.status_code, dict(failure.headers), failure.get_data(as_text=True))


def _is_short_json(environ: "WSGIEnvironment") -> bool:
    content_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    length = environ.get("CONTENT_LENGTH") or ""
    return content_type == "application/json" and length.isdecimal() and int(length) <= LONGEST_BODY


def _gathered(environ: "WSGIEnvironment", kind: str, request_id: str) -> GatheredRequest | None:
    """The request as the transaction service takes it; its body stays there to be read again on the long way."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = io.BytesIO(body)
    token = environ["HTTP_AUTHORIZATION"].partition(" ")[2]
    try:
        return GatheredRequest(kind, token, environ.get("HTTP_IDEMPOTENCY_KEY"), request_id, body.decode())
    except UnicodeDecodeError:
        return None
