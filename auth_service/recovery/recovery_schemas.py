"""Request bodies and responses for links that are sent by mail."""

from typing import Annotated, Literal

from pydantic import Field

from auth_service.auth_schemas import NewPassword
from auth_service.user_schemas import Email
from shared.core.periods import Timestamp
from shared.web.validation.openapi import Answer, Body

Purpose = Literal["email_check", "email_undo", "password_reset"]
LinkToken = Annotated[str, Field(max_length=200, examples=["kq2b0rJX3m9s5v8yT1nW7c4hE6gU0aZp"])]


class ForgottenPassword(Body):
    """A request for a link to set a new password."""

    email: Email
    """The e-mail address of the user, regardless of case."""


class PasswordReset(Body):
    """A new password, by the link of a mail."""

    token: LinkToken
    """The token of the link."""
    new_password: NewPassword
    """The new password: 12 to 128 characters, and not a common one."""


class LinkUse(Body):
    """The use of a link that needs nothing else."""

    token: LinkToken
    """The token of the link."""


class LinkCheck(Body):
    """A question whether a link can be used."""

    purpose: Purpose
    """What the link is for."""
    token: LinkToken
    """The token of the link."""


class LinkAnswer(Answer):
    """A link that can be used."""

    expires_at: Timestamp
    """The time until which it can be used."""
