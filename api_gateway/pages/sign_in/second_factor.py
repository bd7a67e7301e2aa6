"""Two-step login: set it up with an authenticator app, renew the recovery codes, turn it off."""

from typing import Any

import segno
from flask import Blueprint, redirect, render_template, session, url_for
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from api_gateway.clients.second_factor import Setup
from api_gateway.pages.common.forms import BankForm, at_most
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.services import Services
from api_gateway.pages.common.step_up import StepUpForm, show_recovery_codes
from api_gateway.web.browser_session import renew_session
from shared.web.access import Caller, private, private_even_limited

second_factor = Blueprint("second_factor", __name__)


class EnableForm(BankForm):
    """The first code of a new authenticator app."""

    otp = StringField("Code from the app", [InputRequired("Enter the code that the app shows."), at_most(64)])


class DisableForm(BankForm):
    """The password and a code, to turn two-step login off."""

    password = PasswordField("Password", [InputRequired("Enter your password."), at_most(1000)])
    otp = StringField("Code", [InputRequired("Enter a code."), at_most(64)])


@second_factor.post("/settings/second-factor/setup")
@private_even_limited
def begin_setup(caller: Caller) -> Any:
    """Make a new secret, which the browser keeps in its encrypted session until it is enabled."""
    form = StepUpForm()
    begun = form.submitted(lambda: form.confirmed(caller, lambda caller: Services(caller).second_factor.set_up()))
    if begun is None:
        return form_page(
            "confirm.html",
            form,
            what="Set up an authenticator app",
            button="Continue",
            style="primary",
            back=("/settings", "Settings"),
        )
    session["mfa_setup"] = begun.model_dump()
    return redirect(url_for("second_factor.setup"), 303)


@second_factor.route("/settings/second-factor", methods=["GET", "POST"])
@private_even_limited
def setup(caller: Caller) -> Any:
    """Show the secret as a QR code, and enable it by a first code."""
    if Services(caller).second_factor.status().app_enabled:
        return redirect(url_for("profile.settings"), 303)
    form = EnableForm()
    if "mfa_setup" not in session:
        return render_template("second_factor.html", form=form, setup=None)
    codes = form.submitted(lambda: Services(caller).second_factor.enable(form.otp.data or ""))
    if codes is None:
        begun = Setup.model_validate(session["mfa_setup"])
        return form_page("second_factor.html", form, setup=begun, picture=_qr_code(begun.otpauth_uri))
    del session["mfa_setup"]
    renew_session()
    return show_recovery_codes(
        codes,
        "Two-step login is on. You are logged out everywhere else. The code that you entered is used up: "
        "for your next login wait until the app shows another one.",
    )


@second_factor.route("/settings/second-factor/recovery-codes", methods=["GET", "POST"])
@private_even_limited
def recovery_codes(caller: Caller) -> Any:
    """Show new recovery codes once; otherwise make new ones after a code."""
    form = StepUpForm()
    if not form.is_submitted() and (codes := session.pop("recovery_codes", None)):
        return render_template("recovery_codes.html", codes=codes)
    made = form.submitted(lambda: form.confirmed(caller, _renew_codes))
    if made is None:
        return form_page("recovery_codes_new.html", form)
    return show_recovery_codes(made, "These are your new recovery codes. The earlier ones are no longer good.")


@second_factor.route("/settings/second-factor/disable", methods=["GET", "POST"])
@private
def disable(caller: Caller) -> Any:
    """Turn two-step login off."""
    form = DisableForm()
    password, otp = form.password.data or "", form.otp.data or ""
    if form.carried_out(lambda: Services(caller).second_factor.disable(password=password, otp=otp)):
        renew_session()
        message = "The authenticator app is removed. You are logged out everywhere else."
        return see_other(message, url_for("profile.settings"))
    return form_page("second_factor_disable.html", form)


def _renew_codes(caller: Caller) -> list[str]:
    return Services(caller).second_factor.renew_recovery_codes()


def _qr_code(text: str) -> str:
    """Return a picture of a QR code with `text`, as a data address, dark on light with a margin in every theme."""
    picture: str = segno.make(text, error="m").svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
    return picture
