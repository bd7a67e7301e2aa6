"""The ledger compared with a plain dictionary by Hypothesis."""

from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from account_service.ledger_schemas import Order
from tests.account.ledger import Ledger, order, with_changes


class LedgerAgainstAModel(RuleBasedStateMachine):
    """Any orders in any batches, repeated or not: the balances are those of a dictionary."""

    ledger: Ledger

    @initialize(balances=st.lists(st.integers(0, 300), min_size=3, max_size=3))
    def open_accounts(self, balances: list[int]) -> None:
        self.accounts = [self.ledger.open(balance_minor=balance) for balance in balances]
        self.model = dict(enumerate(balances))
        self.known: list[tuple[Order, str]] = []
        self.since = self.ledger.last_sequence()

    sides = st.one_of(st.none(), st.integers(0, 2))

    @rule(moves=st.lists(st.tuples(sides, sides, st.integers(1, 200)), min_size=1, max_size=4))
    def post_a_batch(self, moves: list[tuple[int | None, int | None, int]]) -> None:
        orders, expected = [], []
        for source, target, amount in moves:
            if source is None and target is None:
                continue
            allowed = source != target and (source is None or self.model[source] >= amount)
            if allowed and source is not None:
                self.model[source] -= amount
            if allowed and target is not None:
                self.model[target] += amount
            from_account = None if source is None else self.accounts[source]
            to_account = None if target is None else self.accounts[target]
            orders.append(order(source=from_account, to=to_account, amount=amount, key=str(uuid4())))
            expected.append("posted" if allowed else "rejected")
        if orders:
            assert [decision.outcome for decision in self.ledger.post_all(*orders)] == expected
            self.known += zip(orders, expected, strict=True)

    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        if self.known:
            earlier, outcome = data.draw(st.sampled_from(self.known))
            again = with_changes(earlier, **({"transaction_id": uuid4().hex} if data.draw(st.booleans()) else {}))
            verdict, posting = self.ledger.decide(again)[0]
            assert (verdict, posting.outcome) == ("repeated", outcome)
            assert posting.transaction_id == earlier["transaction_id"]

    @rule()
    def void_and_post_late(self) -> None:
        late = order(to=self.accounts[0], key=str(uuid4()))
        self.ledger.void(late)
        self.known.append((late, "void"))

    @rule()
    def read_all(self) -> None:
        """The feed has each order of these accounts once, as it was decided, and no others."""
        theirs = {account.id.hex for account in self.accounts}
        read = {
            posting.transaction_id: posting.outcome
            for posting in self.ledger.postings(self.since)
            if posting.idempotency_key and {posting.from_account_id, posting.to_account_id} & theirs
        }
        assert read == {known["transaction_id"]: outcome for known, outcome in self.known}

    @invariant()
    def balances_agree(self) -> None:
        if hasattr(self, "accounts"):
            assert {place: self.ledger.balance(account) for place, account in enumerate(self.accounts)} == self.model


def test_the_ledger_agrees_with_a_dictionary(ledger: Ledger) -> None:
    LedgerAgainstAModel.ledger = ledger
    machine = LedgerAgainstAModel
    machine.TestCase.settings = settings(
        max_examples=25, stateful_step_count=12, suppress_health_check=list(HealthCheck)
    )
    case = machine.TestCase()
    case.runTest()
