"""Bodies, queries and answers about logging in: passwords, tokens, sessions."""

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from shared.cursors import Pagination
from shared.openapi import Answer, Body
from shared.passwords import LONGEST
from shared.periods import Timestamp
from shared.texts import Line

if TYPE_CHECKING:
    from auth_service.auth_models import LoginSession

NewPassword = Annotated[Line, Field(min_length=12, max_length=LONGEST)]
GivenName = Annotated[Line, Field(max_length=200)]
GivenPassword = Annotated[str, Field(max_length=1000)]
"""What somebody says is their password. It is not judged, only compared."""


class Login(Body):
    """Who somebody says they are."""

    username: GivenName
    password: GivenPassword


class Refresh(Body):
    """The refresh token of the last login or refresh."""

    refresh_token: Annotated[str, Field(max_length=200)]


class PasswordChange(Body):
    """The present password and the next one."""

    current_password: GivenPassword
    new_password: NewPassword


class ClientCredentials(Body):
    """A service asks for its token (RFC 6749, section 4.4)."""

    grant_type: Literal["client_credentials"]
    client_id: Annotated[str, Field(max_length=100)]
    client_secret: Annotated[str, Field(max_length=1000)]
    scope: Annotated[str | None, Field(max_length=500, description="Scopes, with spaces between; all by default.")] = (
        None
    )


class RevocationsQuery(BaseModel):
    """From where the feed goes on: the cursor of the answer before."""

    after: Annotated[int, Field(ge=0, lt=2**63)] = 0


class Tokens(BaseModel):
    """What a login gives: a token for an hour, and a refresh token that works once."""

    token: str
    refresh_token: str
    token_type: Literal["Bearer"] = Field("Bearer")
    expires_in: int
    user_id: UUID
    username: str
    role: str


class TokensAnswer(Tokens, Answer):
    """A login, or its continuation."""


class SessionOut(BaseModel):
    """One place where somebody is logged in.

    `current` is the one that asks; `last_used_at` is when it began or was last refreshed.
    """

    id: UUID
    ip: str
    user_agent: str
    created_at: Timestamp
    last_used_at: Timestamp
    current: bool

    @classmethod
    def of(cls, session: "LoginSession", current_id: UUID) -> "SessionOut":
        """The answer for a row."""
        return cls(
            id=session.id,
            ip=session.ip,
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            current=session.id == current_id,
        )


class SessionsAnswer(Answer):
    """A page of sessions, newest first."""

    sessions: list[SessionOut]
    pagination: Pagination


class VerifiedAnswer(Answer):
    """Whose token it is, as of now."""

    user_id: UUID
    username: str
    email: str
    role: str
    status: str


class AdminAnswer(Answer):
    """Whether the caller is an admin."""

    is_admin: bool


class KeysAnswer(Answer):
    """A JWK set (RFC 7517): the public keys that verify tokens."""

    keys: list[dict[str, str]]


class ServiceToken(BaseModel):
    """What a service gets for its secret (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = Field("Bearer")
    expires_in: int
    scope: str


class ServiceTokenAnswer(ServiceToken, Answer):
    """A service's token."""


class RevocationsAnswer(Answer):
    """Sessions that have ended, and where to go on."""

    cursor: int
    sessions: list[UUID]
