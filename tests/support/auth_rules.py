"""The rules of the auth service on a real database, without HTTP and without slow password hashes."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pyotp
import pytest
from flask import Flask

from auth_service import session_logic, user_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import User, db
from auth_service.auth_schemas import Login, Tokens
from auth_service.auth_service import AuthSettings, create_app
from auth_service.second_factor import login_logic
from auth_service.second_factor.second_factor_logic import SecondFactors
from auth_service.user_schemas import NewUser, UserChanges
from shared.core import clock
from shared.core.errors import AppError
from shared.http import origins
from shared.security.passwords import Passwords
from shared.security.tokens import TokenVerifier, UserClaims
from shared.web.access import Caller
from shared.web.application import Lifecycle
from shared.web.approvals.rules import ApprovalRules
from shared.web.parts import part
from tests.support import postgres
from tests.support.suite import Suite

PASSWORD = "correct horse battery staple"
ENCRYPTION_KEY = "a key for what the tests encrypt that is long enough"
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


class QuickPasswords(Passwords):
    """A fake of Passwords without hashing. It records the compared hashes and can call a function before comparing."""

    def __init__(self) -> None:
        super().__init__()
        self.compared: list[str | None] = []
        self.before_comparing: Callable[[], object] = lambda: None

    def hash(self, password: str) -> str:
        return f"quick:{password}"

    def matches(self, password: str, password_hash: str | None) -> bool:
        assert not db.session().in_transaction(), "a connection is held while a password is hashed"
        self.compared.append(password_hash)
        self.before_comparing()
        return password_hash == f"quick:{password}"


class Rules:
    """The rules with helpers to create users, log them in and check their sessions."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.passwords = QuickPasswords()
        self.tools: Tools = replace(part(Tools, app), passwords=self.passwords)
        self.factors = part(SecondFactors, app)
        self.verifier = part(TokenVerifier, app)

    def person(self, role: str = "customer") -> User:
        """Register a user with PASSWORD and the given role. No digit in the name matches part of a phone number."""
        username = f"user-{uuid4().hex[:12].translate(_LETTERS)}"
        user = user_logic.register(self.tools, NewUser(username=username, email=f"{username}@x.yz", password=PASSWORD))
        with self.tools.transaction():
            found = self.tools.users.find_user_to_change(user.id)
            assert found
            found.role = role
        return found

    def log_in(self, user: User, password: str = PASSWORD, otp: str | None = None) -> Tokens:
        """Log a user in and return the tokens."""
        credentials = Login(username=user.username, password=password, otp=otp)
        with seen_from("192.0.2.1", "a browser"):
            return login_logic.log_in(self.tools, self.factors, credentials)

    def change_user(self, caller: Caller, user_id: UUID, changes: UserChanges) -> User:
        """Change a user in a bank that requires no second person."""
        changed = user_logic.change_or_ask(self.tools, part(ApprovalRules, self.app), caller, user_id, changes)
        assert isinstance(changed, User)
        return changed

    def session_of(self, user: User) -> Caller:
        """Start a session of a user without a login, and return the user as its caller."""
        with self.tools.transaction():
            tokens = session_logic.start_session(self.tools, user)
        return self.caller(tokens)

    def caller(self, tokens: Tokens) -> Caller:
        """Return the caller with these tokens. Raises InvalidToken when the session has ended."""
        claims = self.verifier.verify(tokens.token)
        assert isinstance(claims, UserClaims)
        return Caller(claims.user_id, claims.username, claims.role, claims.session_id, tokens.token)

    def is_alive(self, tokens: Tokens) -> bool:
        """Return whether the session of these tokens is active."""
        self.tools.sessions.refresh()
        return code_of(lambda: self.caller(tokens)) == ""

    def at_once(self, *calls: Callable[[], object]) -> list[object]:
        """Run the calls concurrently, started by a barrier, and return their results or error codes."""
        self.tools.users.refresh()
        gate = threading.Barrier(len(calls))

        def run(call: Callable[[], object]) -> object:
            with self.app.app_context():
                gate.wait(10)
                try:
                    return call()
                except AppError as error:
                    return error.code

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls))


def code_of(call: Callable[[], object]) -> str:
    """Return the error code of a call, or "" when it succeeds."""
    try:
        call()
    except AppError as error:
        return error.code
    return ""


def app_code(secret: str, steps_ahead: int = 0) -> str:
    """Return the code that an authenticator app with this secret shows, now or so many steps of 30 seconds later."""
    return pyotp.TOTP(secret).at(clock.now(), counter_offset=steps_ahead)


def seen_from(address: str, user_agent: str) -> AbstractContextManager[None]:
    """Let the block work for a request of that client."""
    headers = {"HTTP_X_FORWARDED_FOR": address, "HTTP_USER_AGENT": user_agent}
    return origins.bound({"REMOTE_ADDR": "127.0.0.1", origins.IS_TRUSTED: True, **headers})


def advance_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Set the clock of the service forward."""
    later = clock.now() + by
    monkeypatch.setattr(clock, "now", lambda: later)


def caller_of(user: User) -> Caller:
    """Return the user as a caller with a session id that does not exist."""
    return Caller(user.id, user.username, user.role, uuid4(), "")


def nobody() -> UUID:
    """Return the id of a user that does not exist."""
    return uuid4()


@contextmanager
def auth_app(database: str, data_dir: Path) -> Iterator[Flask]:
    """Create the auth service on "sqlite" or "postgresql", without background tasks and without users."""
    with ExitStack() as stack:
        variables = Suite(data_dir, names=()).variables
        del variables["ADMIN_PASSWORD"]
        variables["AUTH_ENCRYPTION_KEYS"] = ENCRYPTION_KEY
        if database == "postgresql":
            variables["AUTH_DATABASE_URL"] = stack.enter_context(postgres.database())
        app = create_app(AuthSettings.load(**variables))
        stack.callback(part(Lifecycle, app).stop)
        yield app
