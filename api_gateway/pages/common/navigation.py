"""What leads where: the sections that a person has, their home, and the way from a list to one of its rows and back."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Flask, g, request, session

from api_gateway.pages.common.responses import here
from api_gateway.pages.common.sections import account_service, begin
from api_gateway.web.browser_session import HOME, STAFF_HOME, home_of, local_path
from shared.core.errors import AppError
from shared.web.access import Caller

SECTIONS = (
    (HOME, "Dashboard", "house"),
    ("/accounts", "Accounts", "wallet2"),
    ("/transactions", "Transactions", "list-ul"),
    ("/reports", "Reports", "graph-up"),
)
STAFF_SECTION = (STAFF_HOME, "Admin", "shield-lock")
LISTS = {
    HOME: "Dashboard",
    "/accounts/": "Account",
    "/transactions": "Transactions",
    "/reports/": "Report",
    "/admin/accounts/": "Account",
    "/admin/transactions": "Transactions of customers",
    "/admin/reports/": "Report",
}
"""Pages that list transactions, and how a link back names them. With a slash at its end it stands for all below."""
PATIENCE_SECONDS = 1.0


def install(app: Flask) -> None:
    """Give templates `sections()`, `home()`, `from_here(address)`, `keeping_back(address)` and `way_up(address)`."""
    app.jinja_env.globals.update(
        sections=sections, home=home, from_here=from_here, keeping_back=keeping_back, way_up=way_up
    )


def home() -> tuple[str, str]:
    """The page that the brand leads to, and its name."""
    person: Caller | None = g.get("caller")
    if person is None:
        return "/", "start page"
    return home_of(person), "overview" if person.is_staff else "dashboard"


def sections() -> Sequence[tuple[str, str, str]]:
    """The sections of who is logged in, as (address, name, icon): staff have a customer's only with own accounts."""
    person: Caller = g.caller
    if not person.is_staff:
        return SECTIONS
    return (*SECTIONS, STAFF_SECTION) if _has_accounts(person) else (STAFF_SECTION,)


def from_here(address: str) -> str:
    """The address of a row of the present list; it names the list with its filters, for the way back."""
    listed = here(back=None)
    return address if listed in LISTS else f"{address}?{urlencode({'back': listed})}"


def keeping_back(address: str) -> str:
    """The address of another page about the same row, with the same way back to the list."""
    back = request.args.get("back")
    return f"{address}?{urlencode({'back': back})}" if back else address


def way_up(default: str) -> tuple[str, str]:
    """The list that the visitor came from, as (address, name); `default` if the address names none of its section."""
    address = local_path(request.args.get("back"), default)
    name = _name_of(address.partition("?")[0])
    is_same_section = address.startswith(STAFF_HOME) == default.startswith(STAFF_HOME)
    return (address, name) if name and is_same_section else (default, LISTS[default])


def _name_of(path: str) -> str | None:
    below = (name for place, name in LISTS.items() if place.endswith("/") and path.startswith(place))
    return LISTS.get(path) or next(below, None)


def _has_accounts(person: Caller) -> bool:
    """Whether staff have an account of their own; once they have, it stays so. False while that can't be known."""
    if not session.get("has_accounts"):
        asked: Any = begin(account_service().has_any, person.token)
        try:
            session["has_accounts"] = asked.result(timeout=PATIENCE_SECONDS)
        except (AppError, TimeoutError):
            return False
    return bool(session["has_accounts"])
