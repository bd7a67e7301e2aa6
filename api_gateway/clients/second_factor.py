"""Client for the auth service: the second factor of logins."""

from api_gateway.clients.auth import Origin, RenewedTokens, Tokens
from api_gateway.clients.base import Client, ResponseModel


class MfaStatus(ResponseModel):
    """Whether a login by password needs a second factor, which ones the person has, and the recovery codes left."""

    mfa_enabled: bool
    app_enabled: bool = False
    passkeys: int = 0
    recovery_codes_left: int


class Setup(ResponseModel):
    """A new secret for an authenticator app."""

    secret: str
    otpauth_uri: str


class SecondFactorClient(Client):
    """The person's second factor, and the second step of a login."""

    def finish_login(self, origin: Origin, *, mfa_token: str, otp: str) -> Tokens:
        """Finish a login in two steps and start its session. `mfa_token` comes from the first step."""
        body = {"mfa_token": mfa_token, "otp": otp}
        return self._call(Tokens, "POST", "/api/auth/mfa/login", body=body, headers=origin.headers)

    def status(self) -> MfaStatus:
        """Return the state of the person's second factor."""
        return self._get(MfaStatus, "/api/auth/mfa")

    def set_up(self) -> Setup:
        """Make a secret for an authenticator app; nothing is enabled yet."""
        return self._call(Setup, "POST", "/api/auth/mfa/setup")

    def enable(self, otp: str) -> list[str]:
        """Enable the second factor and return the recovery codes. Ends the person's other sessions."""
        return self._codes("/api/auth/mfa/enable", otp)

    def renew_recovery_codes(self) -> list[str]:
        """Replace the recovery codes and return the new ones. Needs a fresh second factor."""
        return self._codes("/api/auth/mfa/recovery_codes")

    def disable(self, *, password: str, otp: str) -> None:
        """Remove the second factor. Ends the person's other sessions."""
        self._send("POST", "/api/auth/mfa/disable", body={"password": password, "otp": otp})

    def step_up(self, otp: str) -> RenewedTokens:
        """Prove the second factor again and return the tokens that say so. The session goes on under a new id."""
        return self._call(RenewedTokens, "POST", "/api/auth/mfa/step_up", body={"otp": otp})

    def _codes(self, path: str, otp: str | None = None) -> list[str]:
        return self._call(list[str], "POST", path, body={"otp": otp}, key="recovery_codes")
