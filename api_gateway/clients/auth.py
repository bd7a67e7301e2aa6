"""Client for the auth service."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from api_gateway.clients.base import Client, ListPage, Query, ResponseModel
from shared.core.errors import NotAuthenticated
from shared.core.user_agents import device_name
from shared.http.client import Peer, ServiceToken


class Person(ResponseModel):
    """A user as employees see them."""

    id: UUID
    username: str
    full_name: str | None = None
    role: str
    status: str

    @property
    def name(self) -> str:
        """Return the full name, or else the username."""
        return self.full_name or self.username


class User(Person):
    """A user as admins see them. `locked_until` is set after too many wrong passwords."""

    email: str
    phone: str | None = None
    created_at: datetime
    locked_until: datetime | None = None
    identity: str = "none"


class RenewedTokens(ResponseModel):
    """The response to a renewal: an access token for an hour, and the refresh token that renews it."""

    token: str
    refresh_token: str


class Tokens(RenewedTokens):
    """The response to a login."""

    username: str


class SecondStep(ResponseModel):
    """The response to the right password of a user with a second factor: a token for the second step.

    `methods` are those that the user has: `app`, `passkey`, `recovery_code`.
    """

    mfa_token: str
    methods: tuple[str, ...] = ()


class Profile(Person):
    """The caller's own data."""

    email: str
    phone: str | None = None
    created_at: datetime
    email_verified: bool = True
    time_zone: str | None = None


class OwnIdentity(ResponseModel):
    """Whether the bank has verified who the caller is, and by which document."""

    state: str
    document_kind: str | None = None
    document_number: str | None = None
    expires_on: date | None = None
    expired: bool = False
    decided_at: datetime | None = None


class LoginSession(ResponseModel):
    """A login session of the caller."""

    id: UUID
    ip: str
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    current: bool = False

    @property
    def device(self) -> str:
        """Return browser and system from the User-Agent header, as in "Firefox on Windows"."""
        return device_name(self.user_agent)


class LoginAttempt(ResponseModel):
    """An attempt to log in as the caller."""

    outcome: str
    ip: str
    device: str
    timestamp: datetime


class Permissions(ResponseModel):
    """What an employee may do, and what employees may be allowed to do."""

    permissions: list[str]
    available: list[str]


class UnsentMail(ResponseModel):
    """A mail that was written into the outbox folder."""

    recipient: str
    subject: str
    text: str
    sent_at: datetime


@dataclass(frozen=True)
class Origin:
    """Where a login comes from. The auth service stores it with the session, so that its owner recognises it."""

    address: str
    user_agent: str

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that carry the origin to the auth service."""
        return {"X-Forwarded-For": self.address, "User-Agent": self.user_agent}


class AuthClient(Client):
    """Calls the auth service: registration, logins, profile, sessions, and the administration of users."""

    def register(
        self, origin: Origin, *, username: str, email: str, password: str, full_name: str | None = None
    ) -> None:
        """Register a customer."""
        body = {"username": username, "email": email, "password": password, "full_name": full_name}
        self._send("POST", "/api/auth/register", body=body, headers=origin.headers)

    def log_in(self, origin: Origin, *, username: str, password: str, otp: str | None = None) -> Tokens | SecondStep:
        """Start a session, or return what the second step needs when the person has a second factor."""
        body = {"username": username, "password": password} | ({"otp": otp} if otp else {})
        try:
            return self._call(Tokens, "POST", "/api/auth/login", body=body, headers=origin.headers)
        except NotAuthenticated as error:
            if error.code != "MFA_REQUIRED":
                raise
            return SecondStep.model_validate(error.details)

    def renew(self, refresh_token: str) -> RenewedTokens:
        """Return the next tokens of a session: the same refresh token for ten seconds. Raises InvalidToken later."""
        return self._call(RenewedTokens, "POST", "/api/auth/refresh", body={"refresh_token": refresh_token})

    def renew_session(self) -> RenewedTokens:
        """Let the caller's session go on under a new id, and end the present one."""
        return self._call(RenewedTokens, "POST", "/api/auth/sessions/renew")

    def log_out(self) -> None:
        """End the caller's session."""
        self._send("POST", "/api/auth/logout")

    def profile(self) -> Profile:
        """Return the caller's profile."""
        answer = self._send("GET", "/api/auth/users/profile")
        return Profile.model_validate({**answer, **answer["user"]})

    def identity(self) -> OwnIdentity:
        """Return whether the bank has verified who the caller is."""
        return self._get(OwnIdentity, "/api/auth/identity", key="identity")

    def update_profile(self, changes: dict[str, str | None]) -> Profile:
        """Change `email` (with `current_password`), `full_name`, `phone`, `time_zone`."""
        return self._call(Profile, "PUT", "/api/auth/users/profile", body=changes, key="user")

    def change_password(self, *, current_password: str, new_password: str) -> None:
        """Change the password, which ends every other session."""
        body = {"current_password": current_password, "new_password": new_password}
        self._send("POST", "/api/auth/change_password", body=body)

    def ask_for_reset(self, email: str) -> None:
        """Request a mail with a link for a new password to this address, if a user has it."""
        self._send("POST", "/api/auth/password/forgot", body={"email": email})

    def check_link(self, purpose: str, link_token: str) -> None:
        """Raise the refusal INVALID_LINK when the link of a mail can't be used."""
        self._send("POST", "/api/auth/link", body={"purpose": purpose, "token": link_token[:200]})

    def reset_password(self, link_token: str, new_password: str) -> None:
        """Set a new password by the link of a mail, which ends all sessions of its owner."""
        body = {"token": link_token[:200], "new_password": new_password}
        self._send("POST", "/api/auth/password/reset", body=body)

    def send_verification(self) -> None:
        """Request another mail with the link that verifies the caller's address."""
        self._send("POST", "/api/auth/email/send_verification")

    def verify_email(self, link_token: str) -> None:
        """Verify an e-mail address by the link of a mail."""
        self._send("POST", "/api/auth/email/verify", body={"token": link_token[:200]})

    def undo_email(self, link_token: str) -> None:
        """Return to the e-mail address before a change, by the link of a mail."""
        self._send("POST", "/api/auth/email/undo", body={"token": link_token[:200]})

    def sessions(self) -> list[LoginSession]:
        """Return the active sessions of the caller."""
        return self._get(list[LoginSession], "/api/auth/sessions", key="sessions")

    def end_all_sessions(self) -> None:
        """End all sessions of the caller."""
        self._send("DELETE", "/api/auth/sessions")

    def logins(self, limit: int) -> list[LoginAttempt]:
        """Return the newest attempts to log in as the caller."""
        return self._get(list[LoginAttempt], "/api/auth/logins", {"limit": limit}, key="logins")

    def end_session(self, session_id: UUID) -> None:
        """End another session of the caller."""
        self._send("DELETE", f"/api/auth/sessions/{session_id}")

    def users(self, query: Query) -> ListPage[User]:
        """Return a page of users. Filters: `q, role, status, limit, cursor`."""
        return self._page(User, "/api/auth/users", query, key="users")

    def user(self, user_id: UUID) -> User:
        """Return a user."""
        return self._get(User, f"/api/auth/users/{user_id}", key="user")

    def look_up(self, **named: object) -> Person:
        """Return the user with exactly this `username`, `email` or `user_id`, for staff. Raises NotFound."""
        return self._get(Person, "/api/auth/users/lookup", named, key="user")

    def permissions(self, user_id: UUID) -> Permissions:
        """Return the permissions of an employee."""
        return self._get(Permissions, f"/api/auth/users/{user_id}/permissions")

    def change_permissions(self, user_id: UUID, permissions: list[str], reason: str) -> Permissions:
        """Give an employee exactly these permissions, and end the employee's sessions. Raises NeedsApproval."""
        path, body = f"/api/auth/users/{user_id}/permissions", {"permissions": permissions, "reason": reason}
        return self._call(Permissions, "PUT", path, body=body)

    def change_user(self, user_id: UUID, **changes: str) -> User:
        """Set a user's `role` or `status`, with a `reason`, which ends their sessions. Raises NeedsApproval."""
        return self._call(User, "PUT", f"/api/auth/users/{user_id}", body=changes, key="user")


class OutboxClient:
    """The outbox folder of the auth service, read with the gateway's own token."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def mails(self) -> list[UnsentMail]:
        """Return the newest mails. Raises NotFound when mail goes to a mail server."""
        answer = self._token.call(self._peer, "GET", "/internal/outbox")
        return [UnsentMail.model_validate(mail) for mail in answer["mails"]]
