"""A lost second factor is removed by two employees, never by one, and its owner is told."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from auth_service.auth_models import User, db
from auth_service.mail.mail_models import OutgoingMail
from auth_service.passkeys.passkey_storage import PasskeyStorage
from auth_service.second_factor import removal_logic, second_factor_logic
from auth_service.second_factor.removal_logic import Removals
from auth_service.second_factor.removal_schemas import NewRemoval, RemovalDecision
from auth_service.second_factor.second_factor_models import Passkey
from shared.web.parts import part
from tests.support.auth_rules import Rules, advance_clock, app_code, caller_of, code_of, nobody

REASON = NewRemoval(reason="Lost the phone; passport shown")
APPROVE, REFUSE = RemovalDecision(decision="approve"), RemovalDecision(decision="refuse")


class Desk:
    """Two employees and a customer who has lost the second factor."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.removals = part(Removals, rules.app)
        self.first, self.second = rules.person("employee"), rules.person("employee")
        self.customer = rules.person()
        self.tokens = rules.log_in(self.customer)
        caller = rules.caller(self.tokens)
        secret = second_factor_logic.set_up(rules.tools, rules.factors, caller).secret
        second_factor_logic.enable(rules.tools, rules.factors, caller, app_code(secret))

    def ask(self, staff: User, customer: User | None = None) -> str:
        asked = (customer or self.customer).id
        return code_of(lambda: removal_logic.ask(self.rules.tools, self.removals, caller_of(staff), asked, REASON))

    def decide(self, staff: User, decision: RemovalDecision = APPROVE) -> str:
        return code_of(
            lambda: removal_logic.decide(self.rules.tools, self.removals, caller_of(staff), self.customer.id, decision)
        )

    @property
    def is_open(self) -> bool:
        self.rules.tools.users.refresh()
        return removal_logic.present(self.rules.tools, self.removals, self.customer.id)[1] is not None

    @property
    def needs_code(self) -> bool:
        return code_of(lambda: self.rules.log_in(self.customer)) == "MFA_REQUIRED"

    def add_passkey(self) -> None:
        with self.rules.tools.transaction():
            of = {"credential_id": self.customer.id.hex, "public_key": "", "sign_count": 0, "name": "Phone"}
            PasskeyStorage(db).insert(Passkey(user_id=self.customer.id, **of))

    def mail_text(self) -> str:
        self.rules.tools.users.refresh()
        query = select(OutgoingMail).where(OutgoingMail.recipient == self.customer.email)
        return " ".join(mail.facts.get("what", "") for mail in db.session.scalars(query))


@pytest.fixture
def desk(rules: Rules) -> Desk:
    return Desk(rules)


def test_one_employee_asks_and_another_approves(desk: Desk) -> None:
    assert desk.ask(desk.first) == ""
    assert desk.is_open
    assert "our staff were asked to remove" in desk.mail_text()
    assert desk.decide(desk.first) == "FORBIDDEN"
    assert desk.needs_code
    desk.add_passkey()
    assert desk.decide(desk.second) == ""
    assert not desk.needs_code
    assert desk.rules.factors.storage.count_passkeys(desk.customer.id) == 0
    assert not desk.rules.is_alive(desk.tokens)
    assert "removed by our staff" in desk.mail_text()
    assert desk.decide(desk.second) == "NOT_FOUND"
    assert desk.ask(desk.first) == "NO_FACTOR_TO_REMOVE"


def test_a_refusal_leaves_the_factor_and_who_asked_may_take_it_back(desk: Desk) -> None:
    for staff in (desk.second, desk.first):
        assert desk.ask(desk.first) == ""
        assert desk.ask(desk.second) == "REMOVAL_ASKED"
        assert desk.decide(staff, REFUSE) == ""
        assert not desk.is_open
    assert desk.needs_code
    assert desk.rules.is_alive(desk.tokens)


def test_a_request_expires_after_three_days(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ask(desk.first)
    advance_clock(monkeypatch, timedelta(days=3, microseconds=1))
    assert not desk.is_open
    assert desk.decide(desk.second) == "NOT_FOUND"
    assert desk.ask(desk.second) == ""  # it begins anew
    assert desk.decide(desk.second) == "FORBIDDEN"
    assert desk.decide(desk.first) == ""


def test_of_two_approvals_at_once_one_counts(desk: Desk) -> None:
    desk.ask(desk.first)
    third = desk.rules.person("employee")
    calls = [
        lambda staff=staff: removal_logic.decide(
            desk.rules.tools, desk.removals, caller_of(staff), desk.customer.id, APPROVE
        )
        for staff in (desk.second, third)
    ]
    assert sorted(map(str, desk.rules.at_once(*calls))) == ["NOT_FOUND", "None"]


@pytest.mark.parametrize(("column", "value"), [("status", "disabled"), ("permissions", "approvals:decide")])
def test_what_an_employee_asked_who_may_no_longer_ask_is_not_approved(desk: Desk, column: str, value: str) -> None:
    desk.ask(desk.first)
    with desk.rules.tools.transaction():
        found = desk.rules.tools.users.find_user_to_change(desk.first.id)
        setattr(found, column, value)
    assert desk.decide(desk.second) == "ASKER_NOT_ALLOWED"
    assert desk.needs_code
    assert desk.decide(desk.second, REFUSE) == ""


def test_staff_and_strangers_are_no_customers(desk: Desk) -> None:
    assert desk.ask(desk.first, desk.second) == "NOT_FOUND"
    assert code_of(lambda: removal_logic.present(desk.rules.tools, desk.removals, nobody())) == "NOT_FOUND"
