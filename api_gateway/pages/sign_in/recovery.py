"""Pages for people who can't log in: ask for a link by mail, and use it."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, render_template, request, session, url_for
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired

from api_gateway.clients.auth import AuthClient
from api_gateway.pages.common import session_profile
from api_gateway.pages.common.forms import BankForm, NewPasswordForm, at_most
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.services import Services
from api_gateway.web.browser_session import home_of, refuse_ended_sessions, sign_out, visitor
from shared.core.errors import AppError
from shared.web.access import public

INVALID_LINK = "INVALID_LINK"

recovery = Blueprint("recovery", __name__)


class LinkUnusable(Exception):
    """A link was used, has expired or never existed: a page of its own says so, not the form."""


class ForgottenForm(BankForm):
    """The e-mail address of somebody who has forgotten the password."""

    email = StringField("E-mail", [InputRequired("Enter your e-mail address."), at_most(100)])


@recovery.errorhandler(LinkUnusable)
def _explain_unusable_link(_error: LinkUnusable) -> tuple[str, int]:
    request_page = "/profile" if request.path == "/verify-email" else "/forgot-password"
    return render_template("link_unusable.html", request_page=request_page), 400


@recovery.after_request
def _keep_the_link(response: Response) -> Response:
    """Send no Referer header from these pages, since their address contains the token of a link."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@recovery.route("/forgot-password", methods=["GET", "POST"])
@public
def forgot() -> Any:
    """Ask for a link to set a new password. The page is the same whether the address is known or not."""
    visitor()
    form = ForgottenForm()
    if form.carried_out(lambda: Services().auth.ask_for_reset(form.email.data or "")):
        return render_template("forgot_password.html", form=form, is_sent=True)
    return form_page("forgot_password.html", form, is_sent=False)


@recovery.route("/reset-password", methods=["GET", "POST"])
@public
def reset() -> Any:
    """Set a new password by the link of a mail; a link that can't be used leads to a page that offers a new one."""
    visitor()
    form = NewPasswordForm()
    if not _used(form, "password_reset", lambda auth, token: auth.reset_password(token, form.new_password.data or "")):
        return form_page("reset_password.html", form)
    return _to_login("Your password is changed, and you are logged out everywhere. Log in with it.")


@recovery.route("/verify-email", methods=["GET", "POST"])
@public
def verify_email() -> Any:
    """Verify an e-mail address by the link of a mail. It takes a button, since programs that check mail open links."""
    person, form = visitor(), BankForm()
    if not _used(form, "email_check", AuthClient.verify_email):
        text = "Please confirm that this e-mail address is yours and that you are a customer of ours."
        return form_page(
            "link_confirm.html", form, title="Verify your address", text=text, action="Confirm the address"
        )
    session.pop(session_profile.UNVERIFIED, None)
    home = home_of(person) if person else url_for("logins.login")
    return see_other("Your e-mail address is verified. Thank you.", home)


@recovery.route("/undo-email-change", methods=["GET", "POST"])
@public
def undo_email() -> Any:
    """Return to the e-mail address before a change, by the link of a mail."""
    visitor()
    form = BankForm()
    if not _used(form, "email_undo", AuthClient.undo_email):
        text = (
            "This brings your old address back, logs everybody out of your account, and makes the present password "
            "useless. We send you a link to set a new one."
        )
        return form_page("link_confirm.html", form, title="Undo the change", text=text, action="Confirm: undo it")
    return _to_login("Your old address is back. We have sent it a link to set a new password.")


def _used(form: BankForm, purpose: str, use: Callable[[AuthClient, str], None]) -> bool:
    """Use the link in the address and return whether its form was sent and is accepted; before that check the link."""
    auth, token = Services().auth, request.args.get("token", "")
    if not form.is_submitted():
        _by_link(lambda: auth.check_link(purpose, token))
    return form.carried_out(lambda: _by_link(lambda: use(auth, token)))


def _by_link(call: Callable[[], None]) -> None:
    """Call the auth service with the token of a link. Raises LinkUnusable when the link is the reason for a refusal."""
    try:
        call()
    except AppError as error:
        if error.code != INVALID_LINK:
            raise
        raise LinkUnusable from None


def _to_login(message: str) -> Response:
    """Redirect to the login after a change that has ended all sessions of the user."""
    refuse_ended_sessions()
    sign_out()
    return see_other(message, url_for("logins.login"))
