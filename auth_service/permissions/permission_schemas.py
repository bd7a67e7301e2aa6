"""Bodies and responses for the permissions of employees."""

from typing import Annotated, Literal, get_args

from pydantic import Field, field_serializer

from shared.web.approvals.schemas import AskedReason
from shared.web.validation.openapi import Answer, Body, Query

Permission = Literal[
    "accounts:close",
    "accounts:freeze",
    "accounts:open",
    "approvals:decide",
    "cases:answer",
    "counter:deposit",
    "counter:withdraw",
    "customers:read",
    "customers:verify",
    "customers:write",
]
PERMISSIONS: frozenset[str] = frozenset(get_args(Permission))
"""What an employee may be allowed to do. Each is required by the endpoints that `staff_with` marks with it."""


class PermissionChange(Body):
    """All permissions that an employee shall have."""

    permissions: Annotated[frozenset[Permission], Field(max_length=50, examples=[["customers:read"]])]
    """The permissions; those that are not named are taken away."""
    reason: AskedReason | None = None
    """The reason, for the audit trail and for who has to approve the change."""

    @field_serializer("permissions")
    def _in_order(self, permissions: frozenset[str]) -> list[str]:
        return sorted(permissions)


class RightQuery(Query):
    """What somebody shall be allowed to do."""

    right: Permission | Literal["admin"]
    """A permission, or `admin` for what only admins may do."""


class RightAnswer(Answer):
    """Whether somebody may do something."""

    is_allowed: bool
    """Whether the person is active and has that permission, or is an admin."""


class PermissionsAnswer(Answer):
    """The permissions of an employee."""

    permissions: Annotated[list[Permission], Field(examples=[["customers:read"]])]
    """What the employee may do."""
    available: Annotated[list[Permission], Field(examples=[["accounts:freeze", "customers:read"]])]
    """What an employee may be allowed to do."""
