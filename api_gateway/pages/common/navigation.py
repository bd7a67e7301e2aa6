"""Navigation: the sections of a user, their home page, and links from a list to a row and back."""

from collections.abc import Sequence
from typing import Any

from flask import Flask, g, request, session

from api_gateway.pages.common.responses import current_address, export_address, keep_back_link, with_query
from api_gateway.pages.common.services import Services, start_call
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
TABS: tuple[tuple[str, str, tuple[str, ...] | None], ...] = (
    ("/admin", "Overview", ()),
    ("/admin/customers", "Customers", ("customers:read",)),
    ("/admin/counter", "Counter", ("counter:deposit", "counter:withdraw")),
    ("/admin/cases", "Messages", ("cases:answer",)),
    ("/admin/users", "People", None),
    ("/admin/accounts", "Accounts", ("customers:read",)),
    ("/admin/transactions", "Transactions", ("customers:read",)),
    ("/admin/suspense", "Suspense", ("customers:read",)),
    ("/admin/approvals", "Approvals", ()),
    ("/admin/reports", "Reports", ()),
    ("/admin/audit", "Audit", None),
)
"""The staff's tabs: address, name, and the permissions of which one is enough; () is for all staff, None for admins."""
LISTS = {
    HOME: "Dashboard",
    "/accounts/": "Account",
    "/messages": "Messages",
    "/messages/": "Message",
    "/transactions": "Transactions",
    "/reports/": "Report",
    "/admin/accounts": "Accounts of customers",
    "/admin/accounts/": "Account",
    "/admin/approvals": "Approvals",
    "/admin/cases": "Messages",
    "/admin/cases/": "Message",
    "/admin/counter": "Counter",
    "/admin/customers": "Customers",
    "/admin/customers/": "Customer",
    "/admin/transactions": "Transactions of customers",
    "/admin/reports/": "Report",
    "/admin/suspense": "Suspense",
    "/admin/users": "People",
}
"""Pages that list records, and how links back name them. A trailing slash stands for all pages below."""
MAX_WAIT_SECONDS = 1.0


def install(app: Flask) -> None:
    """Give templates the public functions of this module."""
    app.jinja_env.globals.update(
        sections=sections,
        staff_tabs=staff_tabs,
        home=home,
        with_back_link=with_back_link,
        keep_back_link=keep_back_link,
        list_link=list_link,
        export_address=export_address,
    )


def home() -> tuple[str, str]:
    """Return the address and the name of the page that the bank's name links to."""
    person: Caller | None = g.get("caller")
    if person is None:
        return "/", "start page"
    return home_of(person), "overview" if person.is_staff else "dashboard"


def sections() -> Sequence[tuple[str, str, str]]:
    """Return the sections of the caller as (address, name, icon).

    Staff see the sections of customers only if they have an account of their own.
    """
    person: Caller = g.caller
    if not person.is_staff:
        return SECTIONS
    return (*SECTIONS, STAFF_SECTION) if _has_accounts(person) else (STAFF_SECTION,)


def staff_tabs() -> list[tuple[str, str]]:
    """Return the tabs that the caller may open, as (address, name)."""
    person: Caller = g.caller
    return [(address, name) for address, name, needed in TABS if _may_open(person, needed)]


def with_back_link(address: str) -> str:
    """Return the address of a row with a `back` parameter that names the current list, its filters and its page.

    On the page of a record that lists rows itself, such as a customer, `back` names that page with the list that it
    comes from; a third level is dropped.
    """
    if request.method == "POST":  # the page of a refused form has an address that can't be opened
        return address
    is_list, is_long = request.path in LISTS, "back=" in request.args.get("back", "")
    listed = current_address(back=None) if is_list or is_long else current_address()
    return address if listed in LISTS and address.startswith(f"{listed}/") else with_query(address, back=listed)


def list_link(default: str) -> tuple[str, str]:
    """Return the list named by `back` as (address, name), or `default` if it is not one of the same section."""
    address = local_path(request.args.get("back"), default)
    name = _name_of(address.partition("?")[0])
    is_same_section = address.startswith(STAFF_HOME) == default.startswith(STAFF_HOME)
    return (address, name) if name and is_same_section else (default, LISTS[default])


def _name_of(path: str) -> str | None:
    below = (name for place, name in LISTS.items() if place.endswith("/") and path.startswith(place))
    return LISTS.get(path) or next(below, None)


def _has_accounts(person: Caller) -> bool:
    """Return whether a staff member has an account. A yes is kept in the session; False while it is unknown."""
    if not session.get("has_accounts"):
        asked: Any = start_call(Services(person).accounts.has_any)
        try:
            session["has_accounts"] = asked.result(timeout=MAX_WAIT_SECONDS)
        except (AppError, TimeoutError):
            return False
    return bool(session["has_accounts"])


def _may_open(person: Caller, needed: tuple[str, ...] | None) -> bool:
    if needed is None:
        return person.role == "admin"
    return not needed or any(map(person.may, needed))
