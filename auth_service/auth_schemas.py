"""Bodies, queries and answers about logging in: passwords, tokens, sessions."""

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import Field

from shared.core import clock
from shared.core.periods import Timestamp
from shared.core.texts import Line
from shared.security.passwords import LONGEST
from shared.web.cursors import Pagination
from shared.web.validation.openapi import Answer, Body, Described, Query

if TYPE_CHECKING:
    from auth_service.auth_models import LoginSession

NewPassword = Annotated[Line, Field(min_length=12, max_length=LONGEST, examples=["a lamp beside the harbour"])]
GivenName = Annotated[Line, Field(max_length=200, examples=["ada.lovelace"])]
GivenPassword = Annotated[str, Field(max_length=1000, examples=["correct horse battery staple"])]
"""What somebody says is their password. It is not judged, only compared."""


class Login(Body):
    """Who somebody says they are."""

    username: GivenName
    """The name to log in with, whatever its case."""
    password: GivenPassword
    """The password."""


class Refresh(Body):
    """The refresh token of the last login or refresh."""

    refresh_token: Annotated[str, Field(max_length=200, examples=["kq2b0rJX3m9s5v8yT1nW7c4hE6gU0aZp"])]
    """The refresh token of the last login or refresh."""


class PasswordChange(Body):
    """The present password and the next one."""

    current_password: GivenPassword
    """The present password."""
    new_password: NewPassword
    """The next password: 12 to 128 characters."""


class ClientCredentials(Body):
    """A service asks for its token (RFC 6749, section 4.4)."""

    grant_type: Literal["client_credentials"]
    """The way of asking: always `client_credentials`."""
    client_id: Annotated[str, Field(max_length=100, examples=["reporting-service"])]
    """The name of the service."""
    client_secret: Annotated[str, Field(max_length=1000, examples=["the secret of the service"])]
    """The secret of the service."""
    scope: Annotated[str | None, Field(max_length=500, description="Scopes, with spaces between; all by default.")] = (
        None
    )


class RevocationsQuery(Query):
    """From where the feed goes on: the cursor of the answer before."""

    after: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """The `cursor` of the answer before."""


class SessionsUsed(Body):
    """Sessions whose tokens a service has taken lately."""

    sessions: Annotated[dict[UUID, Annotated[float, Field(ge=0, le=30 * 24 * 3600)]], Field(max_length=1000)]
    """How many seconds ago each session, by its id, was last used."""


class Tokens(Described):
    """What a login gives: a token for an hour, and a refresh token that works once."""

    token: Annotated[str, Field(examples=["eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI2ZjFjIn0.c2lnbmF0dXJl"])]
    """The access token, to be sent as `Authorization: Bearer`."""
    refresh_token: Annotated[str, Field(examples=["kq2b0rJX3m9s5v8yT1nW7c4hE6gU0aZp"])]
    """The refresh token, which gets the next pair of tokens once."""
    token_type: Literal["Bearer"] = Field("Bearer")
    """How the token is to be sent."""
    expires_in: int
    """For how many seconds the token is good."""
    user_id: UUID
    """The id of the person."""
    username: Annotated[str, Field(examples=["ada.lovelace"])]
    """The name to log in with."""
    role: Annotated[str, Field(examples=["customer"])]
    """What the person may do."""


class TokensAnswer(Tokens, Answer):
    """A login, or its continuation."""


class SessionOut(Described):
    """One place where somebody is logged in.

    `current` is the one that asks; `last_used_at` is accurate to a minute.
    """

    id: UUID
    """The id of the session."""
    ip: Annotated[str, Field(examples=["203.0.113.7"])]
    """The address that it was begun from."""
    user_agent: Annotated[str, Field(examples=["Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"])]
    """The program that it was begun with."""
    created_at: Timestamp
    """When it began."""
    last_used_at: Timestamp
    """When a request last came with it, to the minute."""
    current: bool
    """Whether it is the session that asks."""

    @classmethod
    def of(cls, session: "LoginSession", current_id: UUID) -> "SessionOut":
        """The answer for a row."""
        return cls(
            id=session.id,
            ip=session.ip,
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_used_at=clock.real_now() if session.id == current_id else session.last_used_at,
            current=session.id == current_id,
        )


class SessionsAnswer(Answer):
    """A page of sessions, newest first."""

    sessions: list[SessionOut]
    """The sessions."""
    pagination: Pagination
    """Where the next page begins."""


class VerifiedAnswer(Answer):
    """Whose token it is, as of now."""

    user_id: UUID
    """The id of the person."""
    username: Annotated[str, Field(examples=["ada.lovelace"])]
    """The name to log in with."""
    email: Annotated[str, Field(examples=["ada@example.com"])]
    """The e-mail address."""
    role: Annotated[str, Field(examples=["customer"])]
    """What the person may do."""
    status: Annotated[str, Field(examples=["active"])]
    """The state it is in."""


class AdminAnswer(Answer):
    """Whether the caller is an admin."""

    is_admin: bool
    """Whether the caller is an admin."""


_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "k1"}


class KeysAnswer(Answer):
    """A JWK set (RFC 7517): the public keys that verify tokens."""

    keys: Annotated[list[dict[str, str]], Field(examples=[[_KEY]])]
    """The keys, as JSON Web Keys."""


class IssuedToken(Described):
    """What a service gets for its secret (RFC 6749, section 5.1)."""

    access_token: Annotated[str, Field(examples=["eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI2ZjFjIn0.c2lnbmF0dXJl"])]
    """The service's access token."""
    token_type: Literal["Bearer"] = Field("Bearer")
    """How the token is to be sent."""
    expires_in: int
    """For how many seconds the token is good."""
    scope: Annotated[str, Field(examples=["users:read statistics:read"])]
    """The scopes, with spaces between."""


class ServiceTokenAnswer(IssuedToken, Answer):
    """A service's token."""


class RevocationsAnswer(Answer):
    """Sessions that have ended, and where to go on."""

    cursor: int
    """Where to go on."""
    sessions: list[UUID]
    """The sessions that have ended."""
