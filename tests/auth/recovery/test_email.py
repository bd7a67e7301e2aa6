"""E-mail addresses: verified by a link, and given back to their owner when somebody else has changed them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from auth_service import session_logic, user_logic
from auth_service.auth_models import User, db
from auth_service.mail.mail_models import OutgoingMail
from auth_service.mail.template_logic import MailTemplates
from auth_service.recovery import recovery_logic
from auth_service.recovery.recovery_logic import Recovery
from auth_service.recovery.recovery_schemas import PasswordReset
from auth_service.user_schemas import ProfileChanges
from tests.support.auth_rules import PASSWORD, Rules, advance_clock, caller_of, code_of, seen_from

NEXT = "quite another horse, quite another battery"


def mails(rules: Rules, recipient: str, kind: str) -> list[OutgoingMail]:
    rules.tools.users.refresh()
    query = select(OutgoingMail).where(OutgoingMail.recipient == recipient, OutgoingMail.kind == kind)
    return list(db.session.scalars(query.order_by(OutgoingMail.created_at)))


def token_of(rules: Rules, recipient: str, kind: str) -> str:
    """Write the last queued mail of this kind to this address, and return the token of its link."""
    mail = mails(rules, recipient, kind)[-1]
    content = Recovery(rules.tools, MailTemplates("https://bank.example", "")).renderers[kind](mail)
    assert content
    rules.tools.users.refresh()
    found = re.search(r"\?token=([\w-]{43})$", content.link)
    assert found
    return found[1]


def user(rules: Rules, person: User) -> User:
    rules.tools.users.refresh()
    return user_logic.details(rules.tools, person.id)


def change(rules: Rules, person: User, email: str) -> User:
    changes = ProfileChanges(email=email, current_password=PASSWORD)
    return user_logic.update_profile(rules.tools, rules.session_of(person), changes)


def test_a_new_customer_verifies_the_address_by_the_link_of_a_mail(rules: Rules) -> None:
    person = rules.person()
    assert user(rules, person).email_verified_at is None
    token = token_of(rules, person.email, "email_check")
    recovery_logic.verify_email(rules.tools, token)
    assert user(rules, person).email_verified_at
    assert code_of(lambda: recovery_logic.verify_email(rules.tools, token)) == "INVALID_LINK"
    render = Recovery(rules.tools, MailTemplates("", "")).renderers["email_check"]
    content = render(mails(rules, person.email, "email_check")[-1])
    assert content is None  # there is nothing to ask any more


def test_a_link_of_one_kind_is_not_one_of_another(rules: Rules) -> None:
    person = rules.person()
    token = token_of(rules, person.email, "email_check")
    body = PasswordReset(token=token, new_password=NEXT)
    assert code_of(lambda: recovery_logic.reset_password(rules.tools, body)) == "INVALID_LINK"
    assert code_of(lambda: recovery_logic.undo_email(rules.tools, token)) == "INVALID_LINK"


def test_a_link_that_verifies_an_address_ends_with_its_change(rules: Rules) -> None:
    person = rules.person()
    token = token_of(rules, person.email, "email_check")
    change(rules, person, f"new.{person.email}")
    assert code_of(lambda: recovery_logic.verify_email(rules.tools, token)) == "INVALID_LINK"
    recovery_logic.verify_email(rules.tools, token_of(rules, f"new.{person.email}", "email_check"))
    assert user(rules, person).email_verified_at


def test_a_new_password_by_mail_verifies_the_address(rules: Rules) -> None:
    person = rules.person()
    recovery_logic.ask_for_reset(rules.tools, person.email)
    token = token_of(rules, person.email, "password_reset")
    recovery_logic.reset_password(rules.tools, PasswordReset(token=token, new_password=NEXT))
    assert user(rules, person).email_verified_at


def test_the_mail_is_sent_again_until_the_address_is_verified(rules: Rules) -> None:
    person = rules.person()
    recovery_logic.ask_for_check(rules.tools, caller_of(person))
    assert len(mails(rules, person.email, "email_check")) == 2
    recovery_logic.verify_email(rules.tools, token_of(rules, person.email, "email_check"))
    recovery_logic.ask_for_check(rules.tools, caller_of(person))
    assert len(mails(rules, person.email, "email_check")) == 2


def test_a_change_is_undone_from_the_old_address(rules: Rules) -> None:
    person = rules.person()
    old, new = person.email, f"thief.{person.email}"
    session = rules.log_in(person)
    change(rules, person, new)
    assert (user(rules, person).email, user(rules, person).email_verified_at) == (new, None)
    recovery_logic.undo_email(rules.tools, token_of(rules, old, "email_changed"))
    assert user(rules, person).email == old
    assert user(rules, person).email_verified_at
    assert not rules.is_alive(session)
    assert code_of(lambda: rules.log_in(person)) == "INVALID_CREDENTIALS"  # the thief knows the password
    token = token_of(rules, old, "password_reset")
    recovery_logic.reset_password(rules.tools, PasswordReset(token=token, new_password=NEXT))
    rules.log_in(person, NEXT)


def test_the_earliest_address_wins(rules: Rules) -> None:
    person = rules.person()
    old, second, third = person.email, f"two.{person.email}", f"three.{person.email}"
    change(rules, person, second)
    owners = token_of(rules, old, "email_changed")
    change(rules, person, third)
    thiefs = token_of(rules, second, "email_changed")
    recovery_logic.undo_email(rules.tools, thiefs)
    recovery_logic.undo_email(rules.tools, owners)
    assert user(rules, person).email == old
    assert code_of(lambda: recovery_logic.undo_email(rules.tools, thiefs)) == "INVALID_LINK"
    other = rules.person()
    first = other.email
    change(rules, other, f"two.{first}")
    owners = token_of(rules, first, "email_changed")
    change(rules, other, f"three.{first}")
    thiefs = token_of(rules, f"two.{first}", "email_changed")
    recovery_logic.undo_email(rules.tools, owners)
    assert code_of(lambda: recovery_logic.undo_email(rules.tools, thiefs)) == "INVALID_LINK"


def test_for_seven_days_nobody_else_gets_the_old_address(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    person, other = rules.person(), rules.person()
    old = person.email
    change(rules, person, f"new.{old}")
    token = token_of(rules, old, "email_changed")
    assert code_of(lambda: change(rules, other, old.upper())) == "EMAIL_TAKEN"
    change(rules, person, old)  # its owner may return
    change(rules, person, f"new.{old}")
    advance_clock(monkeypatch, timedelta(days=7, seconds=1))
    assert code_of(lambda: recovery_logic.undo_email(rules.tools, token)) == "INVALID_LINK"
    recovery_logic.clean_up(rules.tools)
    assert change(rules, other, old.upper()).email == old.upper()


def test_letters_to_an_address_that_may_be_mistyped_repeat_nothing_that_was_entered(rules: Rules) -> None:
    person = rules.person()
    mail = mails(rules, person.email, "email_check")[-1]
    content = Recovery(rules.tools, MailTemplates("https://bank.example", "")).renderers["email_check"](mail)
    assert content
    assert person.username not in str(content)


@pytest.mark.parametrize("user_agent", ["Mozilla/5.0 (iPhone) Safari/605.1", "curl/8.1"])
def test_a_login_from_a_new_kind_of_device_is_told_once(rules: Rules, user_agent: str) -> None:
    person = rules.person()

    def log_in(agent: str) -> None:
        with seen_from("192.0.2.7", agent), rules.tools.transaction():
            session_logic.start_session(rules.tools, person)

    def notices() -> list[dict[str, Any]]:
        return [mail.facts for mail in mails(rules, person.email, "new_device")]

    log_in("Mozilla/5.0 (Windows NT 10.0) Firefox/140.0")
    log_in("Mozilla/5.0 (Windows NT 11.0) Firefox/141.0")
    assert notices() == []
    log_in(user_agent)
    log_in(user_agent.replace("1", "2"))
    (facts,) = notices()
    assert facts["ip"] == "192.0.2.7"
    content = MailTemplates("https://bank.example", "Call us.").render(mails(rules, person.email, "new_device")[0])
    assert facts["device"] in content.paragraphs[0]
    assert "https://bank.example/forgot-password" in content.paragraphs[2]
