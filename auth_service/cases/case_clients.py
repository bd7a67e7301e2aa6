"""Client for the transaction service: whether a transaction is a customer's own."""

import time
from uuid import UUID

from shared.http.client import Peer

SECONDS = 3.0


class PaymentClient:
    """Asks the service that owns transactions."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def own(self, token: str, transaction_id: UUID) -> UUID:
        """Return the id of a transaction of the token's bearer; pending transactions may be found by another id.

        Raises NotFound for a transaction of somebody else and for one that does not exist, and ServiceUnavailable.
        """
        peer = self._peer.until(time.monotonic() + SECONDS)
        return UUID(peer.call("GET", f"/api/transactions/own/{transaction_id}", token=token)["transaction_id"])
