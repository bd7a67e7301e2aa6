"""The currency of a database's amounts: kept at the first start, and required to be the same at every later one.

Amounts are kept as minor units, so that another number of decimals would rescale all of them.
"""

from babel.numbers import get_currency_precision
from flask import Flask
from sqlalchemy import CheckConstraint, SmallInteger, String, select, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.core.money import Currency
from shared.db.database import Database
from shared.db.migrations import DatabaseUnusable, database_name

_KEEP = text("INSERT INTO currency (id, code, decimals) VALUES (1, :code, :decimals) ON CONFLICT DO NOTHING")


class OtherCurrency(DatabaseUnusable):
    """The amounts in a database are of another currency than the one that is set."""


class KeptCurrency:
    """The columns of the table `currency`, whose one row says what the amounts in this database are of.

    Each service that keeps amounts makes a model of it: `class CurrencyRow(KeptCurrency, Model)`.
    """

    __tablename__ = "currency"
    __table_args__ = (CheckConstraint("id = 1", name="only_one_currency"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(String(3))
    decimals: Mapped[int] = mapped_column(SmallInteger)


def require_currency(app: Flask, database: Database, currency: Currency, *, amounts: str) -> None:
    """Keep `currency` in a database that has none yet, and refuse another one than it has.

    `amounts` is the table whose rows have amounts. Where it has rows and no currency is kept, those were written when
    decimals were CLDR's. Of several processes that start at once, one is first and the others compare theirs with what
    it kept. Raises OtherCurrency, and closes the database then.
    """
    rows, written = (database.metadata.tables[name] for name in (KeptCurrency.__tablename__, amounts))
    with app.app_context(), database.transaction():
        connection = database.writing_connection()
        is_new = connection.execute(select(written).limit(1)).first() is None
        decimals = currency.decimals if is_new else get_currency_precision(currency.code)
        connection.execute(_KEEP, {"code": currency.code, "decimals": decimals})
        kept = Currency(*connection.execute(select(rows.c.code, rows.c.decimals)).one())
    if kept != currency:
        database.close()
        advice = f"set BANK_CURRENCY to {kept.code}, or start with another database"
        if kept.code == currency.code:  # its decimals were CLDR's, or ISO 4217 has changed them
            advice = "start the version of the program that made it"
        raise OtherCurrency(
            f"{database_name(database.writer)} holds amounts in {_described(kept)}, but BANK_CURRENCY is "
            f"{_described(currency)}: {advice}"
        )


def _described(currency: Currency) -> str:
    return f"{currency.code} ({currency.decimals} decimals)"
