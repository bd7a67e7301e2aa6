"""What all pages have in common: the services they ask, how they end well, and the page for what went wrong."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

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
    to_login,
    visitor,
    way_back,
)
from api_gateway.web.tools import tools
from shared.core import periods
from shared.core.errors import GENERIC_BY_STATUS, AppError, InvalidRequest
from shared.http import request_ids
from shared.http.client import Peer
from shared.web import responses
from shared.web.access import Caller, access_of

WORDS: Mapping[int, tuple[str, str]] = {
    400: ("That did not work", "The request could not be understood. Go back, check what you entered and try again."),
    403: ("This page is not for you", "Your account does not have access to this page."),
    404: ("We can't find that", "The page or record does not exist, or it is not yours to see."),
    405: (
        "That can't be done here",
        "This address does not take that kind of request. Go back, and use the buttons of the page.",
    ),
    409: ("Something changed meanwhile", "Reload the page to see the present state, then try again."),
    413: ("That is too large", "What you sent is larger than we accept. Shorten it, then send it again."),
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

AGAIN = frozenset({429, 500, 503})
"""Failures that may be over when the page is asked for again."""


class PageExpired(InvalidRequest):
    """400: the form's token is missing, or of another session."""

    code = "PAGE_EXPIRED"
    message = "This page had been open for too long. Nothing was sent. Please open it again and repeat your entry."


def peer(name: str) -> Peer:
    """A service by its name, such as "account-service", for the present page.

    All that a page reads must come within its timeout, so that a hung service makes no page hang. What a form changes
    has a timeout of its own, and what is read around that has the page's time anew.
    """
    deadline = time.monotonic() + tools().page_timeout_seconds
    return tools().peers[name].until(deadline if request.method == "POST" else g.setdefault("page_deadline", deadline))


def here(**changes: Any) -> str:
    """The present page's address with its query changed; None takes a key out."""
    query = {**request.args.to_dict(), **changes}
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


def done(message: str, location: str) -> Response:
    """The end of a successful POST: 303 to `location`, where `message` is shown."""
    flash(message, "success")
    return redirect(location, 303)


def form_page(template: str, form: BankForm, **context: Any) -> tuple[str, int]:
    """A page with its form: 200 when asked for, 400 or 503 when the form comes back with errors."""
    return render_template(template, form=form, **context), form.status_code


def render_error(error: AppError) -> Any:
    """Any failure: JSON for programs, a page in plain words for people, the way to the login for those signed out."""
    if is_machine_path():
        return responses.failure(error)
    if error.status == 401:
        return to_login()
    response = current_app.make_response((_error_page(error), error.status, dict(error.headers)))
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _error_page(error: AppError) -> str:
    visitor()
    title, text = WORDS.get(error.status, WORDS[500])
    if error.message != GENERIC_BY_STATUS.get(error.status, AppError).message:
        text = error.message
    elif error.status == 429 and error.retry_after_seconds:
        text = f"There were too many tries. Try again in {periods.wait_text(error.retry_after_seconds)}."
    return render_template(
        "error.html", error=error, title=title, text=text, ways=_ways_on(error), request_id=request_ids.current()
    )


def _ways_on(error: AppError) -> list[tuple[str, str]]:
    """Where to go from the page of an error, as addresses with their words, the best first.

    The page that has failed is offered only where it may work now, and then as what it is: another try.
    """
    may_be_over = error.status == 429 or (request.method in ("GET", "HEAD") and error.status in AGAIN)
    ways = {}
    if may_be_over and (again := way_back()):
        ways[again] = "Try again"
    elif back := referring_page():
        ways[back] = "Open the page again" if isinstance(error, PageExpired) else "Go back"
    person: Caller | None = g.get("caller")
    home = home_of(person) if person else "/"
    if request.path != home and home not in ways:
        name = "your overview" if person and person.is_staff else "your dashboard" if person else "the start page"
        ways[home] = f"Go to {name}"
    return list(ways.items())


def install_form_token_errors(app: Flask) -> None:
    """A form without its token: from somebody signed out the way to the login, else a page that says what to do."""

    @app.errorhandler(CSRFError)
    def _expired(_error: CSRFError) -> Any:
        if access_of(current_app.view_functions[str(request.endpoint)]) != "public":
            try:
                caller_at_browser()
            except AppError as error:
                return render_error(error)
        return render_error(PageExpired())


def paid(transaction: Transaction, message: str, page: str = "transactions.details") -> Response:
    """The end of a payment: 303 to the transaction's page, with a word on what came of it."""
    if transaction.status == "pending":
        flash("Your payment is on its way. It will settle within moments; there is no need to send it again.", "info")
    else:
        flash(message, "success")
    return redirect(url_for(page, transaction_id=transaction.id), 303)
