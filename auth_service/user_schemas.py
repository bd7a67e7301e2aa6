"""Bodies, queries and answers about people."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator, model_validator

from auth_service.auth_schemas import GivenPassword, NewPassword
from shared.core.periods import Timestamp
from shared.core.texts import Line, Matching
from shared.web.cursors import Page, Pagination
from shared.web.validation.openapi import Answer, Body, Described, Query

Role = Literal["customer", "employee", "admin"]
Status = Literal["active", "disabled"]
Username = Annotated[
    str,
    Matching(r"[A-Za-z0-9._-]{3,50}", "must be 3 to 50 letters, digits, dots, hyphens or underscores"),
    Field(examples=["ada.lovelace"]),
]
Email = Annotated[
    str,
    Field(max_length=100, examples=["ada@example.com"]),
    Matching(
        r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
        "must be an e-mail address: name@example.com",
    ),
]
"""As browsers check it (HTML, input type=email), with at least one dot in the domain."""
FullName = Annotated[
    Line, Field(min_length=1, max_length=100), Matching(r"\S(.*\S)?", "must not begin or end with a space")
]
Phone = Annotated[
    str,
    Matching(r"\+?[0-9(][0-9 ().-]{4,27}[0-9]", "must be a phone number: 6 to 30 digits, spaces and ( ) . -"),
    Field(examples=["+44 20 7946 0958"]),
]


class NewUser(Body):
    """Somebody who wants to be a customer."""

    username: Username
    """The name to log in with: 3 to 50 letters, digits, dots, hyphens or underscores."""
    email: Email
    """The e-mail address, which nobody else has."""
    password: NewPassword
    """The password: 12 to 128 characters, and none of those that are guessed first."""


_NEVER_EMPTY = ("email", "role", "status")


def _describe_changes(schema: dict[str, Any]) -> None:
    """Say in the schema that at least one field is needed, and which of them can't be null."""
    schema["minProperties"] = 1
    for name in _NEVER_EMPTY:
        field = schema["properties"].get(name, {})
        field.update(field.pop("anyOf", [{}])[0])


class _Changes(Body):
    """Fields to change; those that are not given stay."""

    model_config = ConfigDict(json_schema_extra=_describe_changes)

    @field_validator(*_NEVER_EMPTY, mode="before", check_fields=False)
    @classmethod
    def _never_empty(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("must not be null")
        return value

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.model_fields_set - {"current_password"}:
            raise ValueError("must name at least one field to change")
        return self


class ProfileChanges(_Changes):
    """What people change about themselves: null takes a name or a number away; another address needs the password."""

    email: Email | None = None
    """The next e-mail address; needs `current_password`."""
    current_password: GivenPassword | None = None
    """The present password, to change the e-mail address."""
    full_name: FullName | None = None
    """The next name; null takes it away."""
    phone: Phone | None = None
    """The next phone number; null takes it away."""


class UserChanges(_Changes):
    """What an admin changes about somebody."""

    role: Role | None = None
    """The next role."""
    status: Annotated[Status | None, Field(examples=["disabled"])] = None
    """The next state."""


class UsersQuery(Page):
    """Filters of the list of people. `q` is a part of the username, the e-mail address or the full name."""

    q: Annotated[Line, Field(min_length=1, max_length=100)] | None = None
    """Only people with this in the username, the e-mail address or the full name."""
    role: Role | None = None
    """Only people with this role."""
    status: Status | None = None
    """Only people in this state."""


class PersonQuery(Query):
    """Whom staff look for: exactly one of these, whole. Names and addresses are found whatever their case."""

    username: Annotated[Line, Field(min_length=1, max_length=50)] | None = None
    """The whole username."""
    email: Annotated[Line, Field(min_length=1, max_length=100)] | None = None
    """The whole e-mail address."""
    user_id: UUID | None = None
    """The id of the person."""


class UserOut(Described):
    """A person, as they and the admins see them."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the person."""
    username: Annotated[str, Field(examples=["ada.lovelace"])]
    """The name to log in with."""
    email: Annotated[str, Field(examples=["ada@example.com"])]
    """The e-mail address."""
    full_name: Annotated[str, Field(examples=["Ada Lovelace"])] | None
    """The name as it is written."""
    phone: Annotated[str, Field(examples=["+44 20 7946 0958"])] | None
    """The phone number."""
    role: Role
    """What the person may do."""
    status: Status
    """Whether the person can log in."""
    created_at: Timestamp
    """When the person registered."""


class ListedUser(UserOut):
    """A person in an admin's list; `locked_until` after too many wrong passwords."""

    locked_until: Timestamp | None = None
    """Until when the person can't log in after too many wrong passwords."""


class PersonOut(Described):
    """A person, as much as other services and employees need to know."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the person."""
    username: Annotated[str, Field(examples=["ada.lovelace"])]
    """The name to log in with."""
    full_name: Annotated[str, Field(examples=["Ada Lovelace"])] | None
    """The name as it is written."""
    role: Role
    """What the person may do."""
    status: Status
    """The state it is in."""


class UserAnswer(Answer):
    """One person."""

    user: UserOut
    """The person."""


class NewUserAnswer(UserAnswer):
    """A new customer."""

    user_id: UUID
    """The id of the new customer."""


class UsersAnswer(Answer):
    """A page of people, newest first."""

    users: list[ListedUser]
    """The people of this page."""
    pagination: Pagination
    """Where the next page begins."""


class PersonAnswer(Answer):
    """One person, for another service or an employee."""

    user: PersonOut
    """The person."""


class Statistics(Described):
    """All people, counted."""

    total: int
    """How many there are in all."""
    by_role: Annotated[dict[str, int], Field(examples=[{"customer": 3}])]
    """How many there are with each role."""
    by_status: Annotated[dict[str, int], Field(examples=[{"active": 3}])]
    """How many there are in each state."""


class StatisticsAnswer(Answer):
    """All people, counted."""

    statistics: Statistics
    """The counts."""
