"""The rules of the ledger on a real database, for several test files."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

from flask import Flask

from account_service import account_logic, ledger_logic
from account_service.account_models import Account, db
from account_service.account_schemas import NewAccount
from account_service.common_service import Tools
from account_service.ledger_schemas import Decision, Order
from shared.core import clock
from shared.core.errors import AppError
from shared.web.access import Caller
from shared.web.parts import part

OWNER, STRANGER = uuid4(), uuid4()
Posted = SimpleNamespace
"""The fields of an order and of its result, as other services read them."""


class Ledger:
    """The rules of the ledger on a real database, without the network."""

    def __init__(self, app: Flask) -> None:
        self.accounts = part(Tools, app).accounts
        self.storage = part(Tools, app).ledger
        self.app = app
        self.is_sqlite = db.writer.dialect.name == "sqlite"

    def open(self, owner: UUID = OWNER, balance_minor: int = 0) -> Account:
        account = account_logic.open_account(self.accounts, owner, NewAccount(account_type="checking"))
        if balance_minor:
            assert self.post(order(to=account, amount=balance_minor, user=owner)).outcome == "posted"
        return account

    def post(self, *orders: Order) -> Posted:
        return self.post_all(*orders)[0]

    def post_all(self, *orders: Order) -> list[Posted]:
        return [posting for _verdict, posting in self.decide(*orders)]

    def decide(self, *orders: Order) -> list[tuple[str, Posted]]:
        """Return the verdict on each order, with its posting."""
        return _pair_with_verdicts(orders, ledger_logic.post(self.storage, list(orders)))

    def void(self, order: Order) -> Posted:
        return _pair_with_verdicts([order], ledger_logic.void(self.storage, [order]))[0][1]

    def last_sequence(self) -> int:
        return max((posting.sequence for posting in self.postings()), default=0)

    def postings(self, after: int = 0) -> list[Posted]:
        """Return all postings of the feed after a sequence, read page by page."""
        found: list[Posted] = []
        while page := ledger_logic.list_after(self.storage, found[-1].sequence if found else after, 20):
            found += [Posted(**{**posting["order"], **posting["result"]}) for posting in page]
        return found

    def balance(self, account: Account) -> int:
        self.accounts.refresh()
        found = self.accounts.find_account(account.id)
        assert found is not None
        assert found.balance_minor == self.storage.entries.sum_of(account.id.hex)
        return found.balance_minor


def _pair_with_verdicts(orders: Sequence[Order], decisions: list[Decision]) -> list[tuple[str, Posted]]:
    return [
        (decision["verdict"], Posted(**{**(decision["order"] or order), **decision["result"]}))
        for order, decision in zip(orders, decisions, strict=True)
    ]


def order(
    *,
    source: Account | None = None,
    to: Account | None = None,
    amount: int = 100,
    user: UUID = OWNER,
    reverses: str | None = None,
    key: str | None = None,
    **more: Any,
) -> Order:
    content: dict[str, Any] = {
        "transaction_type": "reversal" if reverses else "transfer",
        "user_id": user.hex,
        "amount_minor": amount,
        "from_account_id": source.id.hex if source else None,
        "to_account_id": to.id.hex if to else None,
        "to_account_number": None,
        "reverses_id": reverses,
        "description": None,
        "request_id": None,
        **more,
    }
    fingerprint = sha256(repr(sorted(content.items())).encode()).hexdigest()
    mark = {"transaction_id": uuid4().hex, "fingerprint": fingerprint, "idempotency_key": key}
    return cast(Order, {**content, **mark, "requested_at": clock.now()})


def with_changes(order: Order, **changes: Any) -> Order:
    return cast(Order, {**order, **changes})


def caller(user_id: UUID = OWNER) -> Caller:
    return Caller(user_id, "somebody", "customer", uuid4(), "")


def in_parallel(ledger: Ledger, *tasks: object) -> list[object]:
    """Run the tasks concurrently, each in its own thread. An AppError is returned as its code."""
    barrier = threading.Barrier(len(tasks))

    def run(task: object) -> object:
        with ledger.app.app_context():
            barrier.wait()
            try:
                return task()  # type: ignore[operator]  # lambdas with defaults have no type
            except AppError as error:
                return error.code

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))
