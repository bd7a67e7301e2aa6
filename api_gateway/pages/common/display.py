"""Display choices of a browser: the theme, and whether amounts are hidden.

Both are cookies without secrets that outlive the login. The server renders each page by them, so no page flickers and
none needs a script. Scripts set the same cookies to apply a choice without a reload.
"""

from flask import Blueprint, Flask, current_app, redirect, request
from werkzeug.wrappers import Response

from api_gateway.web.browser_session import HOME, return_address
from shared.core.errors import InvalidRequest
from shared.web.access import Caller, private

CHOICES = {"theme": ("system", "light", "dark"), "balances": ("shown", "hidden")}
"""The cookies and their allowed values, the default first."""
ONE_YEAR_SECONDS = 365 * 24 * 3600
display = Blueprint("display", __name__)


@display.post("/settings/display")
@private
def choose(_caller: Caller) -> Response:
    """Store a choice for a year and redirect to the page it was made on. Raises InvalidRequest for other values."""
    chosen = {name: request.form[name] for name in CHOICES if name in request.form}
    if not chosen or any(value not in CHOICES[name] for name, value in chosen.items()):
        raise InvalidRequest
    secure = current_app.session_interface.get_cookie_secure(current_app)
    response = redirect(return_address() or HOME, 303)
    for name, value in chosen.items():
        kept_seconds = 0 if value == CHOICES[name][0] else ONE_YEAR_SECONDS
        response.set_cookie(name, value, max_age=kept_seconds, samesite="Lax", secure=secure)
    return response


def balances_are_hidden() -> bool:
    """Return whether this browser hides amounts."""
    return _chosen("balances") == "hidden"


def theme() -> str | None:
    """Return the theme chosen in this browser; None to follow the system."""
    chosen = _chosen("theme")
    return None if chosen == "system" else chosen


def install(app: Flask) -> None:
    """Give templates `balances_are_hidden()` and `theme()`."""
    app.jinja_env.globals.update(balances_are_hidden=balances_are_hidden, theme=theme)


def _chosen(name: str) -> str:
    default = CHOICES[name][0]
    value = request.cookies.get(name, default)
    return value if value in CHOICES[name] else default
