"""The rules of transactions that need no database."""

from uuid import uuid4

from shared.core.clock import now
from shared.web.access import Caller
from transaction_service.transaction_logic import Origin, new_order


def test_an_order_keeps_its_fingerprint_across_releases() -> None:
    """An idempotency key that was used before an upgrade must identify the same request after it."""
    order = new_order(
        Caller(uuid4(), "ada", "customer", uuid4(), ""),
        "transfer",
        1250,
        Origin(uuid4().hex, "key", None, now()),
        description='für "A"',
        to_account_number="1234567897",
        from_account_id="0190f7a0000070008000000000000001",
    )
    assert order["fingerprint"] == "8291c8ddb40cb3d9c79ca3e3cd58090634153b4261ba532de401402b3a5e9741"
