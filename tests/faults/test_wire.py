"""Lost, late, duplicated, truncated and unanswered messages before and behind the transaction service."""

import random
import time

import pytest

from tests.faults import wire
from tests.faults.bank import FaultyBank
from tests.faults.load import ROUNDS, SEED, Load

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(900)]
FAULTS = [
    wire.reset,
    wire.answer_lost,
    wire.half_an_answer,
    wire.nonsense,
    wire.black_hole,
    wire.silence,
    wire.late,
    wire.doubled,
]


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("account-service", "/internal/postings"),
        ("transaction-service", "/internal/requests"),
    ],
    ids=["to the ledger", "to the transaction service"],
)
def test_nothing_is_lost_or_doubled_on_a_bad_wire(still_bank: FaultyBank, service: str, path: str) -> None:
    bank = still_bank
    bad_wire = bank.wire_to(service, path)
    bank.start()
    rng = random.Random(f"{SEED}-{service}")
    load = Load(bank)
    with load.running():
        for fault in rng.sample(FAULTS * ROUNDS, len(FAULTS) * ROUNDS):
            bad_wire.inject(fault)
            time.sleep(rng.uniform(0, 0.3))
    load.require_valid()
