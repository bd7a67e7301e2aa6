"""SIGKILL at named points of the protocol: between every two steps of the table in docs/ARCHITECTURE.md."""

import os
import random
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests

from tests.faults.bank import ANSWER_SECONDS, FaultyBank
from tests.faults.failing import FailingMachine
from tests.faults.load import SEED, Load, Payer
from tests.faults.wire import Exchange, Fault, Wire, reset
from tests.support.processes import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
Kill = Callable[[], None]
TRANSACTION, ACCOUNT, GATEWAY = "transaction-service", "account-service", "api-gateway"


def before(kill: Kill) -> Fault:
    """Kill the process and drop the request."""

    def fault(exchange: Exchange) -> None:
        kill()
        exchange.reset()

    return fault


def on_the_way(kill: Kill) -> Fault:
    """Kill the process and deliver the request nevertheless."""

    def fault(exchange: Exchange) -> None:
        kill()
        exchange.deliver()
        exchange.reset()

    return fault


def meanwhile(kill: Kill) -> Fault:
    """Kill the process at a random moment while it handles the request."""

    def fault(exchange: Exchange) -> None:
        killing = threading.Timer(random.Random(SEED).uniform(0, 0.01), kill)
        killing.start()
        exchange.answer(exchange.deliver())
        killing.join()

    return fault


def after(kill: Kill) -> Fault:
    """Kill the process after it has handled the request, and drop the response."""

    def fault(exchange: Exchange) -> None:
        exchange.deliver()
        kill()
        exchange.reset()

    return fault


POINTS: list[tuple[str, str, Callable[[Kill], Fault], str]] = [
    ("before 1", TRANSACTION, before, TRANSACTION),
    ("in 1", ACCOUNT, before, TRANSACTION),
    ("between 1 and 2, the asker", ACCOUNT, on_the_way, TRANSACTION),
    ("between 1 and 2, the ledger", ACCOUNT, before, ACCOUNT),
    ("in 2", ACCOUNT, meanwhile, ACCOUNT),
    ("between 2 and 3, the asker", ACCOUNT, after, TRANSACTION),
    ("between 2 and 3, the ledger", ACCOUNT, after, ACCOUNT),
    ("in 3 or 4", TRANSACTION, meanwhile, TRANSACTION),
    ("after 4", TRANSACTION, after, TRANSACTION),
    ("after 4, the gateway", TRANSACTION, after, GATEWAY),
]
"""Each has a name, the wire whose message is held, the moment of the kill and the process that is killed."""
DECIDED = "between 2 and 3, the asker"


class Wires:
    """The proxies in front of the transaction service and of the ledger."""

    def __init__(self, bank: FaultyBank) -> None:
        self._by_target = {
            TRANSACTION: bank.wire_to(TRANSACTION, "/internal/requests"),
            ACCOUNT: bank.wire_to(ACCOUNT, "/internal/postings"),
        }

    def __getitem__(self, name: str) -> Wire:
        return self._by_target[name]


def test_a_process_killed_after_the_decision_loses_nothing(still_bank: FaultyBank) -> None:
    kill_at(still_bank, [DECIDED])


@pytest.mark.long
@pytest.mark.parametrize("wire", [TRANSACTION, ACCOUNT])
def test_processes_killed_at_each_point_before_and_behind_a_service_lose_nothing(
    still_bank: FaultyBank, wire: str
) -> None:
    kill_at(still_bank, [name for name, its_wire, *_ in POINTS if its_wire == wire and name != DECIDED])


def kill_at(bank: FaultyBank, names: list[str]) -> None:
    """Kill a process at each of these points under load, one after the other, and check the history."""
    wires = Wires(bank)
    bank.start()
    load = Load(bank)
    with load.running():
        for _, wire, moment, victim in (point for point in POINTS if point[0] in names):
            load.wait_for_more()
            process_id = bank.process_id(victim)
            assert process_id
            wires[wire].inject(moment(partial(os.kill, process_id, signal.SIGKILL)))
            bank.wait_until_healthy()
        load.wait_for_more()
    load.require_valid()


class Deposit:
    """One deposit of 1.00 into an account with 100.00, without other load."""

    def __init__(self, bank: FaultyBank) -> None:
        self._bank = bank
        self._customer = Payer.of(bank, "ada", accounts=1, opening="100.00")

    def ask(self) -> int:
        """Send the deposit and return the status of the response."""
        body = {"account_id": self._customer.account_ids[0], "amount": "1.00", "description": "one"}
        headers = {"Authorization": f"Bearer {self._customer.token}"}
        url = f"{self._bank.gateway}/api/transactions/deposit"
        return requests.post(url, json=body, headers=headers, timeout=ANSWER_SECONDS).status_code

    def wait_for(self, status: str) -> None:
        """Wait until the transaction has this status."""
        eventually(lambda: self._is(status), within_seconds=30, what=f"the deposit is {status}")

    def _is(self, status: str) -> bool:
        path = f"/api/transactions/list?status={status}"
        answer = requests.get(
            self._bank.gateway + path,
            headers={"Authorization": f"Bearer {self._customer.token}"},
            timeout=ANSWER_SECONDS,
        )
        return answer.ok and "one" in [row["description"] for row in answer.json()["transactions"]]

    def balance(self) -> str:
        """Return the balance of the account."""
        path = f"/api/accounts/details/{self._customer.account_ids[0]}"
        balance: str = self._bank.call("GET", path, self._customer.token)["account"]["balance"]
        return balance


@pytest.mark.long
def test_a_resend_of_a_killed_process_is_finished_by_the_next(still_bank: FaultyBank) -> None:
    bank, wires = still_bank, Wires(still_bank)
    bank.start()
    deposit = Deposit(bank)

    def kill() -> None:
        bank.send_signal(TRANSACTION, signal.SIGKILL)

    wires[ACCOUNT].inject_later(reset)
    second_time = wires[ACCOUNT].inject_later(after(kill))
    assert deposit.ask() == 202
    second_time(30)
    deposit.wait_for("completed")
    assert deposit.balance() == "101.00"


@pytest.mark.long
def test_a_voided_order_can_not_be_posted_later(still_bank_on_machine: FaultyBank, machine: FailingMachine) -> None:
    """The order is delayed and arrives after the transaction was reported as failed."""
    bank, wire = still_bank_on_machine, Wires(still_bank_on_machine)[ACCOUNT]
    bank.start()
    deposit = Deposit(bank)
    is_on_the_way, may_arrive = threading.Event(), threading.Event()
    answers: list[bytes] = []

    def held_up(exchange: Exchange) -> None:
        is_on_the_way.set()
        may_arrive.wait(60)
        answers.append(exchange.deliver())

    arrival = wire.inject_later(held_up)
    with ThreadPoolExecutor(1) as customer:
        asking = customer.submit(deposit.ask)
        assert is_on_the_way.wait(10)
        with machine.clock_ahead(300):
            assert asking.result() == 202
            deposit.wait_for("failed")
        may_arrive.set()
        arrival(20)
    assert b'"outcome":"void"' in answers[0]
    assert deposit.balance() == "100.00"
