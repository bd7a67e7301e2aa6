"""Settings, request bodies and responses of the second factor."""

from typing import Annotated

from pydantic import Field, field_validator

from auth_service.auth_schemas import EnteredCode, EnteredPassword, Tokens
from shared.security import secret_files
from shared.security.encryption import read_keys
from shared.web.settings import Settings
from shared.web.validation.openapi import Answer, Body, Described

EXAMPLE_CODES = ["kq7m2x-w9dfrt-3hncvb-pz8ysj"]
ENCRYPTION_KEYS_FILE = "encryption_keys"


class SecondFactorSettings(Settings):
    """Settings of the second factor. Without keys the first start makes one, as no other process needs it."""

    encryption_keys: str | None = Field(None, repr=False, validation_alias="AUTH_ENCRYPTION_KEYS")
    admin_requires_mfa: bool = Field(False, validation_alias="ADMIN_REQUIRES_MFA")

    @field_validator("encryption_keys")
    @classmethod
    def _validate_encryption_keys(cls, text: str | None) -> str | None:
        if text:
            read_keys(text)
        return text

    def read_encryption_keys(self) -> list[str]:
        """Return the keys, newest first, from the variable or from the secret file, which is made when missing."""
        file = secret_files.folder(self.data_dir) / ENCRYPTION_KEYS_FILE
        return read_keys(self.encryption_keys or secret_files.read_or_create(file))


class Code(Body):
    """A code of the caller's second factor."""

    otp: EnteredCode
    """The six digits that the authenticator app shows now, or a recovery code where one is accepted."""


class FreshProof(Body):
    """A code of the caller's second factor, unless it was proven within five minutes."""

    otp: EnteredCode | None = None
    """The six digits that the authenticator app shows now, or a recovery code."""


class FirstStep(Body):
    """The first step of a login: the right password was sent."""

    mfa_token: Annotated[str, Field(max_length=1000, examples=["1f0c9a2b:gAAAAABpKf3k"])]
    """The `mfa_token` from the details of `MFA_REQUIRED`; it is good for five minutes."""


class SecondStep(FirstStep, Code):
    """The second step of a login, after the right password."""


class MfaRemoval(Code):
    """The password and a code, to remove the caller's second factor."""

    password: EnteredPassword
    """The current password."""


class Setup(Described):
    """A new secret for an authenticator app. It is used once a code of it has been sent to `enable`."""

    secret: Annotated[str, Field(examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])]
    """The secret in base32, to type into the app."""
    otpauth_uri: Annotated[str, Field(examples=["otpauth://totp/Bank:ada?secret=JBSWY3DPEHPK3PXP&issuer=Bank"])]
    """The same with account and bank, to show as a QR code (Key Uri Format)."""


class SetupAnswer(Setup, Answer):
    """A new secret for an authenticator app."""


class RecoveryCodesAnswer(Answer):
    """New recovery codes, in the only response that contains them."""

    recovery_codes: Annotated[list[str], Field(examples=[EXAMPLE_CODES])]
    """Ten codes, each of which is good once in place of a code of the app."""


class SteppedUp(Tokens):
    """Tokens of the session that follows the caller's, and say that the second factor was proven now."""

    fresh_for: int
    """For how many seconds the proof counts."""


class SteppedUpAnswer(SteppedUp, Answer):
    """Tokens of the session that follows the caller's, and say that the second factor was proven now."""


class MfaStatus(Described):
    """The state of the caller's second factor."""

    mfa_enabled: bool
    """Whether a login by password needs a second factor, because the caller has one of any kind."""
    app_enabled: bool
    """Whether the caller has an authenticator app."""
    passkeys: int
    """The number of the caller's passkeys."""
    recovery_codes_left: int
    """The number of recovery codes that have not been used."""


class MfaStatusAnswer(MfaStatus, Answer):
    """The state of the caller's second factor."""
