"""Session rules: rotation, the end of sessions, and races between login, refresh and changes of the user."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from sqlalchemy import delete, func, select

from auth_service import session_logic, user_logic
from auth_service.auth_models import EndedSession, LoginSession, RefreshToken, db
from auth_service.auth_schemas import PasswordChange, Tokens
from auth_service.user_schemas import ProfileChanges, UserChanges
from shared.security.token_signer import TokenSigner
from shared.web.cursors import Page
from tests.support.auth_rules import PASSWORD, Rules, advance_clock, caller_of, code_of, nobody

ANOTHER = "quite another passphrase"


@pytest.fixture
def rules(app: Flask) -> Iterator[Rules]:
    with app.app_context():
        rules = Rules(app)
        yield rules
        with rules.tools.transaction():  # a session with a later end would appear in the feed of the next test
            db.session.execute(delete(EndedSession))
            db.session.execute(delete(LoginSession))


def ended_since(rules: Rules, cursor: int) -> set[UUID]:
    rules.tools.sessions.refresh()
    return set(session_logic.ended_since(rules.tools, cursor)[1])


def cursor_now(rules: Rules) -> int:
    rules.tools.sessions.refresh()
    return session_logic.ended_since(rules.tools, 0)[0]


def test_a_login_records_user_address_and_user_agent(rules: Rules) -> None:
    user = rules.person("employee")
    tokens = rules.log_in(user)
    assert (tokens.user_id, tokens.username, tokens.role, tokens.token_type) == (
        user.id,
        user.username,
        "employee",
        "Bearer",
    )
    caller = rules.caller(tokens)
    rows, _ = session_logic.list_sessions(rules.tools, caller, Page())
    assert [(row.id, row.ip, row.user_agent) for row in rows] == [(caller.session_id, "192.0.2.1", "a browser")]


def test_refresh_tokens_are_long_and_kept_as_digests_only(rules: Rules) -> None:
    tokens = rules.log_in(rules.person())
    assert len(tokens.refresh_token) >= 43  # 256 bits in base64url
    kept = db.session.scalars(select(RefreshToken.digest)).all()
    assert tokens.refresh_token not in kept
    assert {len(digest) for digest in kept} == {64}


def test_a_refresh_continues_the_session(rules: Rules) -> None:
    first = rules.log_in(rules.person())
    second = session_logic.refresh(rules.tools, first.refresh_token)
    third = session_logic.refresh(rules.tools, second.refresh_token)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert len({first.token, second.token, third.token}) == 3
    assert rules.caller(first).session_id == rules.caller(third).session_id


def test_a_refresh_that_is_repeated_at_once_gives_the_same_next_token(rules: Rules) -> None:
    first = rules.log_in(rules.person())
    second = session_logic.refresh(rules.tools, first.refresh_token)
    again = session_logic.refresh(rules.tools, first.refresh_token)
    assert again.refresh_token == second.refresh_token
    assert rules.caller(again).session_id == rules.caller(second).session_id
    session_logic.refresh(rules.tools, second.refresh_token)
    assert rules.is_alive(again)


def test_ten_refreshes_at_once_agree_on_the_next_token(rules: Rules) -> None:
    for _ in range(3):
        tokens = rules.log_in(rules.person())
        outcomes = rules.at_once(*[partial(session_logic.refresh, rules.tools, tokens.refresh_token)] * 10)
        renewed = [outcome for outcome in outcomes if isinstance(outcome, Tokens)]
        assert len(renewed) == 10, outcomes
        assert len({each.refresh_token for each in renewed}) == 1
        assert all(rules.is_alive(each) for each in renewed)


def test_a_late_second_use_of_a_refresh_token_ends_the_session(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    user = rules.person()
    stolen, other = rules.log_in(user), rules.log_in(user)
    renewed = session_logic.refresh(rules.tools, stolen.refresh_token)
    advance_clock(monkeypatch, timedelta(seconds=9))
    session_logic.refresh(rules.tools, stolen.refresh_token)
    advance_clock(monkeypatch, timedelta(seconds=1.2))  # the grace period starts at the first use, not at the last
    assert code_of(lambda: session_logic.refresh(rules.tools, stolen.refresh_token)) == "INVALID_TOKEN"
    assert not rules.is_alive(renewed)
    assert code_of(lambda: session_logic.refresh(rules.tools, renewed.refresh_token)) == "INVALID_TOKEN"
    assert rules.is_alive(other)


def test_reuse_of_a_successor_by_a_thief_ends_the_session(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeated refresh within the grace period returns the owner's next token; using that twice ends the session."""
    stolen = rules.log_in(rules.person())
    of_owner = session_logic.refresh(rules.tools, stolen.refresh_token)
    of_thief = session_logic.refresh(rules.tools, stolen.refresh_token)
    session_logic.refresh(rules.tools, of_thief.refresh_token)
    advance_clock(monkeypatch, timedelta(minutes=59))
    assert code_of(lambda: session_logic.refresh(rules.tools, of_owner.refresh_token)) == "INVALID_TOKEN"
    assert not rules.is_alive(of_thief)


def test_a_clock_that_is_set_back_does_not_prolong_the_grace(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = rules.log_in(rules.person())
    renewed = session_logic.refresh(rules.tools, tokens.refresh_token)
    advance_clock(monkeypatch, timedelta(hours=-1))
    assert code_of(lambda: session_logic.refresh(rules.tools, tokens.refresh_token)) == "INVALID_TOKEN"
    assert not rules.is_alive(renewed)


def test_a_refresh_is_not_repeated_with_another_signing_key(rules: Rules) -> None:
    tokens = rules.log_in(rules.person())
    renewed = session_logic.refresh(rules.tools, tokens.refresh_token)
    rekeyed = replace(rules.tools, signer=TokenSigner(Ed25519PrivateKey.generate()))
    assert code_of(lambda: session_logic.refresh(rekeyed, tokens.refresh_token)) == "INVALID_TOKEN"
    assert not rules.is_alive(renewed)


def test_an_ended_session_is_not_renewed_within_the_grace(rules: Rules) -> None:
    tokens = rules.log_in(rules.person())
    session_logic.log_out(rules.tools, rules.caller(session_logic.refresh(rules.tools, tokens.refresh_token)))
    assert code_of(lambda: session_logic.refresh(rules.tools, tokens.refresh_token)) == "INVALID_TOKEN"


@pytest.mark.parametrize("made_up", ["", "x", "…", "a" * 43])
def test_a_made_up_refresh_token_is_refused(rules: Rules, made_up: str) -> None:
    assert code_of(lambda: session_logic.refresh(rules.tools, made_up)) == "INVALID_TOKEN"


def test_a_refresh_token_lasts_thirty_days_from_its_own_making(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    first, forgotten = rules.log_in(rules.person()), rules.log_in(rules.person())
    advance_clock(monkeypatch, timedelta(days=29, hours=23))
    second = session_logic.refresh(rules.tools, first.refresh_token)
    advance_clock(monkeypatch, timedelta(hours=2))
    assert code_of(lambda: session_logic.refresh(rules.tools, forgotten.refresh_token)) == "TOKEN_EXPIRED"
    advance_clock(monkeypatch, timedelta(days=29))
    session_logic.refresh(rules.tools, second.refresh_token)


def test_a_session_ends_after_ninety_days_however_often_it_is_used(
    rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = rules.log_in(rules.person())
    for _ in range(3):
        advance_clock(monkeypatch, timedelta(days=29))
        tokens = session_logic.refresh(rules.tools, tokens.refresh_token)
    advance_clock(monkeypatch, timedelta(days=4))
    assert code_of(lambda: session_logic.refresh(rules.tools, tokens.refresh_token)) == "TOKEN_EXPIRED"


def test_logging_out_ends_this_session_alone(rules: Rules) -> None:
    user = rules.person()
    here, there = rules.log_in(user), rules.log_in(user)
    session_logic.log_out(rules.tools, rules.caller(here))
    assert (rules.is_alive(here), rules.is_alive(there)) == (False, True)
    assert code_of(lambda: session_logic.refresh(rules.tools, here.refresh_token)) == "INVALID_TOKEN"


def test_users_list_their_own_active_sessions_page_by_page(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    user = rules.person()
    rules.log_in(rules.person())
    callers = [rules.caller(rules.log_in(user)) for _ in range(4)]
    session_logic.log_out(rules.tools, callers.pop(1))
    seen: list[UUID] = []
    cursor: str | None = None
    while len(seen) < 10:
        rows, pagination = session_logic.list_sessions(rules.tools, callers[0], Page(limit=2, cursor=cursor))
        seen += [row.id for row in rows]
        cursor = pagination.next_cursor
        if cursor is None:
            break
    assert seen == [caller.session_id for caller in reversed(callers)]
    advance_clock(monkeypatch, timedelta(days=31))
    assert session_logic.list_sessions(rules.tools, callers[0], Page())[0] == []


def test_only_an_own_active_session_can_be_ended(rules: Rules) -> None:
    mine, other = rules.log_in(rules.person()), rules.log_in(rules.person())
    me = rules.caller(mine)

    def end(session_id: UUID) -> str:
        return code_of(lambda: session_logic.end_session(rules.tools, me, session_id))

    assert end(rules.caller(other).session_id) == "NOT_FOUND"
    assert end(nobody()) == "NOT_FOUND"
    assert rules.is_alive(other)
    assert end(me.session_id) == ""
    assert end(me.session_id) == "NOT_FOUND"


def test_a_new_password_ends_every_other_session(rules: Rules) -> None:
    user = rules.person()
    here, there = rules.log_in(user), rules.log_in(user)
    change = PasswordChange(current_password=PASSWORD, new_password=ANOTHER)
    session_logic.change_password(rules.tools, rules.caller(here), change)
    assert (rules.is_alive(here), rules.is_alive(there)) == (True, False)
    session_logic.refresh(rules.tools, here.refresh_token)
    assert code_of(lambda: rules.log_in(user)) == "INVALID_CREDENTIALS"
    rules.log_in(user, ANOTHER)


def test_a_wrong_or_common_password_changes_nothing(rules: Rules) -> None:
    user = rules.person()
    here, there = rules.log_in(user), rules.log_in(user)
    caller = rules.caller(here)
    wrong = PasswordChange(current_password="wrong", new_password=ANOTHER)
    common = PasswordChange(current_password=PASSWORD, new_password="password1234")
    own = PasswordChange(current_password=PASSWORD, new_password=user.username)
    same = PasswordChange(current_password=PASSWORD, new_password=PASSWORD)
    assert code_of(partial(session_logic.change_password, rules.tools, caller, wrong)) == "INVALID_CREDENTIALS"
    for change in (common, own, same):
        assert code_of(partial(session_logic.change_password, rules.tools, caller, change)) == "INVALID_REQUEST"
    assert rules.is_alive(there)
    rules.log_in(user)


def test_of_two_changes_of_a_password_at_once_one_holds(rules: Rules) -> None:
    user = rules.person()
    caller = rules.caller(rules.log_in(user))
    passwords = [f"{ANOTHER} {number}" for number in range(2)]

    def change(new: str) -> str:
        wanted = PasswordChange(current_password=PASSWORD, new_password=new)
        session_logic.change_password(rules.tools, caller, wanted)
        return new

    outcomes = rules.at_once(*(partial(change, new) for new in passwords))
    assert Counter(outcomes)["INVALID_CREDENTIALS"] == 1
    (held,) = (outcome for outcome in outcomes if outcome in passwords)
    rules.log_in(user, str(held))


@pytest.mark.parametrize("change", ["password", "address"])
def test_what_a_session_has_begun_is_not_done_after_its_end(rules: Rules, change: str) -> None:
    user = rules.person()
    thief, owner = (rules.caller(rules.log_in(user)) for _ in range(2))

    def end() -> None:
        rules.passwords.before_comparing = lambda: None
        session_logic.end_all_sessions(rules.tools, owner)

    rules.passwords.before_comparing = end
    if change == "password":
        wanted = PasswordChange(current_password=PASSWORD, new_password=ANOTHER)
        attempted = code_of(lambda: session_logic.change_password(rules.tools, thief, wanted))
    else:
        profile = ProfileChanges(email=f"thief.{user.email}", current_password=PASSWORD)
        attempted = code_of(lambda: user_logic.update_profile(rules.tools, thief, profile))
    assert attempted == "INVALID_TOKEN"
    rules.log_in(user)
    assert user_logic.details(rules.tools, user.id).email == user.email


def test_a_session_that_goes_on_under_a_new_id_ends_with_all_others(
    rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = rules.person()
    here, there = (rules.caller(rules.log_in(user)) for _ in range(2))
    insert = rules.tools.sessions.insert

    def end() -> None:
        with rules.app.app_context():
            session_logic.end_all_sessions(rules.tools, there)

    ending = threading.Thread(target=end)

    def insert_late(row: object) -> None:
        if isinstance(row, LoginSession):
            ending.start()
            ending.join(0.3)  # gives the end of all sessions time to look for them, unless this one blocks it
        insert(row)

    monkeypatch.setattr(rules.tools.sessions, "insert", insert_late)
    tokens = session_logic.renew(rules.tools, here)
    ending.join(10)
    assert not rules.is_alive(tokens)


@pytest.mark.parametrize("changes", [UserChanges(status="disabled"), UserChanges(role="employee")])
def test_a_change_by_an_admin_ends_all_sessions(rules: Rules, changes: UserChanges) -> None:
    admin, user = rules.person("admin"), rules.person()
    sessions = [rules.log_in(user), rules.log_in(user)]
    before = cursor_now(rules)
    rules.change_user(caller_of(admin), user.id, changes)
    assert [rules.is_alive(tokens) for tokens in sessions] == [False, False]
    assert len(ended_since(rules, before)) >= 2
    for tokens in sessions:
        assert code_of(partial(session_logic.refresh, rules.tools, tokens.refresh_token)) == "INVALID_TOKEN"


@pytest.mark.parametrize("meanwhile", ["disabled", "new password"])
def test_a_user_changed_during_the_password_check_is_not_logged_in(rules: Rules, meanwhile: str) -> None:
    user = rules.person()
    caller = rules.caller(rules.log_in(user))
    admin = caller_of(rules.person("admin"))

    def change() -> None:
        rules.passwords.before_comparing = lambda: None
        if meanwhile == "disabled":
            rules.change_user(admin, user.id, UserChanges(status="disabled"))
        else:
            wanted = PasswordChange(current_password=PASSWORD, new_password=ANOTHER)
            session_logic.change_password(rules.tools, caller, wanted)

    rules.passwords.before_comparing = change
    assert code_of(lambda: rules.log_in(user)) == "INVALID_CREDENTIALS"


def test_a_user_disabled_during_the_login_keeps_no_session(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    admin, user = caller_of(rules.person("admin")), rules.person()
    insert = rules.tools.sessions.insert

    def disable() -> None:
        with rules.app.app_context():
            rules.change_user(admin, user.id, UserChanges(status="disabled"))

    disabling = threading.Thread(target=disable)

    def insert_late(row: object) -> None:
        if isinstance(row, LoginSession):
            disabling.start()
            disabling.join(0.3)  # gives the change time to commit, unless the login blocks it
        insert(row)

    monkeypatch.setattr(rules.tools.sessions, "insert", insert_late)
    tokens = rules.log_in(user)
    disabling.join(10)
    assert not rules.is_alive(tokens)


def test_the_feed_goes_on_from_its_cursor(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (rules.caller(rules.log_in(rules.person())) for _ in range(2))
    session_logic.log_out(rules.tools, first)
    cursor = cursor_now(rules)
    advance_clock(monkeypatch, timedelta(seconds=11))
    session_logic.log_out(rules.tools, second)
    assert ended_since(rules, cursor) == {second.session_id}
    assert {first.session_id, second.session_id} <= ended_since(rules, 0)
    assert cursor_now(rules) == cursor + 1


def test_the_feed_repeats_the_last_seconds(rules: Rules) -> None:
    """On PostgreSQL a lower sequence number may be committed after a higher one was read."""
    caller = rules.caller(rules.log_in(rules.person()))
    session_logic.log_out(rules.tools, caller)
    assert caller.session_id in ended_since(rules, cursor_now(rules))


def test_the_feed_covers_the_lifetime_of_tokens(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = rules.caller(rules.log_in(rules.person()))
    session_logic.log_out(rules.tools, caller)
    advance_clock(monkeypatch, timedelta(minutes=119))
    assert caller.session_id in ended_since(rules, 0)
    advance_clock(monkeypatch, timedelta(minutes=2))
    assert ended_since(rules, 0) == set()


def test_a_cursor_ahead_of_the_feed_starts_from_the_beginning(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = rules.caller(rules.log_in(rules.person()))
    session_logic.log_out(rules.tools, caller)
    advance_clock(monkeypatch, timedelta(seconds=11))
    assert caller.session_id in ended_since(rules, 1_000_000)


def test_old_sessions_are_deleted_and_sequences_are_not_reused(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    alive, gone = rules.log_in(rules.person()), rules.log_in(rules.person())
    session_logic.log_out(rules.tools, rules.caller(gone))
    session_logic.refresh(rules.tools, rules.log_in(rules.person()).refresh_token)
    before = cursor_now(rules)
    advance_clock(monkeypatch, timedelta(days=1, minutes=1))
    session_logic.clean_up(rules.tools)
    rules.tools.sessions.refresh()
    assert db.session.scalar(select(func.count()).select_from(EndedSession)) == 0
    assert db.session.scalar(select(func.count()).where(LoginSession.ended_at.is_not(None))) == 0
    assert (rules.is_alive(alive), rules.is_alive(gone)) == (True, False)
    session_logic.log_out(rules.tools, rules.caller(alive))
    assert cursor_now(rules) > before
    advance_clock(monkeypatch, timedelta(days=400))
    session_logic.clean_up(rules.tools)
    rules.tools.sessions.refresh()
    assert db.session.scalar(select(func.count()).select_from(RefreshToken)) == 0


def last_used_at(rules: Rules, session_id: UUID) -> datetime:
    rules.tools.sessions.refresh()
    found = db.session.get(LoginSession, session_id)
    assert found is not None
    return found.last_used_at


def test_the_last_use_of_a_session_is_known_to_the_minute(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = rules.caller(rules.log_in(rules.person())).session_id
    begun_at = last_used_at(rules, session_id)
    advance_clock(monkeypatch, timedelta(minutes=10))
    session_logic.record_use(rules.tools, {session_id: 20.0, UUID(int=1): 1.0})
    assert begun_at + timedelta(minutes=9, seconds=40) <= last_used_at(rules, session_id)
    noted_at = last_used_at(rules, session_id)
    session_logic.record_use(rules.tools, {session_id: 10.0})  # another service reports the same use
    session_logic.record_use(rules.tools, {session_id: 300.0})
    assert last_used_at(rules, session_id) == noted_at
    advance_clock(monkeypatch, timedelta(minutes=11))
    session_logic.record_use(rules.tools, {session_id: 0.0})
    assert last_used_at(rules, session_id) > noted_at


def test_the_last_use_of_an_ended_session_is_not_updated(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = rules.caller(rules.log_in(rules.person()))
    session_logic.log_out(rules.tools, caller)
    before = last_used_at(rules, caller.session_id)
    advance_clock(monkeypatch, timedelta(minutes=10))
    session_logic.record_use(rules.tools, {caller.session_id: 0.0})
    assert last_used_at(rules, caller.session_id) == before
