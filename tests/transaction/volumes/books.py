"""Transactions as the ledger decides them, stored in the transaction service, and their sums by its legs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from flask import Flask
from hypothesis import strategies as st
from sqlalchemy import select

from shared.core.ids import new_ids
from shared.web.parts import part
from transaction_service.common_service import Tools
from transaction_service.transaction_models import Transaction, TransactionLeg, db
from transaction_service.volumes.bank_volume_storage import volumes_of as volumes_of_groups
from transaction_service.volumes.volume_storage import Volume, Volumes

FIRST = datetime(2026, 1, 30, tzinfo=UTC)
Side = tuple[str, str] | None
InTime = Callable[[datetime], bool]
Move = tuple[int, int, int, int, bool]
instants = st.one_of(
    st.none(),
    st.integers(-1, 5).map(lambda days: FIRST + timedelta(days=days)),
    st.integers(0, 5 * 24 * 4).map(lambda quarters: FIRST + timedelta(minutes=15 * quarters)),
)
moves = st.tuples(
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(1, 9),
    st.integers(0, 5 * 24 * 60),
    st.sampled_from([True, True, False]),
).filter(lambda move: move[0] != move[1])


class Books:
    """The storage of the transaction service, and transactions in the form in which the ledger decides them."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.storage = part(Tools, app).transactions
        self.volumes = part(Tools, app).volumes
        self.bank_volumes = part(Tools, app).bank_volumes
        users = [uuid4().hex for _ in range(3)]
        self.users = users
        self.sides: list[Side] = [None, *((user, uuid4().hex) for user in users), (users[0], uuid4().hex)]

    def decided(
        self,
        source: Side,
        target: Side,
        amount_minor: int = 100,
        at: datetime = FIRST,
        *,
        is_posted: bool = True,
        reverses: Transaction | None = None,
    ) -> Transaction:
        """Return a decided transaction between two sides, without storing it."""
        user_id, _ = source or target or (None, None)
        assert user_id
        kind = "transfer" if source and target else "withdrawal" if source else "deposit"
        is_payee = target and (is_posted or not source)
        return Transaction(
            id=new_ids(1)[0],
            user_id=user_id,
            transaction_type="reversal" if reverses else kind,
            amount_minor=amount_minor,
            status="completed" if is_posted else "failed",
            reason=None if is_posted else "INSUFFICIENT_FUNDS",
            from_user_id=source and source[0],
            from_account_id=source and source[1],
            to_user_id=target[0] if target and is_payee else None,
            to_account_id=target and target[1],
            reverses_id=reverses.id if reverses else None,
            fingerprint="",
            created_at=FIRST,
            timestamp=at,
        )

    def project(self, *transactions: Transaction) -> None:
        with self.storage.transaction(durable=False):
            self.storage.project(list(transactions))

    def move(self, source: int, target: int, amount_minor: int, minutes: int, is_posted: bool) -> Transaction:
        """Store a decided transaction between two of the sides."""
        at = FIRST + timedelta(minutes=minutes)
        return self.decided(self.sides[source], self.sides[target], amount_minor, at, is_posted=is_posted)

    def undo(self, transaction: Transaction, at: datetime) -> Transaction:
        """Store the reversal of a transaction, and return it."""
        source, target = (
            (user_id, account_id) if user_id and account_id else None
            for user_id, account_id in (
                (transaction.to_user_id, transaction.to_account_id),
                (transaction.from_user_id, transaction.from_account_id),
            )
        )
        reversal = self.decided(source, target, transaction.amount_minor, at, reverses=transaction)
        self.project(reversal)
        return reversal

    def complete(self, source: Side, target: Side, amount_minor: int = 100, at: datetime = FIRST) -> None:
        self.project(self.decided(source, target, amount_minor, at))

    def summed(self, account_id: str | None, user_id: str, in_time: InTime) -> Volumes:
        """Return the sums of a user's legs."""
        rows = []
        for leg in self._legs():
            wanted = leg.account_id == account_id if account_id else not (leg.internal and leg.direction == "in")
            if leg.user_id == user_id and wanted and in_time(leg.timestamp):
                goes_out = leg.direction == "out" and (account_id is not None or not leg.internal)
                way = (leg.direction == "in", goes_out)
                rows.append((leg, *(map(int, way) if leg.transaction_type != "reversal" else (-way[1], -way[0]))))
        return volumes_of(rows)

    def balance_change(self, account_id: str | None, user_id: str, in_time: InTime) -> int:
        """Return the change of the balance of a user's accounts, or of one of them."""
        return sum(
            leg.amount_minor if leg.direction == "in" else -leg.amount_minor
            for leg in self._legs()
            if leg.user_id == user_id and account_id in (None, leg.account_id) and in_time(leg.timestamp)
        )

    def summed_of_all(self, in_time: InTime) -> Volumes:
        """Return the sums of all transactions. A transaction with two sides counts once."""
        once = {leg.transaction_id: leg for leg in self._legs() if in_time(leg.timestamp)}
        return volumes_of([(leg, 0, 0) for leg in once.values()])

    def check(self, since: datetime | None = None, until: datetime | None = None) -> None:
        """Assert that all stored sums equal the sums of the legs."""
        self.storage.refresh()

        def in_time(at: datetime) -> bool:
            return (since is None or at >= since) and (until is None or at < until)

        for user_id in self.users:
            for account_id in (None, *(side[1] for side in self.sides if side)):
                kept = self.volumes.of_user(user_id, account_id=account_id, since=since, until=until)
                assert same(kept, self.summed(account_id, user_id, in_time))
                net = sum(day.income_minor - day.expense_minor for day in kept.by_day.values())
                assert net == self.balance_change(account_id, user_id, in_time)
        of_all, by_day_and_type = (
            self.summed_of_all(in_time),
            self.bank_volumes.by_day_and_type(since=since, until=until),
        )
        assert same(volumes_of_groups(by_day_and_type), of_all)
        for groups, place in ((of_all.by_day, 0), (of_all.by_type, 1)):
            counts = {name: [0, 0] for name in groups}
            for day, kinds in by_day_and_type.items():
                for kind, volume in kinds.items():
                    sums = counts[(day, kind)[place]]
                    sums[:] = sums[0] + volume.count, sums[1] + volume.total_minor
            assert counts == {name: [volume.count, volume.total_minor] for name, volume in groups.items()}

    def _legs(self) -> list[TransactionLeg]:
        return list(db.session.scalars(select(TransactionLeg).where(TransactionLeg.status == "completed")))


def volumes_of(rows: list[tuple[TransactionLeg, int, int]]) -> Volumes:
    """Sum up legs by day and type. Each has a factor (1, 0 or -1) for income and one for expense."""
    by_day: dict[str, Volume] = {}
    by_type: dict[str, Volume] = {}
    for leg, income, expense in rows:
        day, amount = str(leg.timestamp.date()), leg.amount_minor
        volume = Volume(day, 1, amount, amount * income, amount * expense, amount)
        for groups, name in ((by_day, day), (by_type, leg.transaction_type)):
            groups[name] = groups[name].with_more(volume) if name in groups else volume
    return Volumes(
        *(dict(sorted(group.items(), key=lambda one: (one[1].first_day, one[0]))) for group in (by_day, by_type))
    )


def same(one: Volumes, other: Volumes) -> bool:
    """Return whether both have the same groups in the same order."""
    assert one == other
    return (list(one.by_day), list(one.by_type)) == (list(other.by_day), list(other.by_type))
