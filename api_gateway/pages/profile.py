"""Pages for the caller's own data: profile, password, sessions, display."""

from concurrent.futures import Future
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import InputRequired

from api_gateway.clients.auth import Profile
from api_gateway.pages.common import session_profile
from api_gateway.pages.common.filters import ROWS
from api_gateway.pages.common.forms import NewPasswordForm, at_most, options
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.services import Services, or_none, result_or_none, start_call
from api_gateway.pages.common.step_up import StepUpForm
from api_gateway.web import time_zones
from api_gateway.web.browser_session import (
    caller_at_browser,
    refuse_ended_sessions,
    refuse_session,
    renew_session,
    sign_out,
)
from api_gateway.web.documents import send_on
from shared.core.time_zones import zone_names
from shared.web.access import Caller, private

VIEW_LABELS = {
    "view.account": "An account of yours",
    "view.accounts": "Your list of accounts",
    "view.audit": "What you did, and what was done about you",
    "view.case": "Your messages to the bank",
    "view.identity": "Whether the bank has verified who you are",
    "view.notes": "The bank's notes about you",
    "view.person": "Your name and contact data",
    "view.report": "A report of yours",
    "view.sessions": "Where you are logged in",
    "view.suspense": "Money that the bank holds for you",
    "view.transaction": "A transaction of yours",
    "view.transactions": "The transactions of an account of yours",
}
profile = Blueprint("profile", __name__)
LOGINS = 10


class ProfileForm(StepUpForm):
    """The profile. A new e-mail address needs the current password."""

    full_name = StringField("Full name", [at_most(100)])
    phone = StringField("Phone", [at_most(30)])
    email = StringField("E-mail", [InputRequired("Enter your e-mail address."), at_most(100)])
    time_zone = SelectField("Time zone", default="")
    current_password = PasswordField("Current password", [at_most(1000)])

    def offer_zones(self, of_browser: str) -> None:
        """Offer all time zones, and none, which leaves it to the browser."""
        zones = {name: name for name in sorted(zone_names())}
        self.time_zone.choices = options(zones, f"As this browser says ({of_browser})")

    def changes(self, present: Profile) -> dict[str, str | None]:
        """Return the fields that differ from the stored ones; a new e-mail address adds the password."""
        wanted = {name: self[name].data or None for name in ("full_name", "phone", "email", "time_zone")}
        changed = {name: value for name, value in wanted.items() if value != getattr(present, name)}
        if "email" in changed:
            changed["current_password"] = self.current_password.data or ""
        return changed


class PasswordForm(StepUpForm, NewPasswordForm):
    """A new password, confirmed by the current one."""

    current_password = PasswordField("Current password", [InputRequired("Enter your current password.")])


@profile.route("/profile", methods=["GET", "POST"])
@private
def show(caller: Caller) -> Any:
    """Show and change the caller's profile."""
    identity_call = start_call(Services(caller).auth.identity)
    present = Services(caller).auth.profile()
    session_profile.store(present)
    form = ProfileForm(obj=present)
    form.offer_zones(time_zones.browser_zone().key)
    if form.carried_out(lambda: _save(caller, form, present)):
        time_zones.remember(form.time_zone.data)
        return see_other("Your profile is saved.", url_for("profile.show"))
    return form_page("profile.html", form, profile=present, identity=result_or_none(identity_call))


@profile.get("/profile/views")
@private
def views(caller: Caller) -> str:
    """Show the accesses of staff to the caller's data."""
    found = or_none(Services(caller).audit.views, limit=ROWS, cursor=request.args.get("cursor"))
    return render_template("profile_views.html", found=found, looked_at=VIEW_LABELS)


@profile.post("/profile/verification")
@private
def send_verification(caller: Caller) -> Response:
    """Request another mail with the link that verifies the e-mail address."""
    Services(caller).auth.send_verification()
    return see_other("A mail with a link is on its way, if your address is not verified yet.", url_for("profile.show"))


@profile.route("/settings", methods=["GET", "POST"])
@private
def settings(caller: Caller) -> Any:
    """Change the password, list the sessions, choose the theme."""
    form = PasswordForm()
    if form.carried_out(lambda: _change_password(caller, form)):
        renew_session()
        return see_other(
            "Your password is changed. Every other place where you were logged in is logged out.",
            url_for("profile.settings"),
        )
    caller = caller_at_browser()
    calls: dict[str, Future[Any]] = {
        "sessions": start_call(Services(caller).auth.sessions),
        "logins": start_call(Services(caller).auth.logins, LOGINS),
        "two_step": start_call(Services(caller).second_factor.status),
    }
    return form_page("settings.html", form, **{name: result_or_none(call) for name, call in calls.items()})


@profile.post("/settings/sessions/end-all")
@private
def end_all_sessions(caller: Caller) -> Response:
    """End all of the caller's sessions."""
    Services(caller).auth.end_all_sessions()
    refuse_session(caller.session_id)
    refuse_ended_sessions()
    sign_out()
    return see_other("You are logged out everywhere.", url_for("logins.login"))


@profile.post("/settings/sessions/<uuid:session_id>/end")
@private
def end_session(caller: Caller, session_id: UUID) -> Response:
    """End one of the caller's sessions."""
    Services(caller).auth.end_session(session_id)
    refuse_session(session_id)
    return see_other("That session is logged out.", url_for("profile.settings"))


def _save(caller: Caller, form: ProfileForm, present: Profile) -> None:
    if changes := form.changes(present):
        form.confirmed(caller, lambda caller: Services(caller).auth.update_profile(changes))


def _change_password(caller: Caller, form: PasswordForm) -> None:
    current, new = form.current_password.data or "", form.new_password.data or ""
    form.confirmed(
        caller,
        lambda caller: Services(caller).auth.change_password(current_password=current, new_password=new),
    )


@profile.post("/profile/export")
@private
def export(caller: Caller) -> Response:
    """Return all data of the caller as a download."""
    return send_on(Services(caller).reports.export())
