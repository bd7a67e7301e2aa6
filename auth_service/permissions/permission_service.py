"""The endpoints for the permissions of employees."""

from uuid import UUID

from flask import Blueprint, Response

from auth_service.common_service import api, approvals, changed_or_waiting, tools
from auth_service.permissions import permission_logic
from auth_service.permissions.permission_logic import NotAnEmployee
from auth_service.permissions.permission_schemas import (
    PERMISSIONS,
    PermissionChange,
    PermissionsAnswer,
    RightAnswer,
    RightQuery,
)
from auth_service.user_schemas import PersonApprovalOut
from shared.web.access import Caller, admin_only, service_only
from shared.web.approvals.rules import ApprovalPending
from shared.web.responses import success
from shared.web.validation.openapi import documented

permissions = Blueprint("permissions", __name__, url_prefix="/api/auth/users")
permissions_internal = Blueprint("permissions_internal", __name__, url_prefix="/internal/users")


@permissions.get("/<uuid:user_id>/permissions")
@admin_only
@api.validate(resp=documented(200, PermissionsAnswer, NotAnEmployee))
def find(_caller: Caller, user_id: UUID) -> Response:
    """Return what an employee may do."""
    return success(permissions=permission_logic.find(tools(), user_id), available=sorted(PERMISSIONS))


@permissions.put("/<uuid:user_id>/permissions")
@admin_only
@api.validate(resp=documented(200, PermissionsAnswer, NotAnEmployee, ApprovalPending, waits_as=PersonApprovalOut))
def change(caller: Caller, user_id: UUID, json: PermissionChange) -> Response:
    """Choose what an employee may do, and end all sessions of the employee, or ask a second person for it."""
    outcome = permission_logic.change_or_ask(tools(), approvals(), caller, user_id, json)
    return changed_or_waiting(outcome, _render, "The permissions are saved.")


@permissions_internal.get("/<uuid:user_id>/may")
@service_only("permissions:read")
@api.validate(resp=documented(200, RightAnswer))
def may(user_id: UUID, query: RightQuery) -> Response:
    """Return whether somebody may do something at this moment, which their token may not say."""
    return success(is_allowed=permission_logic.may(tools(), user_id, query.right))


def _render(granted: list[str]) -> dict[str, list[str]]:
    return {"permissions": granted, "available": sorted(PERMISSIONS)}
