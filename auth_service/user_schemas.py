"""Request bodies, queries and responses for users."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from auth_service.auth_schemas import EnteredPassword, NewPassword
from shared.core.periods import Timestamp
from shared.core.texts import TRIMMED, Line, Matching
from shared.core.time_zones import ZoneName
from shared.web.approvals.schemas import ApprovalFields, AskedReason
from shared.web.cursors import SortedPage
from shared.web.validation.openapi import Answer, Body, Described, Query
from shared.web.validation.ranges import ComparedRange, TimeRange

Role = Literal["customer", "employee", "admin"]
Status = Literal["active", "disabled"]
ListedStatus = Literal["active", "disabled", "locked"]
Identity = Literal["none", "pending", "verified", "rejected"]
PersonAction = Literal["change_role", "close_person", "change_permissions"]
Username = Annotated[
    str,
    Matching(r"[A-Za-z0-9._-]{3,50}", "must be 3 to 50 letters, digits, dots, hyphens or underscores"),
    Field(examples=["ada.lovelace"]),
]
Email = Annotated[
    str,
    Field(max_length=100, examples=["ada@example.com"]),
    Matching(
        r"(?!.*=\?)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
        "must be an e-mail address: name@example.com",
    ),
]
"""An e-mail address as the HTML Standard validates `input type=email`, with at least one dot in the domain.

Without `=?`, since mail programs decode what begins with it (RFC 2047): a comma or the end of a line in a header.
"""
FullName = Annotated[Line, Field(min_length=1, max_length=100), TRIMMED]
Phone = Annotated[
    str,
    Matching(
        r"\+?[0-9(][0-9 ().-]{4,27}[0-9]",
        "must be a phone number: an optional +, then 6 to 29 digits, spaces and ( ) . -",
    ),
    Field(examples=["+44 20 7946 0958"]),
]


class NewUser(Body):
    """A registration of a customer."""

    username: Username
    """The username: 3 to 50 letters, digits, dots, hyphens or underscores; unique regardless of case."""
    email: Email
    """The e-mail address; unique regardless of case."""
    password: NewPassword
    """The password: 12 to 128 characters, and not a common one."""
    full_name: FullName | None = None
    """The full name. Receipts show it; payers see it masked."""


_NOT_NULLABLE = ("email", "role", "status")


def _describe_changes(schema: dict[str, Any]) -> None:
    """Require at least one field in the JSON schema, and remove null from the types that don't allow it."""
    schema["minProperties"] = 1
    for name in _NOT_NULLABLE:
        field = schema["properties"].get(name, {})
        field.update(field.pop("anyOf", [{}])[0])


class Changes(Body):
    """Fields to change; absent fields stay as they are."""

    model_config = ConfigDict(json_schema_extra=_describe_changes)

    @field_validator(*_NOT_NULLABLE, mode="before", check_fields=False)
    @classmethod
    def _reject_null(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("must not be null")
        return value

    @model_validator(mode="after")
    def _require_a_change(self) -> Self:
        if not self.model_fields_set - {"current_password", "reason"}:
            raise ValueError("must name at least one field to change")
        return self


class ProfileChanges(Changes):
    """Changes of the caller's profile. A new e-mail address needs the current password."""

    email: Email | None = None
    """The new e-mail address; needs `current_password`."""
    current_password: EnteredPassword | None = None
    """The current password; required to change the e-mail address."""
    full_name: FullName | None = None
    """The new full name; null removes it."""
    phone: Phone | None = None
    """The new phone number; null removes it."""
    time_zone: ZoneName | None = None
    """The new time zone, in which the person's days begin; null leaves that to the browser."""


class UserChanges(Changes):
    """Changes of a user by an admin."""

    role: Role | None = None
    """The new role."""
    status: Annotated[Status | None, Field(examples=["disabled"])] = None
    """The new status."""
    reason: AskedReason | None = None
    """The reason, for the audit trail and for who has to approve the change."""


class UserPage(SortedPage, TimeRange):
    """A page of a list of users. `from` and `to` are when they registered."""

    status: ListedStatus | None = None
    """Only users with this status; `locked` are active ones after too many wrong passwords."""


class UsersQuery(UserPage):
    """Filters for the list of users; all must match. `from` and `to` are when they registered."""

    q: Annotated[Line, Field(min_length=1, max_length=100)] | None = None
    """Only users whose username, e-mail address, full name or phone number contains this text, regardless of case."""
    role: Role | None = None
    """Only users with this role."""


class PersonQuery(Query):
    """The exact username, e-mail address or id of a user: exactly one of them. Case is ignored."""

    username: Annotated[Line, Field(min_length=1, max_length=50)] | None = None
    """The complete username."""
    email: Annotated[Line, Field(min_length=1, max_length=100)] | None = None
    """The complete e-mail address."""
    user_id: UUID | None = None
    """The id of the user."""


class UserOut(Described):
    """A user, for the user themselves and for admins."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the user."""
    username: Annotated[str, Field(examples=["ada.lovelace"])]
    """The username."""
    email: Annotated[str, Field(examples=["ada@example.com"])]
    """The e-mail address."""
    full_name: Annotated[str, Field(examples=["Ada Lovelace"])] | None
    """The full name."""
    phone: Annotated[str, Field(examples=["+44 20 7946 0958"])] | None
    """The phone number."""
    role: Role
    """The role of the user."""
    status: Status
    """The status of the user; a disabled user can't log in."""
    mfa_enabled: bool
    """Whether a login needs a code of a second factor."""
    created_at: Timestamp
    """The time of the registration."""


class ListedUser(UserOut):
    """A user in the list for admins."""

    locked_until: Timestamp | None = None
    """The end of the lockout after too many failed logins; null when the user is not locked."""


class PersonOut(Described):
    """The data of a user that other services and employees need."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the user."""
    username: Annotated[str, Field(examples=["ada.lovelace"])]
    """The username."""
    full_name: Annotated[str, Field(examples=["Ada Lovelace"])] | None
    """The full name."""
    role: Role
    """The role of the user."""
    status: Status
    """The status of the user."""


class UserAnswer(Answer):
    """One user."""

    user: UserOut
    """The user."""


class ProfileAnswer(UserAnswer):
    """The profile of the caller."""

    email_verified: bool
    """Whether the user has proven that the e-mail address is theirs."""
    time_zone: Annotated[str, Field(examples=["Europe/Athens"])] | None
    """The time zone in which the user's days begin; null when the browser decides."""


class NewUserAnswer(UserAnswer):
    """A new customer."""

    user_id: UUID
    """The id of the new customer."""


class PersonApprovalOut(ApprovalFields):
    """A request to change what a person is or may do, which waits for a second person."""

    action: PersonAction
    """What is to be done."""
    subject: PersonOut | SkipJsonSchema[None] = None
    """The person whom it would change."""


class StatisticsQuery(ComparedRange):
    """A range of time in which users registered, and a range before it to compare with."""


class Statistics(Described):
    """The number of users, by role and by status."""

    total: int
    """The number of all users."""
    by_role: Annotated[dict[str, int], Field(examples=[{"customer": 3}])]
    """The number of users by role."""
    by_status: Annotated[dict[str, int], Field(examples=[{"active": 3}])]
    """The number of users by status."""
    by_role_and_status: Annotated[dict[str, dict[str, int]], Field(examples=[{"customer": {"active": 3}}])]
    """The number of users by role and status together."""
    created: int
    """The number of users who registered in the range of the query."""
    created_before: int | None
    """The number of users who registered in the range before; null if none was named."""
