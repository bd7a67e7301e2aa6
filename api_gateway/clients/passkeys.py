"""Client for the auth service: passkeys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from api_gateway.clients.auth import Origin, RenewedTokens, Tokens
from api_gateway.clients.base import Client, ResponseModel


class PasskeyOptions(ResponseModel):
    """Options for `navigator.credentials`, and a token to send back with its response."""

    passkey_token: str
    options: dict[str, Any]


class Passkey(ResponseModel):
    """A passkey of the caller."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None = None


class PasskeyClient(Client):
    """Registration of passkeys, and logins with them."""

    def list_own(self) -> list[Passkey]:
        """Return the caller's passkeys, oldest first."""
        return self._get(list[Passkey], "/api/auth/passkeys", key="passkeys")

    def begin_registration(self, password: str) -> PasskeyOptions:
        """Return the options for a new passkey."""
        body = {"password": password}
        return self._call(PasskeyOptions, "POST", "/api/auth/passkeys/options", body=body)

    def register(self, *, name: str, passkey_token: str, credential: dict[str, Any]) -> list[str]:
        """Register a passkey with the browser's response. Return recovery codes with the first second factor."""
        body = {"name": name, "passkey_token": passkey_token, "credential": credential}
        return self._call(list[str], "POST", "/api/auth/passkeys", body=body, key="recovery_codes")

    def remove(self, passkey_id: UUID) -> None:
        """Remove a passkey of the caller."""
        self._send("DELETE", f"/api/auth/passkeys/{passkey_id}")

    def begin_login(self) -> PasskeyOptions:
        """Return the options for a login with any passkey."""
        return self._call(PasskeyOptions, "POST", "/api/auth/passkeys/login/options")

    def log_in(self, origin: Origin, *, passkey_token: str, credential: dict[str, Any]) -> Tokens:
        """Start a session with the browser's response to the options."""
        body = {"passkey_token": passkey_token, "credential": credential}
        return self._call(Tokens, "POST", "/api/auth/passkeys/login", body=body, headers=origin.headers)

    def begin_second_step(self, mfa_token: str) -> PasskeyOptions:
        """Return the options for the second step of a login. `mfa_token` comes from the first step."""
        body = {"mfa_token": mfa_token}
        return self._call(PasskeyOptions, "POST", "/api/auth/passkeys/second_step/options", body=body)

    def finish_second_step(
        self, origin: Origin, *, mfa_token: str, passkey_token: str, credential: dict[str, Any]
    ) -> Tokens:
        """Finish a login in two steps with the browser's response, and start its session."""
        body = {"mfa_token": mfa_token, "passkey_token": passkey_token, "credential": credential}
        return self._call(Tokens, "POST", "/api/auth/passkeys/second_step", body=body, headers=origin.headers)

    def begin_step_up(self) -> PasskeyOptions:
        """Return the options to prove a passkey of the caller again. Raises the refusal MFA_NOT_ENABLED without one."""
        return self._call(PasskeyOptions, "POST", "/api/auth/passkeys/step_up/options")

    def step_up(self, *, passkey_token: str, credential: dict[str, Any]) -> RenewedTokens:
        """Return the tokens that say that a passkey was proven now. The session goes on under a new id."""
        body = {"passkey_token": passkey_token, "credential": credential}
        return self._call(RenewedTokens, "POST", "/api/auth/passkeys/step_up", body=body)
