"""Request bodies, queries and responses for passwords, tokens and sessions."""

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from shared.core import clock
from shared.core.periods import Timestamp
from shared.core.texts import Line
from shared.security.passwords import MAX_PASSWORD_LENGTH
from shared.web.validation.openapi import Answer, Body, Described, Query

if TYPE_CHECKING:
    from auth_service.auth_models import LoginSession

NewPassword = Annotated[
    Line, Field(min_length=12, max_length=MAX_PASSWORD_LENGTH, examples=["a lamp beside the harbour"])
]
EnteredName = Annotated[Line, Field(max_length=200, examples=["ada.lovelace"])]
EnteredPassword = Annotated[str, Field(max_length=1000, examples=["correct horse battery staple"])]
"""A password to compare with the stored hash. The rules for new passwords do not apply to it."""
EnteredCode = Annotated[Line, Field(min_length=1, max_length=64, examples=["492039"])]
"""A code of the second factor: six digits of an authenticator app, or a recovery code."""


class Login(Body):
    """The credentials of a user."""

    username: EnteredName
    """The username, regardless of case."""
    password: EnteredPassword
    """The password of the user."""
    otp: EnteredCode | None = None
    """A code of the second factor, for users who have one: six digits, or a recovery code."""


class Refresh(Body):
    """A request for the next tokens of a session."""

    refresh_token: Annotated[str, Field(max_length=1000, examples=["kq2b0rJX3m9s5v8yT1nW7c4hE6gU0aZp"])]
    """The refresh token of the last login or refresh."""


class PasswordChange(Body):
    """A change of the caller's password."""

    current_password: EnteredPassword
    """The current password."""
    new_password: NewPassword
    """The new password: 12 to 128 characters, and not a common one."""


class ClientCredentials(Body):
    """A request of a service for its access token (RFC 6749, section 4.4)."""

    grant_type: Literal["client_credentials"]
    """The grant type: always `client_credentials`."""
    client_id: Annotated[str, Field(max_length=100, examples=["reporting-service"])]
    """The name of the service."""
    client_secret: Annotated[str, Field(max_length=1000, examples=["the secret of the service"])]
    """The client secret of the service."""
    scope: Annotated[str | None, Field(max_length=500, description="Scopes separated by spaces; all by default.")] = (
        None
    )


class RevocationsQuery(Query):
    """The position from which to read the feed of ended sessions."""

    after: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """The `cursor` of the previous response; 0 reads from the beginning."""


class SessionsUsed(Body):
    """The sessions whose tokens a service has accepted since its last report."""

    sessions: Annotated[dict[UUID, Annotated[float, Field(ge=0, le=30 * 24 * 3600)]], Field(max_length=1000)]
    """For each session id, how many seconds ago the session was last used."""


class Tokens(Described):
    """The tokens of a session: an access token for one hour and a refresh token that works once."""

    token: Annotated[str, Field(examples=["eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI2ZjFjIn0.c2lnbmF0dXJl"])]
    """The access token, to send as `Authorization: Bearer`."""
    refresh_token: Annotated[str, Field(examples=["kq2b0rJX3m9s5v8yT1nW7c4hE6gU0aZp"])]
    """The refresh token, which can be exchanged once for the next pair of tokens."""
    token_type: Literal["Bearer"] = Field("Bearer")
    """The token type (RFC 6750)."""
    expires_in: int
    """The lifetime of the access token in seconds."""
    user_id: UUID
    """The id of the user."""
    username: Annotated[str, Field(examples=["ada.lovelace"])]
    """The username."""
    role: Annotated[str, Field(examples=["customer"])]
    """The role of the user."""


class TokensAnswer(Tokens, Answer):
    """The tokens of a login or of a refresh."""


class SessionFields(Described):
    """A session as a list shows it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the session."""
    ip: Annotated[str, Field(examples=["203.0.113.7"])]
    """The IP address from which the user logged in."""
    user_agent: Annotated[str, Field(examples=["Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"])]
    """The User-Agent header of the login."""
    created_at: Timestamp
    """The time of the login."""
    last_used_at: Timestamp
    """The time of the last request with this session, accurate to one minute."""


class CustomerSessionOut(SessionFields):
    """An active session of a customer."""


class SessionOut(SessionFields):
    """An active session of the caller."""

    current: bool
    """Whether this is the session of the request."""

    @classmethod
    def of(cls, session: "LoginSession", current_id: UUID) -> "SessionOut":
        """Return the response for a row; `current_id` is the session of the request."""
        is_current = session.id == current_id
        shown = SessionFields.model_validate(session).model_dump()
        return cls(**shown | ({"last_used_at": clock.now()} if is_current else {}), current=is_current)


class VerifiedAnswer(Answer):
    """The current data of the user to whom the token belongs."""

    user_id: UUID
    """The id of the user."""
    username: Annotated[str, Field(examples=["ada.lovelace"])]
    """The username."""
    email: Annotated[str, Field(examples=["ada@example.com"])]
    """The e-mail address."""
    role: Annotated[str, Field(examples=["customer"])]
    """The role of the user."""
    status: Annotated[str, Field(examples=["active"])]
    """The status of the user."""


class AdminAnswer(Answer):
    """Whether the caller is an admin."""

    is_admin: bool
    """Whether the caller is an admin."""


_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "k1"}


class KeysAnswer(Answer):
    """A JWK set (RFC 7517): the public keys that verify tokens."""

    keys: Annotated[list[dict[str, str]], Field(examples=[[_KEY]])]
    """The public keys as JSON Web Keys."""


class IssuedToken(Described):
    """An access token for a service (RFC 6749, section 5.1)."""

    access_token: Annotated[str, Field(examples=["eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI2ZjFjIn0.c2lnbmF0dXJl"])]
    """The access token of the service."""
    token_type: Literal["Bearer"] = Field("Bearer")
    """The token type (RFC 6750)."""
    expires_in: int
    """The lifetime of the access token in seconds."""
    scope: Annotated[str, Field(examples=["users:read statistics:read"])]
    """The granted scopes, separated by spaces."""


class ServiceTokenAnswer(IssuedToken, Answer):
    """An access token for a service."""


class RevocationsAnswer(Answer):
    """The sessions that have ended since the given cursor."""

    cursor: int
    """The cursor for the next request."""
    sessions: list[UUID]
    """The ids of the ended sessions."""
    key_ids: Annotated[list[str], Field(examples=[["k2", "k1"]])]
    """The ids of the public keys that verify tokens now. A service that lacks one of them fetches the JWK set."""
