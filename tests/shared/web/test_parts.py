"""What `create_app` keeps for the endpoints is found by its class."""

from dataclasses import dataclass

import pytest
from flask import Flask

from shared.web.parts import keep, part


@dataclass(frozen=True)
class Shelf:
    books: int


@dataclass(frozen=True)
class Desk:
    drawers: int


def test_each_app_keeps_one_object_of_each_class() -> None:
    first, second = Flask("first"), Flask("second")
    keep(first, Shelf(1), Desk(2))
    keep(second, Shelf(3))
    assert (part(Shelf, first), part(Desk, first), part(Shelf, second)) == (Shelf(1), Desk(2), Shelf(3))


def test_the_current_app_is_the_default() -> None:
    app = Flask("current")
    keep(app, Shelf(1))
    with app.app_context():
        assert part(Shelf).books == 1


def test_an_object_that_was_not_kept_is_named() -> None:
    app = Flask("lacking")
    keep(app, Shelf(1))
    with pytest.raises(KeyError, match="Desk"):
        part(Desk, app)
