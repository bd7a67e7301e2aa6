"""Bodies, queries and answers about people."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from auth_service.auth_schemas import GivenPassword, NewPassword
from shared.cursors import Page, Pagination
from shared.openapi import Answer, Body
from shared.periods import Timestamp
from shared.texts import Line, Matching

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
    email: Email
    password: NewPassword


class _Changes(Body):
    """Fields to change; those that are not given stay."""

    @field_validator("email", "role", "status", mode="before", check_fields=False)
    @classmethod
    def _never_empty(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("can't be taken away")
        return value

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.model_fields_set - {"current_password"}:
            raise ValueError("must name at least one field to change")
        return self


class ProfileChanges(_Changes):
    """What people change about themselves: null takes a name or a number away; another address needs the password."""

    email: Email | None = None
    current_password: GivenPassword | None = None
    full_name: FullName | None = None
    phone: Phone | None = None


class UserChanges(_Changes):
    """What an admin changes about somebody."""

    role: Role | None = None
    status: Status | None = None


class UsersQuery(Page):
    """Filters of the list of people. `q` is a part of the username, the e-mail address or the full name."""

    q: Annotated[Line, Field(min_length=1, max_length=100)] | None = None
    role: Role | None = None
    status: Status | None = None


class PersonQuery(BaseModel):
    """Whom staff look for: exactly one of these, whole. Names and addresses are found whatever their case."""

    username: Annotated[Line, Field(min_length=1, max_length=50)] | None = None
    email: Annotated[Line, Field(min_length=1, max_length=100)] | None = None
    user_id: UUID | None = None


class UserOut(BaseModel):
    """A person, as they and the admins see them."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    username: str
    email: str
    full_name: str | None
    phone: str | None
    role: Role
    status: Status
    created_at: Timestamp


class ListedUser(UserOut):
    """A person in an admin's list; `locked_until` after too many wrong passwords."""

    locked_until: Timestamp | None = None


class PersonOut(BaseModel):
    """A person, as much as other services and employees need to know."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    username: str
    full_name: str | None
    role: Role
    status: Status


class UserAnswer(Answer):
    """One person."""

    user: UserOut


class NewUserAnswer(UserAnswer):
    """A new customer."""

    user_id: UUID


class UsersAnswer(Answer):
    """A page of people, newest first."""

    users: list[ListedUser]
    pagination: Pagination


class PersonAnswer(Answer):
    """One person, for another service or an employee."""

    user: PersonOut


class Statistics(BaseModel):
    """All people, counted."""

    total: int
    by_role: dict[str, int]
    by_status: dict[str, int]


class StatisticsAnswer(Answer):
    """All people, counted."""

    statistics: Statistics
