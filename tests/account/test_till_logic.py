"""Random days at the counter, compared with plain numbers by Hypothesis; tills under concurrent bookings."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from account_service import till_logic
from account_service.account_models import (
    OPEN_TILL_ID,
    OVER_AND_SHORT_ACCOUNT_ID,
    VAULT_ACCOUNT_ID,
    Account,
    Till,
)
from account_service.common_service import Tools
from account_service.ledger_schemas import Order
from account_service.till_schemas import NewTill, TillCount
from account_service.till_storage import TillStorage
from shared.web.parts import part
from tests.account.ledger import Ledger, in_parallel, order, with_changes
from tests.support.desk import sum_of_all_balances


def tills_of(ledger: Ledger) -> TillStorage:
    return part(Tools, ledger.app).tills


def open_till(ledger: Ledger, teller: UUID, float_minor: int = 1_000) -> Till:
    return till_logic.open_till(tills_of(ledger), ledger.storage, NewTill(user_id=teller, float_minor=float_minor))


def close_till(ledger: Ledger, till_id: UUID, counted_minor: int) -> Till:
    count = TillCount(closed_by=uuid4(), counted_minor=counted_minor)
    return till_logic.close_till(tills_of(ledger), ledger.storage, till_id, count)


def cash(ledger: Ledger, till_id: UUID) -> int:
    tills = tills_of(ledger)
    tills.refresh()
    found = till_logic.details(tills, till_id)
    assert found.cash_minor == -ledger.storage.entries.sum_of(till_id.hex)
    return found.cash_minor


def booking(teller: UUID, account: Account, amount: int, *, pays_in: bool) -> Order:
    """Return the order of a cash deposit or withdrawal at the counter."""
    sides = ({"to": account}, "from_account_id") if pays_in else ({"source": account}, "to_account_id")
    kind = "deposit" if pays_in else "withdrawal"
    parties: dict[str, Any] = sides[0]
    made = order(**parties, amount=amount, user=teller, key=str(uuid4()), transaction_type=kind)
    return with_changes(made, **{sides[1]: OPEN_TILL_ID})


@dataclass
class Drawer:
    """What a till should hold, as its employee keeps it on paper."""

    id: UUID
    opening: int
    paid_in: int = 0
    paid_out: int = 0
    booked: list[tuple[Order, int]] = field(default_factory=list)

    @property
    def expected(self) -> int:
        return self.opening + self.paid_in - self.paid_out


class CounterAgainstNumbers(RuleBasedStateMachine):
    """Any tills, bookings, reversals and counts: each till holds its float plus deposits minus withdrawals."""

    ledger: Ledger
    tellers = st.integers(0, 1)
    amounts = st.integers(1, 150)

    @initialize(balances=st.lists(st.integers(0, 200), min_size=2, max_size=2))
    def begin(self, balances: list[int]) -> None:
        self.people = [uuid4(), uuid4()]
        self.owner = uuid4()
        self.accounts = [self.ledger.open(self.owner, balance_minor=balance) for balance in balances]
        self.balances = list(balances)
        self.drawers: dict[int, Drawer] = {}
        self.vault, self.differences = (self.held(one) for one in (VAULT_ACCOUNT_ID, OVER_AND_SHORT_ACCOUNT_ID))

    def held(self, account_id: str) -> int:
        return self.ledger.storage.entries.sum_of(account_id)

    @rule(teller=tellers, opening=st.integers(0, 300))
    def open_a_till(self, teller: int, opening: int) -> None:
        if teller in self.drawers:
            return
        self.drawers[teller] = Drawer(open_till(self.ledger, self.people[teller], opening).id, opening)
        self.vault += opening

    @rule(
        moves=st.lists(
            st.tuples(tellers, st.integers(0, 1), amounts, st.booleans()),
            min_size=1,
            max_size=4,
        )
    )
    def book_a_batch(self, moves: list[tuple[int, int, int, bool]]) -> None:
        orders, expected = [], []
        for teller, place, amount, pays_in in moves:
            orders.append(booking(self.people[teller], self.accounts[place], amount, pays_in=pays_in))
            expected.append(self.outcome(teller, place, amount, pays_in=pays_in))
            drawer = self.drawers.get(teller)
            if drawer is None or expected[-1]:
                continue
            drawer.booked.append((orders[-1], place))
            self.balances[place] += amount if pays_in else -amount
            drawer.paid_in += amount if pays_in else 0
            drawer.paid_out += 0 if pays_in else amount
        assert [posting.reason for posting in self.ledger.post_all(*orders)] == expected

    def outcome(self, teller: int, place: int, amount: int, *, pays_in: bool) -> str | None:
        if teller not in self.drawers:
            return "TILL_NOT_OPEN"
        if not pays_in and self.balances[place] < amount:
            return "INSUFFICIENT_FUNDS"
        return "TILL_SHORT" if not pays_in and self.drawers[teller].expected < amount else None

    @rule(teller=tellers, data=st.data())
    def reverse_one(self, teller: int, data: st.DataObject) -> None:
        drawer = self.drawers.get(teller)
        if drawer is None or not drawer.booked:
            return
        booked, place = drawer.booked.pop(data.draw(st.integers(0, len(drawer.booked) - 1)))
        amount, was_paid_in = booked["amount_minor"], booked["transaction_type"] == "deposit"
        reversal = order(amount=amount, user=uuid4(), reverses=booked["transaction_id"])
        sides = {
            "from_account_id": booked["to_account_id"] if was_paid_in else drawer.id.hex,
            "to_account_id": drawer.id.hex if was_paid_in else booked["from_account_id"],
        }
        outcome = self.ledger.post(with_changes(reversal, **sides)).outcome
        possible = not was_paid_in or min(self.balances[place], drawer.expected) >= amount
        assert outcome == ("posted" if possible else "rejected")
        if possible:
            self.balances[place] += -amount if was_paid_in else amount
            drawer.paid_in -= amount if was_paid_in else 0
            drawer.paid_out -= 0 if was_paid_in else amount

    @rule(place=st.integers(0, 1), amount=amounts)
    def pay_in_elsewhere(self, place: int, amount: int) -> None:
        self.ledger.post(order(to=self.accounts[place], amount=amount, user=self.owner))
        self.balances[place] += amount

    @rule(teller=tellers, off=st.integers(-30, 30))
    def count(self, teller: int, off: int) -> None:
        if teller not in self.drawers:
            return
        drawer = self.drawers.pop(teller)
        counted = max(drawer.expected + off, 0)
        closed = close_till(self.ledger, drawer.id, counted)
        assert closed.difference_minor == counted - drawer.expected
        assert cash(self.ledger, drawer.id) == 0
        self.vault -= counted
        self.differences += counted - drawer.expected

    @invariant()
    def everything_adds_up(self) -> None:
        if not hasattr(self, "drawers"):
            return
        assert [self.ledger.balance(account) for account in self.accounts] == self.balances
        for drawer in self.drawers.values():
            assert cash(self.ledger, drawer.id) == drawer.expected
        assert self.held(VAULT_ACCOUNT_ID) == self.vault
        assert self.held(OVER_AND_SHORT_ACCOUNT_ID) == self.differences
        assert sum_of_all_balances(self.ledger.storage) == 0


def test_random_days_at_the_counter_add_up(ledger: Ledger) -> None:
    CounterAgainstNumbers.ledger = ledger
    CounterAgainstNumbers.TestCase.settings = settings(
        max_examples=25, stateful_step_count=14, suppress_health_check=list(HealthCheck)
    )
    CounterAgainstNumbers.TestCase().runTest()


def test_parallel_withdrawals_by_one_employee_never_overdraw_the_till(ledger: Ledger) -> None:
    teller, accounts = uuid4(), [ledger.open(balance_minor=1_000) for _ in range(4)]
    till = open_till(ledger, teller, 1_000)
    orders = [booking(teller, accounts[place % 4], 100, pays_in=False) for place in range(24)]
    outcomes = in_parallel(ledger, *[lambda one=one: ledger.post(one).outcome for one in orders])
    assert Counter(outcomes) == {"posted": 10, "rejected": 14}
    assert cash(ledger, till.id) == 0


def test_counting_and_booking_at_once_leaves_no_cash_behind(ledger: Ledger) -> None:
    account = ledger.open(balance_minor=5_000)
    for _ in range(5):
        teller = uuid4()
        till = open_till(ledger, teller, 500)
        orders = [booking(teller, account, 100, pays_in=place % 2 == 0) for place in range(6)]
        tasks = [lambda one=one: ledger.post(one).reason for one in orders]
        in_parallel(ledger, *tasks, lambda till=till: close_till(ledger, till.id, 500).status)
        assert cash(ledger, till.id) == 0
