"""Authentication: guessing is slowed down and reveals nothing, and services get tokens with their scopes."""

import hashlib
import threading
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from auth_service import auth_logic, session_logic, user_logic
from auth_service.audit.audit_models import AuditEntry
from auth_service.auth_logic import LockedOut, Tools
from auth_service.auth_models import Lockout, User, db
from auth_service.auth_schemas import ClientCredentials, Login, PasswordChange, Tokens
from auth_service.customers import customer_logic
from auth_service.second_factor import login_logic
from auth_service.user_schemas import ProfileChanges, UserChanges
from shared.core.errors import AppError, InvalidCredentials
from shared.security.tokens import ServiceClaims
from tests.support.auth_rules import PASSWORD, Rules, advance_clock, caller_of, code_of

SECRET = "s" * 40
DIGESTS = {
    "account-service": hashlib.sha256(SECRET.encode()).hexdigest(),
    "auth-service": hashlib.sha256(SECRET.encode()).hexdigest(),
}


def log_in(rules: Rules, username: str, password: str) -> Tokens:
    return login_logic.log_in(rules.tools, rules.factors, Login(username=username, password=password))


def fail(rules: Rules, username: str, times: int) -> list[str]:
    return [code_of(lambda: log_in(rules, username, "wrong")) for _ in range(times)]


def wait_seconds(rules: Rules, username: str) -> int | None:
    """Return how long a username is locked, in seconds."""
    with pytest.raises(LockedOut) as refused:
        log_in(rules, username, "wrong")
    return refused.value.retry_after_seconds


def test_names_do_not_depend_on_case_but_passwords_do(rules: Rules) -> None:
    user = rules.person()
    assert log_in(rules, user.username.upper(), PASSWORD).username == user.username
    assert code_of(lambda: log_in(rules, user.username, PASSWORD.upper())) == "INVALID_CREDENTIALS"


def test_unknown_wrong_and_disabled_are_refused_alike_after_the_same_work(rules: Rules) -> None:
    known, disabled = rules.person(), rules.person()
    rules.change_user(caller_of(rules.person("admin")), disabled.id, UserChanges(status="disabled"))
    refusals: list[tuple[str, str, object]] = []
    rules.passwords.compared.clear()
    for username, password in ((known.username, "wrong"), ("nobody-at-all", PASSWORD), (disabled.username, PASSWORD)):
        with pytest.raises(InvalidCredentials) as refused:
            log_in(rules, username, password)
        refusals.append((refused.value.code, refused.value.message, refused.value.details))
    assert len(set(map(str, refusals))) == 1
    quick = f"quick:{PASSWORD}"
    assert rules.passwords.compared == [quick, None, quick], "each attempt costs one comparison"


@pytest.mark.parametrize("is_known", [True, False])
def test_after_five_failures_in_a_row_a_name_is_locked_ever_longer(
    rules: Rules, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    username = rules.person().username if is_known else "unknown-name"
    assert fail(rules, username, 6) == ["INVALID_CREDENTIALS"] * 5 + ["TOO_MANY_ATTEMPTS"]
    waits = []
    for _ in range(6):
        waits.append(wait_seconds(rules, username.upper()))
        advance_clock(monkeypatch, timedelta(seconds=waits[-1] or 0))
        assert fail(rules, username, 1) == ["INVALID_CREDENTIALS"]
    assert [round((wait or 0) / 60) for wait in waits] == [1, 2, 4, 8, 15, 15]


def test_while_locked_the_correct_password_is_refused_unchecked(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    user = rules.person()
    fail(rules, user.username, 5)
    rules.passwords.compared.clear()
    assert code_of(lambda: rules.log_in(user)) == "TOO_MANY_ATTEMPTS"
    assert rules.passwords.compared == []
    advance_clock(monkeypatch, timedelta(minutes=1))
    rules.log_in(user)


def test_a_successful_login_resets_the_failures(rules: Rules) -> None:
    user = rules.person()
    for _ in range(3):
        assert fail(rules, user.username, 4) == ["INVALID_CREDENTIALS"] * 4
        rules.log_in(user)


def test_others_are_not_locked_out(rules: Rules) -> None:
    unlucky, other = rules.person(), rules.person()
    fail(rules, unlucky.username, 6)
    rules.log_in(other)


def test_an_admin_lets_somebody_try_again(rules: Rules) -> None:
    user = rules.person()
    session = rules.log_in(user)
    fail(rules, user.username, 5)
    rules.change_user(caller_of(rules.person("admin")), user.id, UserChanges(status="active"))
    rules.log_in(user)
    assert rules.is_alive(session), "nothing was changed about them"


def test_of_many_concurrent_guesses_only_five_are_checked(rules: Rules) -> None:
    user = rules.person()
    guesses = ["wrong"] * 15 + [PASSWORD] + ["wrong"] * 4
    outcomes = rules.at_once(*(partial(log_in, rules, user.username, guess) for guess in guesses))
    failures = outcomes.count("INVALID_CREDENTIALS")
    assert outcomes.count("TOO_MANY_ATTEMPTS") >= len(guesses) - 11
    assert failures <= 10, "five, and five more if the right guess came between"


def test_a_guess_that_was_begun_before_the_lock_is_refused_after_it(rules: Rules) -> None:
    user = rules.person()

    def others_fail() -> None:
        rules.passwords.before_comparing = lambda: None
        fail(rules, user.username, 5)

    rules.passwords.before_comparing = others_fail
    assert code_of(lambda: rules.log_in(user)) == "TOO_MANY_ATTEMPTS"


def test_logins_of_one_person_at_once_all_succeed(rules: Rules) -> None:
    user = rules.person()
    outcomes = rules.at_once(*[lambda: rules.log_in(user)] * 12)
    assert len([outcome for outcome in outcomes if isinstance(outcome, Tokens)]) == 12


def test_guessing_the_password_in_a_session_locks_the_name_too(rules: Rules) -> None:
    user = rules.person()
    caller = rules.caller(rules.log_in(user))
    change = PasswordChange(current_password="wrong", new_password="quite another passphrase")
    email = ProfileChanges(email="new@example.com", current_password="wrong")
    for _ in range(3):
        with pytest.raises(AppError) as refused:
            session_logic.change_password(rules.tools, caller, change)
        assert (refused.value.status, refused.value.code, list(refused.value.details)) == (
            400,
            "INVALID_CREDENTIALS",
            ["current_password"],
        )
    for _ in range(2):
        assert code_of(lambda: user_logic.update_profile(rules.tools, caller, email)) == "INVALID_CREDENTIALS"
    assert code_of(lambda: rules.log_in(user)) == "TOO_MANY_ATTEMPTS"
    assert code_of(lambda: user_logic.update_profile(rules.tools, caller, email)) == "TOO_MANY_ATTEMPTS"


def test_entered_usernames_are_stored_as_digests_only(rules: Rules) -> None:
    fail(rules, "my secret passphrase", 1)
    kept = db.session.scalars(select(Lockout.name_digest)).all()
    assert hashlib.sha256(b"my secret passphrase").hexdigest() in kept


def test_old_failures_are_deleted(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    username = rules.person().username
    fail(rules, username, 4)
    advance_clock(monkeypatch, timedelta(days=1, minutes=1))
    session_logic.clean_up(rules.tools)
    assert fail(rules, username, 5) == ["INVALID_CREDENTIALS"] * 5
    assert fail(rules, username, 1) == ["TOO_MANY_ATTEMPTS"]


def test_a_lockout_is_lifted_while_a_code_is_checked(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    user, delete = rules.person(), rules.tools.lockouts.delete_lockout
    fail(rules, user.username, 1)
    employee, find = caller_of(rules.person("employee")), rules.tools.users.find_user_to_change

    def check() -> None:
        with rules.app.app_context():
            auth_logic.attempt(rules.tools, user.username, user, lambda: find(user.id), action="login", what="code")

    checking = threading.Thread(target=check)

    def delete_late(name_digest: str) -> None:
        if checking.ident is None:
            checking.start()
            checking.join(0.3)  # gives the check time to lock what it needs
        delete(name_digest)

    monkeypatch.setattr(rules.tools.lockouts, "delete_lockout", delete_late)
    customer_logic.unlock(rules.tools, employee, user.id)
    checking.join(10)


def test_neither_log_nor_audit_trail_holds_a_secret(
    rules: Rules, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("DEBUG")
    user: User = rules.person()
    tokens = rules.log_in(user)
    fail(rules, user.username, 6)
    fail(rules, "a password in the wrong field", 1)
    renewed = session_logic.refresh(rules.tools, tokens.refresh_token)
    session_logic.refresh(rules.tools, tokens.refresh_token)
    advance_clock(monkeypatch, timedelta(minutes=1))
    code_of(lambda: session_logic.refresh(rules.tools, tokens.refresh_token))
    written = "\n".join(str(record.__dict__) for record in [*caplog.records, *db.session.scalars(select(AuditEntry))])
    assert "wrong password" in written
    assert str(user.id) in written
    for secret in (
        PASSWORD,
        tokens.token,
        tokens.refresh_token,
        renewed.refresh_token,
        "a password in the wrong field",
        "quick:",
    ):
        assert secret not in written


def credentials(**changes: str) -> ClientCredentials:
    given = {"grant_type": "client_credentials", "client_id": "account-service", "client_secret": SECRET, **changes}
    return ClientCredentials.model_validate(given)


def knowing(rules: Rules) -> Tools:
    return replace(rules.tools, client_digests=DIGESTS)


def test_a_service_gets_a_token_with_its_scopes(rules: Rules) -> None:
    answer = auth_logic.service_token(knowing(rules), credentials())
    assert (answer.scope, answer.expires_in, answer.token_type) == (
        "audit:write names:read permissions:read revocations:read sessions:report users:read",
        3600,
        "Bearer",
    )
    claims = rules.verifier.verify(answer.access_token)
    assert isinstance(claims, ServiceClaims)
    assert (claims.service, claims.scopes) == (
        "account-service",
        frozenset(
            {"audit:write", "names:read", "permissions:read", "revocations:read", "sessions:report", "users:read"}
        ),
    )


def test_a_service_may_ask_for_less(rules: Rules) -> None:
    assert auth_logic.service_token(knowing(rules), credentials(scope="users:read")).scope == "users:read"
    assert code_of(lambda: auth_logic.service_token(knowing(rules), credentials(scope="postings:write"))) == (
        "INVALID_SCOPE"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"client_secret": "wrong"},
        {"client_secret": ""},
        {"client_secret": "пароль"},
        {"client_id": "unknown"},
        {"client_id": "auth-service"},
        {"client_id": ""},
        {"client_secret": DIGESTS["account-service"]},
    ],
)
def test_wrong_client_credentials_get_no_token(rules: Rules, changes: dict[str, str]) -> None:
    assert code_of(lambda: auth_logic.service_token(knowing(rules), credentials(**changes))) == "INVALID_CLIENT"
