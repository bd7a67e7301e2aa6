"""Passkeys: add and remove them, and log in with one instead of a password."""

import json
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, session, url_for
from werkzeug.wrappers import Response
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired

from api_gateway.clients.passkeys import PasskeyOptions
from api_gateway.pages.common.forms import BankForm, at_most
from api_gateway.pages.common.responses import current_address, form_page, see_other
from api_gateway.pages.common.services import Services
from api_gateway.pages.common.step_up import StepUpForm, show_recovery_codes, to_object
from api_gateway.web.browser_session import (
    caller_at_browser,
    origin,
    redirect_after_login,
    renew_session,
    sign_in,
    visitor,
)
from shared.core.errors import NotFound
from shared.web.access import Caller, private, private_even_limited, public

passkeys = Blueprint("passkeys", __name__)
ADDED = "The passkey is added. You can log in with it."


class PasskeyForm(StepUpForm):
    """The name of a new passkey, and the password."""

    name = StringField("Name of the passkey", [DataRequired("Enter a name, such as Phone."), at_most(60)])
    password = PasswordField("Password", [InputRequired("Enter your password."), at_most(1000)])


class AnswerForm(BankForm):
    """The answer of the browser, which a script fills in."""

    credential = HiddenField()


@passkeys.route("/settings/passkeys", methods=["GET", "POST"])
@private_even_limited
def own(caller: Caller) -> Any:
    """List the caller's passkeys, and begin to add one."""
    form = PasskeyForm()
    begun = form.submitted(lambda: form.confirmed(caller, lambda caller: _begin(caller, form)))
    if begun is None:
        return form_page("passkeys.html", form, passkeys=Services(caller_at_browser()).passkeys.list_own())
    session["passkey"] = {"name": form.name.data, "token": begun.passkey_token}
    return _ask(begun, "create", url_for("passkeys.add"))


@passkeys.post("/settings/passkeys/add")
@private_even_limited
def add(caller: Caller) -> Response:
    """Store a passkey with the answer of the browser."""
    form, begun = AnswerForm(), session.pop("passkey", {})
    codes = form.submitted(lambda: _register(caller, begun, to_object(form.credential.data or "")))
    if codes is not None:
        renew_session()
        if codes:
            return show_recovery_codes(codes, f"{ADDED} A login by password needs it as well from now on.")
        return see_other(ADDED, url_for("passkeys.own"))
    flash("The passkey was not added. Begin again.", "danger")
    return redirect(url_for("passkeys.own"), 303)


@passkeys.route("/settings/passkeys/<uuid:passkey_id>/remove", methods=["GET", "POST"])
@private
def remove(caller: Caller, passkey_id: UUID) -> Any:
    """Ask whether to remove a passkey of the caller; a POST removes it, after a fresh code where they have a factor."""
    form = StepUpForm()
    if form.carried_out(lambda: form.confirmed(caller, lambda caller: Services(caller).passkeys.remove(passkey_id))):
        renew_session()
        return see_other("The passkey is removed. Delete it on your device as well.", url_for("passkeys.own"))
    own = Services(caller_at_browser()).passkeys.list_own()
    removed = next((passkey for passkey in own if passkey.id == passkey_id), None)
    if removed is None:
        raise NotFound
    return form_page(
        "confirm.html",
        form,
        what=f"Remove the passkey {removed.name}",
        effects=["You can't log in with it any more."],
        button="Confirm removal",
        keep="Keep it",
        back=("/settings/passkeys", "Passkeys"),
    )


@passkeys.route("/login/passkey", methods=["GET", "POST"])
@public
def log_in() -> Any:
    """Log in with a passkey, and redirect to the page that was requested first."""
    if somebody := visitor():
        return redirect_after_login(somebody)
    form = AnswerForm()
    ticket = str(session.get("passkey_login", ""))
    answer = to_object(form.credential.data or "")
    tokens = form.submitted(lambda: Services().passkeys.log_in(origin(), passkey_token=ticket, credential=answer))
    if tokens is None:
        begun = Services().passkeys.begin_login()
        session["passkey_login"] = begun.passkey_token
        return _ask(begun, "get", current_address(), form)
    return redirect_after_login(sign_in(tokens))


def _begin(caller: Caller, form: PasskeyForm) -> PasskeyOptions:
    return Services(caller).passkeys.begin_registration(form.password.data or "")


def _register(caller: Caller, begun: dict[str, Any], credential: dict[str, Any]) -> list[str]:
    name, passkey_token = str(begun.get("name") or "Passkey"), str(begun.get("token", ""))
    return Services(caller).passkeys.register(name=name, passkey_token=passkey_token, credential=credential)


def _ask(begun: PasskeyOptions, kind: str, action: str, form: BankForm | None = None) -> Any:
    """Return the page whose script calls `navigator.credentials`; `kind` is its method, `create` or `get`."""
    form = form or AnswerForm()
    page = render_template("passkey.html", form=form, kind=kind, action=action, options=json.dumps(begun.options))
    return page, form.status_code if kind == "get" else 200
