"""The transaction service alone, on both databases."""

from collections.abc import Iterator

import pytest

from tests.support.suite import BankOptions, Suite
from tests.transaction.volumes.books import Books


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("transaction",), database, is_started=False)


@pytest.fixture
def books(bank: Suite) -> Iterator[Books]:
    with bank.apps["transaction"].app_context():
        yield Books(bank.apps["transaction"])
