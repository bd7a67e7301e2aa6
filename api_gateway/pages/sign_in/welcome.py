"""The public start page and the help page."""

from flask import Blueprint, render_template

from api_gateway.web.browser_session import visitor
from shared.web.access import public

welcome = Blueprint("welcome", __name__)


@welcome.get("/")
@public
def index() -> str:
    """Show the start page, with a link to the dashboard for people who are logged in."""
    visitor()
    return render_template("index.html")


@welcome.get("/help")
@public
def help_page() -> str:
    """Show the help: questions and answers, contact, fees, security and privacy."""
    visitor()
    return render_template("help.html")
