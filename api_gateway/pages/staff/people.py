"""Pages for admins about users: the list, and one user, whose role and permissions they change with a reason."""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, ValidationError

from api_gateway.pages.common.filters import PeopleFilters, filtered_list
from api_gateway.pages.common.forms import BankForm, at_most, options
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.services import Services
from api_gateway.pages.staff.admin_forms import PERMISSION_LABELS, ROLES, ReasonForm
from api_gateway.pages.staff.work_queue import requests_about
from api_gateway.web.browser_session import refuse_ended_sessions
from shared.web.access import Caller, admin_only

OTHER_REASON = "Another reason"
STATUS_REASONS = ("Asked for by the person", "Suspected misuse", "Suspicion cleared", "Has left", OTHER_REASON)
people = Blueprint("people", __name__)


class RoleForm(ReasonForm):
    """The new role of a person, and why."""

    role = SelectField("Role", [InputRequired("Choose a role.")], choices=options(ROLES))


class StatusForm(BankForm):
    """Whether a person can log in, and why."""

    status = SelectField("Status", choices=options({"active": "Active", "disabled": "Disabled"}))
    reason = SelectField("Reason", choices=options({reason: reason for reason in STATUS_REASONS}), id="status-reason")
    details = StringField("Details", [at_most(150)])

    def validate_details(self, field: StringField) -> None:
        """Require details of another reason than those of the list."""
        if self.reason.data == OTHER_REASON and not (field.data or "").strip():
            raise ValidationError("Enter the reason.")

    @property
    def words(self) -> str:
        """Return the reason as the audit trail keeps it."""
        details = (self.details.data or "").strip()
        return f"{self.reason.data}: {details}" if details else str(self.reason.data)


@people.get("/admin/users")
@admin_only
def users(caller: Caller) -> Any:
    """List the users of the bank."""
    return filtered_list("admin_users.html", PeopleFilters(), Services(caller).auth.users, meanings=PERMISSION_LABELS)


@people.get("/admin/users/<uuid:user_id>")
@admin_only
def person(caller: Caller, user_id: UUID) -> Any:
    """Show a person with their role and permissions."""
    return _person_page(caller, user_id)


@people.post("/admin/users/<uuid:user_id>")
@admin_only
def change_status(caller: Caller, user_id: UUID) -> Any:
    """Disable, enable or unlock a person. A button of the list sends no reason, and leads to the form for it."""
    if "reason" not in request.form and BankForm().validate():
        return _person_page(caller, user_id)
    form = StatusForm()
    change_user = Services(caller).auth.change_user
    changed = form.submitted(lambda: change_user(user_id, status=form.status.data, reason=form.words))
    if changed is None:
        return _person_page(caller, user_id, status=form)
    return _see_person(user_id, f"{changed.username} is {changed.status}.")


@people.route("/admin/users/<uuid:user_id>/role", methods=["GET", "POST"])
@admin_only
def change_role(caller: Caller, user_id: UUID) -> Any:
    """Give a person another role. A GET, by a browser that reloads a refused change, leads to the person."""
    if request.method != "POST":
        return redirect(url_for("people.person", user_id=user_id), 303)
    form = RoleForm()
    change_user = Services(caller).auth.change_user
    changed = form.submitted(lambda: change_user(user_id, role=form.role.data, reason=form.reason.data or ""))
    if changed is None:
        return _person_page(caller, user_id, role=form)
    article = "an" if changed.role[0] in "ae" else "a"
    return _see_person(user_id, f"{changed.username} is now {article} {changed.role}.")


@people.route("/admin/users/<uuid:user_id>/permissions", methods=["GET", "POST"])
@admin_only
def change_permissions(caller: Caller, user_id: UUID) -> Any:
    """Choose what an employee may do."""
    user, present = Services(caller).auth.user(user_id), Services(caller).auth.permissions(user_id)
    form, chosen = ReasonForm(), request.form.getlist("permission")
    change = Services(caller).auth.change_permissions
    if form.submitted(lambda: change(user_id, chosen, form.reason.data or "")):
        return _see_person(user_id, f"The permissions of {user.username} are saved.")
    granted = chosen if request.method == "POST" else present.permissions
    return form_page("admin_permissions.html", form, user=user, meanings=_meanings(present.available), granted=granted)


def _see_person(user_id: UUID, message: str) -> Response:
    """Redirect after a change of a person, which has ended their sessions."""
    refuse_ended_sessions()
    return see_other(message, url_for("people.person", user_id=user_id))


def _person_page(
    caller: Caller, user_id: UUID, *, role: RoleForm | None = None, status: StatusForm | None = None
) -> tuple[str, int]:
    """Return the page of a person. Of its forms, the one that was refused is given."""
    user = Services(caller).auth.user(user_id)
    present = Services(caller).auth.permissions(user_id) if user.role == "employee" else None
    return form_page(
        "admin_person.html",
        role or status or BankForm(formdata=None),
        user=user,
        role=role or RoleForm(formdata=None, role=user.role),
        status=status or StatusForm(formdata=None),
        granted=_meanings(present.permissions) if present else {},
        waiting=requests_about(caller, person=user_id),
    )


def _meanings(names: list[str]) -> dict[str, str]:
    """Return the meanings of these permissions, in the order of the pages."""
    return {name: PERMISSION_LABELS.get(name, name) for name in (*PERMISSION_LABELS, *names) if name in names}
