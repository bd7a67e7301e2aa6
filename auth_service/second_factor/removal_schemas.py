"""Request bodies and responses for the removal of a lost second factor by staff."""

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.core.periods import Timestamp
from shared.core.texts import TRIMMED, Line
from shared.web.validation.openapi import Answer, Body, Described

if TYPE_CHECKING:
    from auth_service.second_factor.removal_models import FactorRemoval


class NewRemoval(Body):
    """A request to remove the second factor of a customer."""

    reason: Annotated[
        Line, Field(min_length=1, max_length=200, examples=["Lost the phone; passport shown at the branch"]), TRIMMED
    ]
    """Why, and how the customer has proven who they are."""


class RemovalDecision(Body):
    """The decision of another employee."""

    decision: Literal["approve", "refuse"]
    """Whether the second factor is removed."""


class RemovalOut(Described):
    """An open request."""

    asked_by: UUID
    """The id of the employee who asked."""
    asked_by_name: Annotated[str, Field(examples=["grace.hopper"])]
    """The username of the employee who asked."""
    reason: Annotated[str, Field(examples=["Lost the phone; passport shown at the branch"])]
    """Why, and how the customer has proven who they are."""
    asked_at: Timestamp
    """The time of the request."""
    expires_at: Timestamp
    """The time until which it can be decided."""

    @classmethod
    def of(cls, removal: "FactorRemoval") -> "RemovalOut":
        """Return the response for a row."""
        values = {name: getattr(removal, name) for name in cls.model_fields if name != "reason"}
        return cls(reason=NewRemoval.model_validate_json(removal.body).reason, **values)


class RemovalAnswer(Answer):
    """The second factor of a customer, and the open request to remove it."""

    mfa_enabled: bool
    """Whether the customer has a second factor."""
    removal: RemovalOut | None
    """The open request, if there is one."""
