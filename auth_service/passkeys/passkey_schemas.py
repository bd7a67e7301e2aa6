"""Request bodies and responses of passkeys."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field

from auth_service.auth_schemas import EnteredPassword
from auth_service.second_factor.second_factor_schemas import EXAMPLE_CODES, FirstStep
from shared.core.periods import Timestamp
from shared.core.texts import NOT_BLANK, Line
from shared.web.validation.openapi import Answer, Body, Described

_CREDENTIAL = {"id": "c2lnbmVk", "rawId": "c2lnbmVk", "type": "public-key", "response": {"clientDataJSON": "e30"}}
Credential = Annotated[dict[str, Any], Field(examples=[_CREDENTIAL])]
"""What `navigator.credentials` returned, as its `toJSON` writes it (Web Authentication, level 3)."""


class PasskeyRequest(Body):
    """The password, to begin the registration of a passkey."""

    password: EnteredPassword
    """The current password."""


class PasskeyLogin(Body):
    """The answer of a passkey to a challenge."""

    passkey_token: Annotated[str, Field(max_length=1000, examples=["1f0c9a2b:gAAAAABpKf3k"])]
    """The `passkey_token` that came with the options; it is good for five minutes and once."""
    credential: Credential
    """What `navigator.credentials` returned, as its `toJSON` writes it."""


class PasskeySecondStep(FirstStep, PasskeyLogin):
    """The second step of a login by a passkey, after the right password."""


class NewPasskey(PasskeyLogin):
    """A new passkey."""

    name: Annotated[Line, Field(min_length=1, max_length=60, examples=["Phone"]), NOT_BLANK]
    """The owner's own name for it."""


class PasskeyOut(Described):
    """A passkey of the caller."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the passkey."""
    name: Annotated[str, Field(examples=["Phone"])]
    """The owner's own name for it."""
    created_at: Timestamp
    """The time of the registration."""
    last_used_at: Timestamp | None
    """The time of the last login with it; null before the first."""


class PasskeyOptions(Described):
    """Options for `navigator.credentials`, and a text to send back with its answer."""

    passkey_token: Annotated[str, Field(examples=["1f0c9a2b:gAAAAABpKf3k"])]
    """The text to send back; it is good for five minutes and once."""
    options: Annotated[dict[str, Any], Field(examples=[{"challenge": "Y2hhbGxlbmdl", "rpId": "bank.example"}])]
    """The options, in the JSON form of Web Authentication, level 3."""


class PasskeyOptionsAnswer(PasskeyOptions, Answer):
    """Options for `navigator.credentials`."""


class PasskeyAnswer(Answer):
    """A passkey."""

    passkey: PasskeyOut
    """The passkey."""


class NewPasskeyAnswer(PasskeyAnswer):
    """A new passkey."""

    recovery_codes: Annotated[list[str], Field(examples=[EXAMPLE_CODES])]
    """Ten recovery codes if the caller had no second factor before, in the only response that contains them."""
