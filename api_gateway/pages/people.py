"""Pages for registration, login and logout."""

from typing import Any

from flask import Blueprint, flash, redirect, request, session, url_for
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired

from api_gateway.clients.auth import Origin, SecondStep, Tokens
from api_gateway.pages.common import email_state
from api_gateway.pages.common.forms import BankForm, at_most
from api_gateway.pages.common.responses import done, form_page, here
from api_gateway.pages.common.sections import auth_service, second_factor
from api_gateway.web.browser_session import HOME, home_of, local_path, refuse_session, sign_in, sign_out, visitor
from shared.core.errors import NotAuthenticated, ServiceUnavailable
from shared.web.access import Caller, private_even_limited, public

people = Blueprint("people", __name__)


class LoginForm(BankForm):
    """Username and password."""

    username = StringField("Username", [InputRequired("Enter your username."), at_most(200)])
    password = PasswordField("Password", [InputRequired("Enter your password."), at_most(1000)])
    otp = StringField("Code", [at_most(64)])


class CodeForm(BankForm):
    """The code of the second step."""

    otp = StringField("Code", [InputRequired("Enter the code."), at_most(64)])


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


@people.route("/login", methods=["GET", "POST"])
@public
def login() -> Any:
    """Log in, in two steps where the person has a second factor, and redirect to the page that the visitor wanted."""
    if somebody := visitor():
        return redirect(local_path(request.args.get("next"), home_of(somebody)), 303)
    if request.args.get("start") == "over":
        session.pop("mfa_token", None)
        return redirect(url_for("people.login", next=request.args.get("next")), 303)
    if "mfa_token" in session and "username" not in request.form:
        return _second_step(str(session["mfa_token"]))
    form = LoginForm()
    outcome = form.submitted(lambda: _log_in(form, form.otp.data))
    if outcome is None:
        return form_page("login.html", form)
    if isinstance(outcome, SecondStep):
        session["mfa_token"] = outcome.mfa_token
        return redirect(here(), 303)
    return _go_on(outcome)


def _second_step(mfa_token: str) -> Any:
    form = CodeForm()
    try:
        tokens = form.submitted(
            lambda: second_factor().finish_login(_origin(), mfa_token=mfa_token, otp=form.otp.data or "")
        )
    except NotAuthenticated as error:
        del session["mfa_token"]
        flash(error.message, "info")
        return redirect(here(), 303)
    return form_page("login_code.html", form) if tokens is None else _go_on(tokens)


def _go_on(tokens: Tokens) -> Response:
    caller = sign_in(tokens)
    email_state.ask(caller)
    return redirect(local_path(request.args.get("next"), home_of(caller)), 303)


@people.route("/register", methods=["GET", "POST"])
@public
def register() -> Any:
    """Register a customer and log them in."""
    if somebody := visitor():
        return redirect(home_of(somebody), 303)
    form = RegisterForm()
    tokens = form.submitted(lambda: _register(form))
    if not isinstance(tokens, Tokens):
        return form_page("register.html", form)
    email_state.ask(sign_in(tokens))
    return done(f"Welcome, {tokens.username}. You are logged in.", HOME)


@people.post("/logout")
@private_even_limited
def logout(caller: Caller) -> Response:
    """End the session, here and at the auth service."""
    message = _log_out(caller)
    sign_out()
    return done(message, url_for("people.login"))


@people.get("/session")
@private_even_limited
def stay(_caller: Caller) -> Response:
    """Extend the session, for the notice that it is about to end."""
    session.modified = True
    return Response(status=204)


def _origin() -> Origin:
    return Origin(request.remote_addr or "", request.headers.get("User-Agent", ""))


def _log_in(form: LoginForm | RegisterForm, otp: str | None = None) -> Tokens | SecondStep:
    username, password = form.username.data or "", form.password.data or ""
    return auth_service().log_in(_origin(), username=username, password=password, otp=otp)


def _log_out(caller: Caller) -> str:
    """End the session and return the message to show. This gateway refuses it even if the auth service is away."""
    refuse_session(caller.session_id)
    try:
        auth_service().log_out(caller.token)
    except ServiceUnavailable:
        return "You are logged out of this browser. We will end the session everywhere when it expires."
    return "You are logged out."


def _register(form: RegisterForm) -> Tokens | SecondStep:
    auth_service().register(
        _origin(),
        username=form.username.data or "",
        email=form.email.data or "",
        password=form.password.data or "",
        full_name=form.full_name.data,
    )
    return _log_in(form)
