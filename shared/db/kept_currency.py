"""The currency of a database's amounts: stored at the first start, required at every later one.

Amounts are stored in minor units, so another number of decimals would rescale all of them.
"""

from babel.numbers import get_currency_precision
from flask import Flask
from sqlalchemy import CheckConstraint, SmallInteger, String, select, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.core.money import Currency
from shared.db.database import Database
from shared.db.migrations import DatabaseUnusable, database_name

_STORE = text("INSERT INTO currency (id, code, decimals) VALUES (1, :code, :decimals) ON CONFLICT DO NOTHING")


class OtherCurrency(DatabaseUnusable):
    """The amounts in the database have another currency than BANK_CURRENCY."""


class KeptCurrency:
    """The columns of the table `currency`, whose single row has the currency of all amounts in the database.

    Each service that stores amounts makes a model of it: `class CurrencyRow(KeptCurrency, Base)`.
    """

    __tablename__ = "currency"
    __table_args__ = (CheckConstraint("id = 1", name="only_one_currency"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(String(3))
    decimals: Mapped[int] = mapped_column(SmallInteger)


def require_currency(app: Flask, database: Database, currency: Currency, *, amounts: str) -> None:
    """Store `currency` in a database that has none, and refuse another one than the stored one.

    `amounts` is the table with amounts. If it has rows but no currency is stored, they were written with CLDR's
    decimals. When several processes start at once, one stores its currency and the others compare theirs with it.
    Raises OtherCurrency, after closing the database.
    """
    rows, written = (database.metadata.tables[name] for name in (KeptCurrency.__tablename__, amounts))
    with app.app_context(), database.transaction():
        connection = database.writing_connection()
        is_new = connection.execute(select(written).limit(1)).first() is None
        decimals = currency.decimals if is_new else get_currency_precision(currency.code)
        connection.execute(_STORE, {"code": currency.code, "decimals": decimals})
        kept = Currency(*connection.execute(select(rows.c.code, rows.c.decimals)).one())
    if kept != currency:
        database.close()
        advice = f"set BANK_CURRENCY to {kept.code}, or start with another database"
        if kept.code == currency.code:  # the decimals were CLDR's, or ISO 4217 has changed them
            advice = "start the version of the program that made it"
        raise OtherCurrency(
            f"{database_name(database.writer)} holds amounts in {_describe(kept)}, but BANK_CURRENCY is "
            f"{_describe(currency)}: {advice}"
        )


def _describe(currency: Currency) -> str:
    return f"{currency.code} ({currency.decimals} decimals)"
