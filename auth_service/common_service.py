"""What endpoints of the auth service share: their OpenAPI, their tools, and answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from flask import Response

from auth_service.auth_logic import Tools
from auth_service.user_schemas import PersonApprovalOut, PersonOut
from shared.db.approvals import ApprovalColumns
from shared.web.approvals.rules import ApprovalRules
from shared.web.parts import part
from shared.web.responses import success
from shared.web.validation.openapi import make_api

_T = TypeVar("_T")

api = make_api("Auth")


def tools() -> Tools:
    """Return the tools of the current app."""
    return part(Tools)


def approvals() -> ApprovalRules:
    """Return the requests of the current app that wait for a second person."""
    return part(ApprovalRules)


def changed_or_waiting(
    outcome: _T | ApprovalColumns, render: Callable[[_T], Mapping[str, object]], message: str
) -> Response:
    """Answer a change: 200 with what `render` makes of its outcome, or 202 with the request that waits instead."""
    if isinstance(outcome, ApprovalColumns):
        return success(202, approval=render_approval(outcome), message="It waits for a second person.")
    return success(**render(outcome), message=message)


def render_approval(approval: ApprovalColumns) -> PersonApprovalOut:
    """Return a request as the staff see it."""
    (rendered,) = render_approvals([approval])
    return rendered


def render_approvals(rows: Sequence[ApprovalColumns]) -> list[PersonApprovalOut]:
    """Return requests as the staff see them, with the people that they are about."""
    people = {row.subject_id: tools().users.find_user(row.subject_id) for row in rows}
    return [
        PersonApprovalOut.model_validate(row).model_copy(
            update={"subject": PersonOut.model_validate(people[row.subject_id])}
        )
        for row in rows
    ]
