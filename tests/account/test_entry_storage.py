"""The entries of an account are the same, whether their keys have been added or not."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from sqlalchemy import select

from account_service import entry_storage
from account_service.account_models import Account, Entry, EntryKey, EntryProgress, db
from account_service.entry_storage import EntryStorage
from tests.account.ledger import Ledger, order

FEW = 7
Position = tuple[datetime, int]


class History(NamedTuple):
    """Accounts that paid each other, with the ledger that has their entries."""

    ledger: Ledger
    accounts: list[Account]

    def expected(self, account: Account) -> list[tuple[datetime, int, int]]:
        """Return time, sequence and amount of each entry, oldest first, as the feed of postings has them."""
        found = []
        for posting in self.ledger.postings():
            for side, sign in (("from_account_id", -1), ("to_account_id", 1)):
                if posting.outcome == "posted" and getattr(posting, side) == account.id.hex:
                    found.append((posting.decided_at, posting.sequence, sign * posting.amount_minor))
        return found

    @property
    def entries(self) -> EntryStorage:
        return self.ledger.storage.entries


@pytest.fixture
def history(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> History:
    """Fifty payments in batches of all sizes, some of them rejected, with keys for all but the newest."""
    monkeypatch.setattr(entry_storage, "MAX_WITHOUT_KEYS", FEW)
    accounts = [ledger.open(balance_minor=500) for _ in range(3)]
    generator = random.Random(5)
    for size in (1, 1, 30, 2, 5, 1, 9, 1):
        sides = [generator.sample(accounts, 2) for _ in range(size)]
        ledger.post_all(*(order(source=a, to=b, amount=generator.randint(1, 400)) for a, b in sides))
    return History(ledger, accounts)


def pages(entries: EntryStorage, account: Account, limit: int, *, newest_first: bool) -> Iterator[Entry]:
    position: Position | None = None
    while True:
        page = (
            entries.list_page(account.id.hex, newest_first=True, since=None, until=None, limit=limit, after=position)
            if newest_first
            else entries.list_page(
                account.id.hex, newest_first=False, since=None, until=None, limit=limit, after=position
            )
        )
        yield from page
        if len(page) < limit:
            return
        position = page[-1].booked_at, page[-1].sequence


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_pages_in_both_directions_have_each_entry_once(history: History, limit: int) -> None:
    for account in history.accounts:
        expected = history.expected(account)
        oldest = [
            (row.booked_at, row.sequence, row.amount_minor)
            for row in pages(history.entries, account, limit, newest_first=False)
        ]
        newest = [
            (row.booked_at, row.sequence, row.amount_minor)
            for row in pages(history.entries, account, limit, newest_first=True)
        ]
        assert oldest == expected
        assert newest == expected[::-1]


def test_a_period_begins_and_ends_at_any_entry(history: History) -> None:
    account = history.accounts[0]
    expected = history.expected(account)
    instants = sorted({at for at, _sequence, _amount in expected})
    for since in instants[::3]:
        for until in (*instants[::4], instants[-1] + timedelta(seconds=1)):
            within = [entry for entry in expected if since <= entry[0] < until]
            found = history.entries.list_page(
                account.id.hex, newest_first=False, since=since, until=until, limit=1000, after=None
            )
            assert [row.sequence for row in found] == [sequence for _at, sequence, _amount in within]
            found = history.entries.list_page(
                account.id.hex, newest_first=True, since=since, until=until, limit=1000, after=None
            )
            assert [row.sequence for row in found][::-1] == [sequence for _at, sequence, _amount in within]


def test_balances_are_the_sums_of_entries(history: History) -> None:
    for account in history.accounts:
        expected = history.expected(account)
        assert history.ledger.balance(account) == sum(amount for _at, _sequence, amount in expected)
        (newest,) = history.entries.list_page(
            account.id.hex, newest_first=True, since=None, until=None, limit=1, after=None
        )
        assert newest.balance_after_minor == history.ledger.balance(account)


def test_only_the_newest_postings_lack_entry_keys(history: History) -> None:
    history.ledger.accounts.refresh()
    last = history.ledger.last_sequence()
    keys = set(db.session.scalars(select(EntryKey.sequence)))
    posted = {posting.sequence for posting in history.ledger.postings() if posting.outcome == "posted"}
    if history.ledger.is_sqlite:
        progress = db.session.scalars(select(EntryProgress.sequence)).one()
        assert 0 <= last - progress <= FEW
        assert keys == {sequence for sequence in posted if sequence <= progress}
    else:
        assert keys == posted
