"""Links for a new password: good once, for half an hour, for one purpose, and telling nothing of who exists."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from auth_service import session_logic, user_logic
from auth_service.auth_models import User, db
from auth_service.auth_schemas import PasswordChange
from auth_service.mail.mail_models import OutgoingMail
from auth_service.mail.template_logic import MailTemplates
from auth_service.recovery import recovery_logic
from auth_service.recovery.recovery_logic import Recovery
from auth_service.recovery.recovery_schemas import PasswordReset
from auth_service.user_schemas import ProfileChanges, UserChanges
from tests.support.auth_rules import PASSWORD, Rules, advance_clock, caller_of, code_of

NEXT = "quite another horse, quite another battery"


def mail_to(rules: Rules, address: str, kind: str = "password_reset") -> str | None:
    """Return the token in a mail to this address, or None when no mail is sent."""
    render = Recovery(rules.tools, MailTemplates("https://bank.example", "")).renderers[kind]
    content = render(OutgoingMail(kind=kind, recipient=address, facts={}))
    rules.tools.users.refresh()
    if content is None:
        return None
    found = re.fullmatch(r"https://bank\.example/reset-password\?token=([\w-]{43})", content.link)
    assert found
    return found[1]


def link_of(rules: Rules, user: User) -> str:
    token = mail_to(rules, user.email)
    assert token
    return token


def reset(rules: Rules, token: str, password: str = NEXT) -> str:
    body = PasswordReset(token=token, new_password=password)
    return code_of(lambda: recovery_logic.reset_password(rules.tools, body))


def test_a_link_sets_a_new_password_once_and_ends_all_sessions(rules: Rules) -> None:
    person = rules.person()
    sessions = [rules.log_in(person), rules.log_in(person)]
    token = link_of(rules, person)
    assert recovery_logic.check(rules.tools, "password_reset", token)
    assert reset(rules, token) == ""
    assert [rules.is_alive(session) for session in sessions] == [False, False]
    assert code_of(lambda: rules.log_in(person)) == "INVALID_CREDENTIALS"
    rules.log_in(person, NEXT)
    assert reset(rules, token) == "INVALID_LINK"
    assert code_of(lambda: recovery_logic.check(rules.tools, "password_reset", token)) == "INVALID_LINK"


def test_asking_queues_the_same_whether_the_address_is_known_or_not(rules: Rules) -> None:
    person = rules.person()
    for address in (person.email, "nobody@example.com"):
        recovery_logic.ask_for_reset(rules.tools, address)
    query = text(
        "SELECT count(*) FROM outgoing_mail WHERE kind = 'password_reset' AND recipient IN (:a, 'nobody@example.com')"
    )
    assert db.session.execute(query, {"a": person.email}).scalar() == 2


def test_only_an_active_user_gets_a_link_at_the_address_as_it_is_stored(rules: Rules) -> None:
    person = rules.person()
    render = Recovery(rules.tools, MailTemplates("https://bank.example", "")).renderers["password_reset"]
    content = render(OutgoingMail(kind="password_reset", recipient=person.email.upper(), facts={}))
    assert content
    assert content.recipient == person.email
    assert mail_to(rules, "nobody@example.com") is None
    rules.change_user(caller_of(rules.person("admin")), person.id, UserChanges(status="disabled"))
    assert mail_to(rules, person.email) is None


def test_a_link_is_good_for_half_an_hour(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    token = link_of(rules, rules.person())
    advance_clock(monkeypatch, timedelta(minutes=30, seconds=-1))
    assert recovery_logic.check(rules.tools, "password_reset", token)
    advance_clock(monkeypatch, timedelta(seconds=1))
    assert reset(rules, token) == "INVALID_LINK"


def test_a_changed_password_or_address_ends_the_links_before_it(rules: Rules) -> None:
    person = rules.person()
    token = link_of(rules, person)
    caller = rules.caller(rules.log_in(person))
    change = PasswordChange(current_password=PASSWORD, new_password=NEXT)
    session_logic.change_password(rules.tools, caller, change)
    assert reset(rules, token) == "INVALID_LINK"
    other = rules.person()
    token = link_of(rules, other)
    changes = ProfileChanges(email=f"new.{other.email}", current_password=PASSWORD)
    user_logic.update_profile(rules.tools, rules.session_of(other), changes)
    assert reset(rules, token) == "INVALID_LINK"


def test_a_link_of_a_disabled_user_is_not_good(rules: Rules) -> None:
    person, admin = rules.person(), rules.person("admin")
    token = link_of(rules, person)
    rules.change_user(caller_of(admin), person.id, UserChanges(status="disabled"))
    assert reset(rules, token) == "INVALID_LINK"


def test_a_refused_password_leaves_the_link_good(rules: Rules) -> None:
    token = link_of(rules, rules.person())
    assert reset(rules, token, "password1234") == "INVALID_REQUEST"
    assert reset(rules, token) == ""


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 43])
def test_a_link_that_was_never_sent_is_not_good(rules: Rules, token: str) -> None:
    assert reset(rules, token) == "INVALID_LINK"


def test_using_one_of_several_links_ends_the_others(rules: Rules) -> None:
    person = rules.person()
    first, second = link_of(rules, person), link_of(rules, person)
    assert reset(rules, first) == ""
    assert reset(rules, second) == "INVALID_LINK"


def test_of_two_uses_of_a_link_at_once_one_succeeds(rules: Rules) -> None:
    token = link_of(rules, rules.person())
    bodies = [PasswordReset(token=token, new_password=f"{NEXT} {number}") for number in range(4)]
    calls = [lambda body=body: recovery_logic.reset_password(rules.tools, body) for body in bodies]
    assert sorted(map(str, rules.at_once(*calls))) == ["INVALID_LINK", "INVALID_LINK", "INVALID_LINK", "None"]


def test_nobody_is_flooded_with_links(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    person = rules.person()
    assert [mail_to(rules, person.email) is not None for _ in range(5)] == [True, True, True, False, False]
    advance_clock(monkeypatch, timedelta(minutes=30))
    assert mail_to(rules, person.email)


def test_a_new_password_ends_a_lockout_and_is_told_by_mail(rules: Rules) -> None:
    person = rules.person()
    for _ in range(5):
        code_of(lambda: rules.log_in(person, "wrong"))
    assert code_of(lambda: rules.log_in(person)) == "TOO_MANY_ATTEMPTS"
    assert reset(rules, link_of(rules, person)) == ""
    rules.log_in(person, NEXT)
    query = text("SELECT kind FROM outgoing_mail WHERE recipient = :a")
    assert "password_changed" in db.session.execute(query, {"a": person.email}).scalars().all()


def test_links_are_stored_as_digests_and_deleted_when_they_have_expired(
    rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = link_of(rules, rules.person())
    stored = str(db.session.execute(text("SELECT * FROM mail_link")).all())
    assert token not in stored
    advance_clock(monkeypatch, timedelta(hours=2))
    recovery_logic.clean_up(rules.tools)
    assert db.session.execute(text("SELECT count(*) FROM mail_link")).scalar() == 0
