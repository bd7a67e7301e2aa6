"""The number of messages of the bank that a customer has not read, for the top of every page.

The number is read after a login and then once a minute. The dashboard shows the stored number, so that it needs no
further call.
"""

import time
from typing import Any

from flask import Flask, g, request, session
from flask_login import user_logged_in

from api_gateway.pages.common.services import Services, start_call
from api_gateway.web.browser_session import HOME, SignedIn
from shared.core.errors import AppError
from shared.web.access import Caller

KEPT_SECONDS = 60.0
MAX_WAIT_SECONDS = 1.0


def install(app: Flask) -> None:
    """Give templates `unread_messages()`, and count when somebody logs in."""
    app.jinja_env.globals["unread_messages"] = unread_messages

    def count(_app: Flask, user: SignedIn, **_others: Any) -> None:
        if not user.caller.is_staff:
            _ask(user.caller)

    user_logged_in.connect(count, app, weak=False)


def keep(count: int) -> None:
    """Store the number that a page has received with its data."""
    session["unread"] = [count, int(time.time())]


def unread_messages() -> int:
    """Return the number of messages that the customer has not read; 0 while it is not known."""
    person: Caller | None = g.get("caller")
    if person is None or person.is_staff:
        return 0
    if request.path != HOME and time.time() - _kept()[1] > KEPT_SECONDS:
        _ask(person)
    return _kept()[0]


def _ask(person: Caller) -> None:
    """Read the number and store it; keep the stored one if the service does not answer in time."""
    asked = start_call(Services(person).cases.list_own, {"limit": 1})
    try:
        keep(asked.result(timeout=MAX_WAIT_SECONDS).unread)
    except (AppError, TimeoutError):
        keep(_kept()[0])


def _kept() -> tuple[int, int]:
    count, asked_at = session.get("unread", (0, 0))
    return count, asked_at
