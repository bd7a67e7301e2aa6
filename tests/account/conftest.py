"""The account service alone, for the tests of the ledger."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.account.ledger import Ledger
from tests.support.desk import sum_of_all_balances
from tests.support.suite import Suite


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Flask]:
    suite = Suite(tmp_path_factory.mktemp("ledger"), names=("account",), database=database)
    yield suite.apps["account"]
    suite.stop()


@pytest.fixture
def ledger(app: Flask) -> Iterator[Ledger]:
    with app.app_context():
        ledger = Ledger(app)
        yield ledger
        ledger.accounts.refresh()
        assert sum_of_all_balances(ledger.storage) == 0
