"""Pages for people who can't log in: ask for a link by mail, and use it."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, render_template, request, session, url_for
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired

from api_gateway.pages.common import email_state
from api_gateway.pages.common.forms import BankForm, at_most
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.sections import auth_service
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


class ResetForm(BankForm):
    """A new password, by the link of a mail."""

    new_password = PasswordField("New password", [InputRequired("Choose a new password."), at_most(1000)])
    confirm_password = PasswordField(
        "Confirm new password",
        [InputRequired("Enter the new password again."), EqualTo("new_password", "The two passwords differ.")],
    )

    @property
    def password(self) -> str:
        """Return the new password."""
        return self.new_password.data or ""


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
    if form.carried_out(lambda: auth_service().ask_for_reset(form.email.data or "")):
        return render_template("forgot_password.html", form=form, is_sent=True)
    return form_page("forgot_password.html", form, is_sent=False)


@recovery.route("/reset-password", methods=["GET", "POST"])
@public
def reset() -> Any:
    """Set a new password by the link of a mail; a link that can't be used leads to a page that offers a new one."""
    visitor()
    token = request.args.get("token", "")
    form = ResetForm()
    try:
        if not form.is_submitted():
            _by_link(lambda: auth_service().check_link("password_reset", token))
        is_done = form.carried_out(lambda: _by_link(lambda: auth_service().reset_password(token, form.password)))
    except LinkUnusable:
        return render_template("link_unusable.html"), 400
    if not is_done:
        return form_page("reset_password.html", form)
    refuse_ended_sessions()
    sign_out()
    return see_other(
        "Your password is changed, and you are logged out everywhere. Log in with it.", url_for("people.login")
    )


@recovery.route("/verify-email", methods=["GET", "POST"])
@public
def verify_email() -> Any:
    """Verify an e-mail address by the link of a mail. It takes a button, since programs that check mail open links."""
    person, token = visitor(), request.args.get("token", "")
    form = BankForm()
    try:
        if not form.is_submitted():
            _by_link(lambda: auth_service().check_link("email_check", token))
        is_done = form.carried_out(lambda: _by_link(lambda: auth_service().verify_email(token)))
    except LinkUnusable:
        return render_template("link_unusable.html", way_on="/profile"), 400
    if not is_done:
        text = "Please confirm that this e-mail address is yours and that you are a customer of ours."
        return form_page(
            "link_confirm.html", form, title="Verify your address", text=text, action="Confirm the address"
        )
    session.pop(email_state.UNVERIFIED, None)
    return see_other(
        "Your e-mail address is verified. Thank you.", home_of(person) if person else url_for("people.login")
    )


@recovery.route("/undo-email-change", methods=["GET", "POST"])
@public
def undo_email() -> Any:
    """Return to the e-mail address before a change, by the link of a mail."""
    visitor()
    token = request.args.get("token", "")
    form = BankForm()
    try:
        if not form.is_submitted():
            _by_link(lambda: auth_service().check_link("email_undo", token))
        is_done = form.carried_out(lambda: _by_link(lambda: auth_service().undo_email(token)))
    except LinkUnusable:
        return render_template("link_unusable.html"), 400
    if not is_done:
        text = (
            "This brings your old address back, logs everybody out of your account, and makes the present password "
            "useless. We send you a link to set a new one."
        )
        return form_page("link_confirm.html", form, title="Undo the change", text=text, action="Confirm: undo it")
    refuse_ended_sessions()
    sign_out()
    return see_other("Your old address is back. We have sent it a link to set a new password.", url_for("people.login"))


def _by_link(call: Callable[[], None]) -> None:
    """Call the auth service with the token of a link. Raises LinkUnusable when the link is the reason for a refusal."""
    try:
        call()
    except AppError as error:
        if error.code != INVALID_LINK:
            raise
        raise LinkUnusable from None
