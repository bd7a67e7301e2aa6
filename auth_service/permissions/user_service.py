"""The endpoints by which admins see and change users."""

from uuid import UUID

from flask import Blueprint, Response

from auth_service import user_logic
from auth_service.auth_models import User
from auth_service.common_service import api, approvals, changed_or_waiting, tools
from auth_service.user_logic import LastAdmin
from auth_service.user_schemas import (
    ListedUser,
    PersonApprovalOut,
    PersonOut,
    PersonQuery,
    UserAnswer,
    UserChanges,
    UserOut,
    UsersQuery,
)
from shared.core.errors import NotFound
from shared.web.access import Caller, admin_only, staff_with
from shared.web.approvals.rules import ApprovalPending
from shared.web.cursors import page_of
from shared.web.responses import success
from shared.web.validation.openapi import answer, documented

users = Blueprint("users", __name__, url_prefix="/api/auth/users")


@users.get("")
@admin_only
@api.validate(resp=documented(200, page_of(users=ListedUser)))
def list_users(caller: Caller, query: UsersQuery) -> Response:
    """List users, newest first."""
    found, pagination = user_logic.list_users(tools(), caller, query)
    return success(users=found, pagination=pagination)


@users.get("/lookup")
@staff_with("customers:read")
@api.validate(resp=documented(200, answer(user=PersonOut), NotFound))
def look_up_user(caller: Caller, query: PersonQuery) -> Response:
    """Find one user by exact username, e-mail address or id. For employees, so without contact data."""
    return success(user=PersonOut.model_validate(user_logic.look_up(tools(), caller, query)))


@users.get("/<uuid:user_id>")
@admin_only
@api.validate(resp=documented(200, answer(user=ListedUser)))
def user_details(caller: Caller, user_id: UUID) -> Response:
    """Return one user."""
    (user,) = user_logic.with_lockouts(tools(), [user_logic.view(tools(), caller, user_id)], ListedUser)
    return success(user=user)


@users.put("/<uuid:user_id>")
@admin_only
@api.validate(resp=documented(200, UserAnswer, LastAdmin, ApprovalPending, waits_as=PersonApprovalOut))
def change_user(caller: Caller, user_id: UUID, json: UserChanges) -> Response:
    """Change a user's role or status and end all sessions of the user, or ask a second person for it."""
    outcome = user_logic.change_or_ask(tools(), approvals(), caller, user_id, json)
    return changed_or_waiting(outcome, _render, "The change is saved.")


@users.delete("/<uuid:user_id>")
@admin_only
@api.validate(resp=documented(200, UserAnswer, LastAdmin, ApprovalPending, waits_as=PersonApprovalOut))
def disable_user(caller: Caller, user_id: UUID) -> Response:
    """Disable a user and end all sessions of the user, or ask a second person for it. The history is kept."""
    outcome = user_logic.change_or_ask(tools(), approvals(), caller, user_id, UserChanges(status="disabled"))
    return changed_or_waiting(outcome, _render, "The person is disabled.")


def _render(user: User) -> dict[str, UserOut]:
    return {"user": UserOut.model_validate(user)}
