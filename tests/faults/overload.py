"""Clients that overload the gateway: far more connections than the bank can serve, each of which retries immediately.

They run in one asyncio thread, so that they use little processor time.
"""

import asyncio
import itertools
import json
import random
import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from tests.faults.bank import FaultyBank
from tests.faults.history import Operation
from tests.faults.load import SEED, Payer

RESPONSE_SECONDS = 15
AMOUNT_MINOR = 1


@dataclass(frozen=True)
class TimedResponse:
    """The response to a transfer; status 0 without a response."""

    status: int
    retry_after: str | None
    operation: Operation

    @property
    def seconds(self) -> float:
        """The duration of the request."""
        return self.operation.ended_at - self.operation.began_at


class ConcurrentClients:
    """`size` connections that each transfer a cent repeatedly, whatever the response."""

    def __init__(self, bank: FaultyBank, customers: list[Payer], size: int) -> None:
        where = urlsplit(bank.gateway)
        self._host, self._port = str(where.hostname), int(where.port or 0)
        self._customers, self._size = customers, size
        self._accounts = [account for customer in customers for account in customer.account_ids]
        self._rng = random.Random(SEED)
        self._numbers = itertools.count()
        self._responses: list[TimedResponse] = []

    def run(self, seconds: float) -> list[TimedResponse]:
        """Send transfers for `seconds`, wait for the last response and return all responses."""
        asyncio.run(self._run_all(time.monotonic() + seconds))
        return self._responses

    async def _run_all(self, until: float) -> None:
        customers = itertools.islice(itertools.cycle(self._customers), self._size)
        await asyncio.gather(*(self._run_connection(customer, until) for customer in customers))

    async def _run_connection(self, customer: Payer, until: float) -> None:
        """Send transfers on one connection until `until`, and reconnect after a response with `Connection: close`."""
        while time.monotonic() < until:
            reader, writer = await asyncio.open_connection(self._host, self._port)
            try:
                is_open = True
                while is_open and time.monotonic() < until:
                    response, is_open = await self._ask(reader, writer, customer)
                    self._responses.append(response)
                    if not response.status:
                        return
            finally:
                writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, customer: Payer
    ) -> tuple[TimedResponse, bool]:
        """Send a transfer. Return the response, and whether the connection stays open."""
        source = self._rng.choice(customer.account_ids)
        target = self._rng.choice([account for account in self._accounts if account != source])
        operation = Operation(f"overload-{next(self._numbers)}", AMOUNT_MINOR, source, target)
        began_at = time.monotonic()
        try:
            async with asyncio.timeout(RESPONSE_SECONDS):
                writer.write(_request(customer.token, operation))
                status, headers, body = await _answer(reader)
        except (OSError, EOFError, TimeoutError):
            status, headers, body = 0, {}, b""
        operation = replace(operation, began_at=began_at, ended_at=time.monotonic(), **_outcome(status, body))
        return TimedResponse(status, headers.get("retry-after"), operation), headers.get("connection") != "close"


def _outcome(status: int, body: bytes) -> dict[str, Any]:
    """Return the outcome of an operation by its response. An overload response also means refused."""
    if status == 201:
        return {"answer": "acknowledged", "returned_ids": frozenset({json.loads(body)["transaction"]["id"]})}
    is_refused = status in (429, 503) and not json.loads(body)["details"]
    return {"answer": "refused" if is_refused else "unknown"}


def _request(token: str, operation: Operation) -> bytes:
    body = json.dumps(
        {
            "from_account_id": operation.source,
            "to_account_id": operation.target,
            "amount": f"{operation.amount_minor / 100:.2f}",
            "description": operation.marker,
        }
    )
    lines = (
        "POST /api/transactions/transfer HTTP/1.1",
        "Host: bank",
        f"Authorization: Bearer {token}",
        f"Idempotency-Key: {operation.marker}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join([*lines, "", body]).encode()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read a response: status, headers by lower-case name, and body, whose length the bank always sends."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))
