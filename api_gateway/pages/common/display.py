"""How the bank looks in one browser: its theme, and whether amounts of money are hidden.

Both are cookies that hold no secret and outlive the login. The server renders each page by them, so that nothing
flashes and no script is needed; a script may set them too, to show a choice without a reload.
"""

from flask import Blueprint, Flask, current_app, redirect, request
from werkzeug.wrappers import Response

from api_gateway.web.browser_session import HOME, way_back
from shared.core.errors import InvalidRequest
from shared.web.access import Caller, private

CHOICES = {"theme": ("system", "light", "dark"), "balances": ("shown", "hidden")}
"""The cookies and their values, the default first."""
ONE_YEAR_SECONDS = 365 * 24 * 3600
display = Blueprint("display", __name__)


@display.post("/settings/display")
@private
def choose(_caller: Caller) -> Response:
    """Keep a choice for a year, and go back to the page it was made on. Raises InvalidRequest for any other value."""
    chosen = {name: request.form[name] for name in CHOICES if name in request.form}
    if not chosen or any(value not in CHOICES[name] for name, value in chosen.items()):
        raise InvalidRequest
    secure = current_app.session_interface.get_cookie_secure(current_app)
    response = redirect(way_back() or HOME, 303)
    for name, value in chosen.items():
        kept_seconds = 0 if value == CHOICES[name][0] else ONE_YEAR_SECONDS
        response.set_cookie(name, value, max_age=kept_seconds, samesite="Lax", secure=secure)
    return response


def balances_are_hidden() -> bool:
    """Whether the present browser hides amounts of money."""
    return _chosen("balances") == "hidden"


def theme() -> str | None:
    """The theme chosen in the present browser; None to follow the system."""
    chosen = _chosen("theme")
    return None if chosen == "system" else chosen


def install(app: Flask) -> None:
    """Let templates ask for both."""
    app.register_blueprint(display)
    app.jinja_env.globals.update(balances_are_hidden=balances_are_hidden, theme=theme)


def _chosen(name: str) -> str:
    default = CHOICES[name][0]
    value = request.cookies.get(name, default)
    return value if value in CHOICES[name] else default
