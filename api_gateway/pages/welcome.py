"""The page that everybody may see."""

from flask import Blueprint, render_template

from api_gateway.web.browser_session import visitor
from shared.web.access import public

welcome = Blueprint("welcome", __name__)


@welcome.get("/")
@public
def index() -> str:
    """Welcome; those who are logged in find the way to their dashboard."""
    visitor()
    return render_template("index.html")
