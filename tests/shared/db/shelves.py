"""A small database, and functions that change it."""

from datetime import datetime

from flask import Flask
from sqlalchemy import CheckConstraint, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db.columns import UtcDateTime
from shared.db.database import Database, Storage


class Base(DeclarativeBase):
    pass


db = Database(Base)


class Shelf(Base):
    __tablename__ = "shelf"
    __table_args__ = (CheckConstraint("items >= 0"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    items: Mapped[int]
    filled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Shelves(Storage):
    def add(self, shelf: Shelf) -> None:
        self._session.add(shelf)

    def find(self, shelf_id: int) -> Shelf | None:
        return self._session.get(Shelf, shelf_id)

    def items(self, shelf_id: int) -> int:
        return self._session.scalars(select(Shelf.items).where(Shelf.id == shelf_id)).one()


def take_one(app: Flask, shelves: Shelves) -> bool:
    with app.app_context(), shelves.transaction():
        shelf = shelves.find(1)
        assert shelf is not None
        if shelf.items < 1:
            return False
        shelf.items -= 1
        return True
