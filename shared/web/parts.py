"""What an app keeps for its views and middleware: one object of each class."""

from typing import TypeVar

from flask import Flask, current_app

_T = TypeVar("_T")


def keep(app: Flask, *parts: object) -> None:
    """Keep objects for an app, one of each class; a later one replaces an earlier one. `part` returns them."""
    app.extensions.setdefault("parts", {}).update({type(one): one for one in parts})


def part(kind: type[_T], app: Flask | None = None) -> _T:
    """Return the object of this class that was kept for an app, by default the current one. Raises KeyError."""
    found: _T = (app or current_app).extensions["parts"][kind]
    return found
