"""A database stores the currency of its first start and refuses others."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Integer, text
from sqlalchemy.orm import mapped_column

from shared.core.money import Currency
from shared.db.database import Database
from shared.db.kept_currency import KeptCurrency, OtherCurrency, require_currency
from tests.support import postgres
from tests.support.suite import Suite

USD, TND, JPY = (Currency.of(code) for code in ("USD", "TND", "JPY"))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    with ExitStack() as stack:
        is_sqlite = request.param == "sqlite"
        yield f"sqlite:///{tmp_path / 'money.db'}" if is_sqlite else stack.enter_context(postgres.database())


def open_database(app: Flask, url: str) -> Database:
    """Open a database with the currency table only."""
    database = Database()
    type("CurrencyRow", (KeptCurrency, database.Model), {})
    type("Price", (database.Model,), {"__tablename__": "price", "minor": mapped_column(Integer, primary_key=True)})
    database.connect(app, url)
    return database


def start(url: str, currency: Currency) -> Database:
    """Open the database and require the currency, as a service does at start."""
    app = Flask("service")
    database = open_database(app, url)
    require_currency(app, database, currency, amounts="price")
    return database


def test_the_currency_of_the_first_start_is_required_afterwards(url: str) -> None:
    for _ in range(2):
        start(url, TND).close()
    with pytest.raises(OtherCurrency) as refused:
        start(url, USD)
    assert "TND (3 decimals), but BANK_CURRENCY is USD (2 decimals): set BANK_CURRENCY to TND" in str(refused.value)
    start(url, TND).close()


def test_another_number_of_decimals_is_refused(url: str) -> None:
    start(url, Currency("RSD", 0)).close()
    with pytest.raises(OtherCurrency, match=r"RSD \(0 decimals\), but BANK_CURRENCY is RSD \(2 decimals\): start the"):
        start(url, Currency.of("RSD"))


@pytest.mark.parametrize("code", ["RSD", "IQD", "LBP"])
def test_amounts_with_decimals_of_cldr_are_not_rescaled(url: str, code: str) -> None:
    app = Flask("service")
    database = open_database(app, url)
    with app.app_context(), database.transaction():
        database.writing_connection().execute(text("INSERT INTO price (minor) VALUES (100)"))
    database.close()
    with pytest.raises(OtherCurrency, match=rf"{code} \(0 decimals\), but .*: start the version of the program that"):
        start(url, Currency.of(code))
    with pytest.raises(OtherCurrency, match=rf"{code} \(0 decimals\)"):
        start(url, USD)


def test_of_concurrent_starts_with_different_currencies_one_wins() -> None:
    with postgres.database() as url:
        open_database(Flask("schema"), url).close()  # the table is made under a lock of its own, by revisions

        def try_to_start(currency: Currency) -> str:
            try:
                start(url, currency).close()
            except OtherCurrency:
                return ""
            return currency.code

        with ThreadPoolExecutor(8) as pool:
            got_in = list(pool.map(try_to_start, [USD, TND, JPY, USD, TND, JPY, USD, TND]))
    assert len(set(got_in) - {""}) == 1


@pytest.mark.parametrize("name", ["account", "transaction"])
def test_services_with_amounts_refuse_another_currency(tmp_path: Path, name: str) -> None:
    suite = Suite(tmp_path, names=("auth", name), BANK_CURRENCY="TND").start()
    suite.stop()
    with pytest.raises(OtherCurrency, match=rf"{name}\.db holds amounts in TND"):
        Suite(tmp_path, names=(name,), BANK_CURRENCY="USD")
    Suite(tmp_path, names=("auth", name), BANK_CURRENCY="TND").start().stop()
