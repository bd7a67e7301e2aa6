"""The outbox: a message is there exactly when the change that it tells of is."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import DeclarativeBase

from shared.db.database import Database
from shared.db.outbox import Outbox, OutboxColumns


class Base(DeclarativeBase):
    pass


class OutboxRow(OutboxColumns, Base):
    pass


@pytest.fixture
def outbox(engine_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outbox]:
    url = f"sqlite:///{tmp_path_factory.mktemp('outbox')}/x.db" if engine_url.startswith("sqlite") else engine_url
    database = Database(Base)
    app = Flask(__name__)
    database.connect(app, url)
    with app.app_context():
        outbox = Outbox(database)
        outbox.remove([sequence for sequence, _ in outbox.list_first(100)])
        yield outbox
    database.close()


def test_messages_leave_in_their_order_once_removed(outbox: Outbox) -> None:
    for number in range(3):
        outbox.add(str(number))
    (first, body), (second, _) = outbox.list_first(2)
    assert (body, first < second) == ("0", True)
    outbox.remove([first])
    assert [body for _, body in outbox.list_first(9)] == ["1", "2"]


def test_a_message_is_stored_only_if_its_transaction_commits(outbox: Outbox) -> None:
    def change(then: Callable[[], None]) -> None:
        with outbox.transaction():
            outbox.add("told")
            then()

    def fail() -> None:
        raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        change(fail)
    assert outbox.list_first(9) == []
    change(lambda: None)
    assert [body for _, body in outbox.list_first(9)] == ["told"]
