"""Request bodies and responses for the identity of customers."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field

from auth_service.user_schemas import Identity
from shared.core.periods import Timestamp, read_day
from shared.core.texts import TRIMMED, Line, Matching
from shared.web.validation.openapi import Answer, Body, Described

DocumentKind = Literal["passport", "identity_card", "driving_licence", "residence_permit"]


class IdentityDecision(Body):
    """The outcome of an identity check. `verified` needs a whole document that has not expired."""

    state: Identity
    """The new state: `pending` while something is missing, `none` to begin anew."""
    reason: Annotated[Line, Field(min_length=1, max_length=200, examples=["Passport shown at the branch"]), TRIMMED]
    """How it was checked, or why not."""
    document_kind: DocumentKind | None = None
    """The kind of document that was shown."""
    document_number: (
        Annotated[
            str,
            Matching(
                r"[A-Za-z0-9][A-Za-z0-9 ./-]{1,38}[A-Za-z0-9]",
                "must be 3 to 40 letters, digits, spaces and . / -",
            ),
            Field(examples=["C01X00T47"]),
        ]
        | None
    ) = None
    """The number of the document, which is stored encrypted."""
    expires_on: (
        Annotated[date, BeforeValidator(read_day, json_schema_input_type=str), Field(examples=["2031-05-30"])] | None
    ) = None
    """The last day on which the document is valid."""


class IdentityCheckOut(Described):
    """A decision of staff on who a customer is."""

    model_config = ConfigDict(from_attributes=True)

    state: Identity
    """The state since then."""
    document_kind: DocumentKind | None
    """The kind of document that was shown."""
    document_number: Annotated[str, Field(examples=["••••0T47"])] | None
    """The number of the document, masked unless the caller may verify customers."""
    expires_on: Annotated[date, Field(examples=["2031-05-30"])] | None
    """The last day on which the document is valid."""
    reason: Annotated[str, Field(examples=["Passport shown at the branch"])]
    """How it was checked, or why not."""
    decided_by: UUID
    """The id of who decided."""
    decided_by_name: Annotated[str, Field(examples=["Grace Hopper"])]
    """The name of who decided."""
    decided_at: Timestamp
    """When it was decided."""


class IdentityAnswer(Answer):
    """The identity of a customer, with the decisions of staff."""

    identity: Identity
    """The state of the customer's identity check."""
    expired: bool
    """Whether the document by which the customer was verified has expired since."""
    checks: list[IdentityCheckOut]
    """The last decisions, newest first, at most 50."""


class OwnIdentityOut(Described):
    """The caller's identity at the bank."""

    state: Identity
    """Whether the bank has verified who the caller is."""
    document_kind: DocumentKind | None
    """The kind of document that was shown."""
    document_number: Annotated[str, Field(examples=["••••0T47"])] | None
    """The number of the document, masked."""
    expires_on: Annotated[date, Field(examples=["2031-05-30"])] | None
    """The last day on which the document is valid."""
    expired: bool
    """Whether the document by which the caller was verified has expired since."""
    decided_at: Timestamp | None
    """When it was decided; null while nobody has."""
