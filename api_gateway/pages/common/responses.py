"""Responses that all pages share: services with the page's deadline, redirects, forms, error pages."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Flask, current_app, flash, g, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response

from api_gateway.clients.transaction import Transaction
from api_gateway.pages.common.forms import BankForm
from api_gateway.web.browser_session import (
    caller_at_browser,
    home_of,
    is_machine_path,
    referring_page,
    return_address,
    to_login,
    visitor,
)
from api_gateway.web.limits.limit_rules import network
from api_gateway.web.tools import tools
from shared.core import periods
from shared.core.errors import GENERIC_BY_STATUS, AppError, InvalidRequest
from shared.http import request_ids
from shared.web import responses
from shared.web.access import Caller, MfaSetupRequired, access_of

ERROR_TEXTS: Mapping[int, tuple[str, str]] = {
    400: ("That did not work", "The request could not be understood. Go back, check what you entered and try again."),
    403: ("This page is not for you", "Your account does not have access to this page."),
    404: ("We can't find that", "The page or record does not exist, or it is not yours to see."),
    405: (
        "That can't be done here",
        "This address does not take that kind of request. Go back, and use the buttons of the page.",
    ),
    409: ("Something changed meanwhile", "Reload the page to see the present state, then try again."),
    413: ("That is too large", "What you sent is too large. Shorten it, then send it again."),
    415: (
        "We can't read that",
        "What you sent has a format that we don't accept. Go back, and send the form of the page.",
    ),
    422: ("That contradicts an earlier request", "Reload the page to see the present state, then try again."),
    429: ("Too many tries", "Please wait a moment, then try again."),
    500: ("Something went wrong on our side", "It is not your fault, and we have a record of it. Please try again."),
    503: (
        "We'll be right back",
        "Part of the bank is not available right now. Your money is safe. Please try again shortly.",
    ),
}

RETRYABLE_STATUSES = frozenset({429, 500, 503})
"""Statuses of temporary failures."""


class PageExpired(InvalidRequest):
    """400: the CSRF token of a form is missing or belongs to another session."""

    code = "PAGE_EXPIRED"
    message = "This page had been open for too long. Nothing was sent. Please open it again and repeat your entry."


def current_address(**changes: Any) -> str:
    """Return the current address with some query parameters changed; None removes one."""
    query = {**request.args.to_dict(), **changes}
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


def uuid_in_address(name: str) -> UUID | None:
    """Return a query parameter of the address as a UUID, or None without it. Raises InvalidRequest for another text."""
    text = request.args.get(name)
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidRequest from None


def export_address() -> str:
    """Return the address of the current list as CSV, with its filters."""
    return current_address(cursor=None, back=None).replace(request.path, f"{request.path}/export", 1)


def with_query(address: str, **parameters: str) -> str:
    """Return an address with query parameters added."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"


def keep_back_link(address: str) -> str:
    """Return another address about the same record, with the current `back` parameter: the list that it is from."""
    back = request.args.get("back")
    return with_query(address, back=back) if back else address


def see_other(message: str, location: str, category: str = "success") -> Response:
    """Redirect (303) after a successful POST to `location`, which shows `message` and still links to the list."""
    return see_list(message, keep_back_link(location), category)


def see_list(message: str, address: str, category: str = "success") -> Response:
    """Redirect (303) after a successful POST to a list, which shows `message`. Nothing done yet is no "success"."""
    flash(message, category)
    return redirect(address, 303)


def form_page(template: str, form: BankForm, **context: Any) -> tuple[str, int]:
    """Render a page with a form: 200, or 400 or 503 when the form has errors."""
    return render_template(template, form=form, **context), form.status_code


def render_error(error: AppError) -> Any:
    """Render any failure: JSON for programs, a page for people, a redirect to the login for signed-out people."""
    tools().refusals.count(error, network(request.remote_addr) or "")
    if is_machine_path():
        return responses.failure(error)
    if error.status == 401:
        return to_login()
    if error.code == MfaSetupRequired.code:
        flash(error.message, "warning")
        return redirect(url_for("second_factor.setup"), 303)
    response = current_app.make_response((_error_page(error), error.status, dict(error.headers)))
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _error_page(error: AppError) -> str:
    visitor()
    title, text = ERROR_TEXTS.get(error.status, ERROR_TEXTS[500])
    if error.message != GENERIC_BY_STATUS.get(error.status, AppError).message:
        text = error.message
    elif error.status == 429 and error.retry_after_seconds:
        text = f"There were too many tries. Try again in {periods.wait_text(error.retry_after_seconds)}."
    return render_template(
        "error.html", error=error, title=title, text=text, links=_links_from(error), request_id=request_ids.current()
    )


def _links_from(error: AppError) -> list[tuple[str, str]]:
    """Return links for an error page as (address, text), the best first.

    A retry is offered only where it may succeed.
    """
    may_be_over = error.status == 429 or (request.method in ("GET", "HEAD") and error.status in RETRYABLE_STATUSES)
    links = {}
    if may_be_over and (again := return_address()):
        links[again] = "Try again"
    elif back := referring_page():
        links[back] = "Open the page again" if isinstance(error, PageExpired) else "Go back"
    person: Caller | None = g.get("caller")
    home = home_of(person) if person else "/"
    if request.path != home and home not in links:
        name = "your overview" if person and person.is_staff else "your dashboard" if person else "the start page"
        links[home] = f"Go to {name}"
    return list(links.items())


def install_form_token_errors(app: Flask) -> None:
    """Handle a missing or foreign CSRF token: redirect signed-out people to the login, else explain what to do."""

    @app.errorhandler(CSRFError)
    def _handle_csrf_error(_error: CSRFError) -> Any:
        if access_of(current_app.view_functions[str(request.endpoint)]) != "public":
            try:
                caller_at_browser()
            except AppError as error:
                return render_error(error)
        return render_error(PageExpired())


def see_payment(transaction: Transaction, message: str, page: str = "transactions.details") -> Response:
    """Redirect (303) after a payment to its transaction, with a message on its outcome."""
    if transaction.status == "pending":
        flash("Your payment is on its way. It will settle within moments; there is no need to send it again.", "info")
    else:
        flash(message, "success")
    return redirect(keep_back_link(url_for(page, transaction_id=transaction.id)), 303)
