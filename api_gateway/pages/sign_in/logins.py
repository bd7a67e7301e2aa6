"""Pages for registration, login and logout."""

import json
from typing import Any

from flask import Blueprint, flash, redirect, request, session, url_for
from werkzeug.wrappers import Response
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, ValidationError

from api_gateway.clients.auth import SecondStep, Tokens
from api_gateway.pages.common import session_profile
from api_gateway.pages.common.forms import BankForm, at_most
from api_gateway.pages.common.responses import current_address, form_page, see_other
from api_gateway.pages.common.services import Services
from api_gateway.pages.common.step_up import to_object
from api_gateway.web.browser_session import (
    HOME,
    home_of,
    origin,
    redirect_after_login,
    refuse_session,
    sign_in,
    sign_out,
    visitor,
)
from shared.core.errors import NotAuthenticated, ServiceUnavailable
from shared.web.access import Caller, private_even_limited, public

logins = Blueprint("logins", __name__)


class LoginForm(BankForm):
    """Username and password."""

    username = StringField("Username", [InputRequired("Enter your username."), at_most(200)])
    password = PasswordField("Password", [InputRequired("Enter your password."), at_most(1000)])
    otp = StringField("Code", [at_most(64)])


class SecondStepForm(BankForm):
    """The second step: a code, or the answer of a passkey, which a script fills in."""

    otp = StringField("Code", [at_most(64)])
    credential = HiddenField()

    def validate_otp(self, field: StringField) -> None:
        """Require one of the two."""
        if not field.data and not self.credential.data:
            raise ValidationError("Enter the code.")


class RegisterForm(BankForm):
    """The data of a new customer."""

    full_name = StringField("Full name", [at_most(100)], filters=[lambda text: (text or "").strip() or None])
    username = StringField("Username", [InputRequired("Choose a username."), at_most(50)])
    email = StringField("E-mail", [InputRequired("Enter your e-mail address."), at_most(100)])
    password = PasswordField("Password", [InputRequired("Choose a password."), at_most(1000)])
    confirm_password = PasswordField(
        "Confirm password",
        [InputRequired("Enter the password again."), EqualTo("password", "The two passwords differ.")],
    )


@logins.route("/login", methods=["GET", "POST"])
@public
def login() -> Any:
    """Log in, in two steps where the person has a second factor, and redirect to the page that was requested first."""
    if somebody := visitor():
        return redirect_after_login(somebody)
    if request.args.get("start") == "over":
        session.pop("second_step", None)
        return redirect(url_for("logins.login", next=request.args.get("next")), 303)
    if "second_step" in session and "username" not in request.form:
        return _second_step(SecondStep.model_validate(session["second_step"]))
    form = LoginForm()
    outcome = form.submitted(lambda: _log_in(form, form.otp.data))
    if outcome is None:
        return form_page("login.html", form)
    if isinstance(outcome, SecondStep):
        session["second_step"] = outcome.model_dump()
        return redirect(current_address(), 303)
    return _sign_in(outcome)


def _second_step(step: SecondStep) -> Any:
    form = SecondStepForm()
    try:
        if tokens := form.submitted(lambda: _finish(step, form)):
            return _sign_in(tokens)
        options = _passkey_options(step) if "passkey" in step.methods else None
    except NotAuthenticated as error:
        session.pop("second_step", None)
        flash(error.message, "info")
        return redirect(current_address(), 303)
    form.credential.data = ""
    return form_page("login_code.html", form, methods=step.methods, passkey_options=options)


def _finish(step: SecondStep, form: SecondStepForm) -> Tokens:
    otp = form.otp.data or ""
    if otp or not form.credential.data:
        return Services().second_factor.finish_login(origin(), mfa_token=step.mfa_token, otp=otp)
    answer = {"passkey_token": session.get("passkey_step", ""), "credential": to_object(form.credential.data)}
    return Services().passkeys.finish_second_step(origin(), mfa_token=step.mfa_token, **answer)


def _passkey_options(step: SecondStep) -> str:
    begun = Services().passkeys.begin_second_step(step.mfa_token)
    session["passkey_step"] = begun.passkey_token
    return json.dumps(begun.options)


def _sign_in(tokens: Tokens) -> Response:
    caller = sign_in(tokens)
    session_profile.load(caller)
    return redirect_after_login(caller)


@logins.route("/register", methods=["GET", "POST"])
@public
def register() -> Any:
    """Register a customer and log them in."""
    if somebody := visitor():
        return redirect(home_of(somebody), 303)
    form = RegisterForm()
    tokens = form.submitted(lambda: _register(form))
    if not isinstance(tokens, Tokens):
        return form_page("register.html", form)
    session_profile.load(sign_in(tokens))
    return see_other(f"Welcome, {tokens.username}. You are logged in.", HOME)


@logins.post("/logout")
@private_even_limited
def logout(caller: Caller) -> Response:
    """End the session, here and at the auth service."""
    message = _log_out(caller)
    sign_out()
    return see_other(message, url_for("logins.login"))


@logins.get("/session")
@private_even_limited
def stay(_caller: Caller) -> Response:
    """Extend the session, for the notice that it is about to end."""
    session.modified = True
    return Response(status=204)


def _log_in(form: LoginForm | RegisterForm, otp: str | None = None) -> Tokens | SecondStep:
    username, password = form.username.data or "", form.password.data or ""
    return Services().auth.log_in(origin(), username=username, password=password, otp=otp)


def _log_out(caller: Caller) -> str:
    """End the session and return the message to show. This gateway refuses it even if the auth service is away."""
    refuse_session(caller.session_id)
    try:
        Services(caller).auth.log_out()
    except ServiceUnavailable:
        return "You are logged out of this browser. We will end the session everywhere when it expires."
    return "You are logged out."


def _register(form: RegisterForm) -> Tokens | SecondStep:
    Services().auth.register(
        origin(),
        username=form.username.data or "",
        email=form.email.data or "",
        password=form.password.data or "",
        full_name=form.full_name.data,
    )
    return _log_in(form)
