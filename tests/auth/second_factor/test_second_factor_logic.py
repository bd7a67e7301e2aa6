"""The rules of the second factor: a code counts once, wrong codes lock the name, nothing is stored readable."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import String, select, type_coerce, update

from auth_service import auth_logic, session_logic
from auth_service.audit.audit_models import AuditEntry
from auth_service.auth_models import User, column_keys, db
from auth_service.auth_schemas import PasswordChange, Tokens
from auth_service.auth_storage import EncryptedColumns
from auth_service.mail.mail_models import OutgoingMail
from auth_service.mail.template_logic import MailTemplates
from auth_service.second_factor import login_logic, second_factor_logic
from auth_service.second_factor.second_factor_logic import MfaRequired
from auth_service.second_factor.second_factor_models import Authenticator, RecoveryCode
from auth_service.second_factor.second_factor_schemas import MfaRemoval, SecondStep
from shared.core import clock
from shared.core.errors import CannotStart
from shared.web.access import Caller
from tests.support.auth_rules import ENCRYPTION_KEY, PASSWORD, Rules, advance_clock, app_code, code_of


class Holder:
    """A user with a second factor, the session in which it was enabled, the secret and the recovery codes."""

    def __init__(self, rules: Rules) -> None:
        self.user = rules.person()
        self.tokens = rules.log_in(self.user)
        self.caller: Caller = rules.caller(self.tokens)
        self.secret = second_factor_logic.set_up(rules.tools, rules.factors, self.caller).secret
        # The code of the step before, so that the present one and the next one are still good.
        otp = app_code(self.secret, -1)
        self.codes = second_factor_logic.enable(rules.tools, rules.factors, self.caller, otp)


@pytest.fixture
def holder(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> Holder:
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    return Holder(rules)


def ticket_of(rules: Rules, user: User) -> str:
    with pytest.raises(MfaRequired) as required:
        rules.log_in(user)
    return str(required.value.details["mfa_token"])


def finish(rules: Rules, ticket: str, otp: str) -> Tokens:
    return login_logic.finish(rules.tools, rules.factors, SecondStep(mfa_token=ticket, otp=otp))


def test_a_login_needs_a_code_only_after_the_right_password(rules: Rules, holder: Holder) -> None:
    assert code_of(lambda: rules.log_in(holder.user)) == "MFA_REQUIRED"
    assert code_of(lambda: rules.log_in(holder.user, "wrong")) == "INVALID_CREDENTIALS"
    assert code_of(lambda: rules.log_in(holder.user, "wrong", app_code(holder.secret))) == "INVALID_CREDENTIALS"
    assert rules.log_in(holder.user, otp=app_code(holder.secret)).user_id == holder.user.id


def test_a_secret_that_is_not_enabled_changes_nothing(rules: Rules) -> None:
    user = rules.person()
    caller = rules.caller(rules.log_in(user))
    assert code_of(lambda: second_factor_logic.enable(rules.tools, rules.factors, caller, "123456")) == "MFA_NOT_SET_UP"
    first = second_factor_logic.set_up(rules.tools, rules.factors, caller).secret
    second = second_factor_logic.set_up(rules.tools, rules.factors, caller).secret
    assert first != second
    rules.log_in(user)
    enable = partial(second_factor_logic.enable, rules.tools, rules.factors, caller)
    assert code_of(lambda: enable(app_code(first))) == "INVALID_OTP"
    assert len(set(enable(app_code(second)))) == 10
    assert code_of(lambda: enable(app_code(second, 1))) == "MFA_ALREADY_ENABLED"
    assert code_of(lambda: second_factor_logic.set_up(rules.tools, rules.factors, caller)) == "MFA_ALREADY_ENABLED"


def test_a_code_is_accepted_once_and_no_older_one_after_it(rules: Rules, holder: Holder) -> None:
    log_in = partial(rules.log_in, holder.user, PASSWORD)
    assert code_of(lambda: log_in(app_code(holder.secret, -1))) == "INVALID_OTP", "it has enabled the factor"
    assert code_of(lambda: log_in(app_code(holder.secret, 2))) == "INVALID_OTP"
    assert code_of(lambda: log_in(app_code(holder.secret, -2))) == "INVALID_OTP"
    log_in(app_code(holder.secret, 1))
    assert code_of(lambda: log_in(app_code(holder.secret, 1))) == "INVALID_OTP"
    assert code_of(lambda: log_in(app_code(holder.secret, 0))) == "INVALID_OTP"


def test_one_code_from_many_at_once_is_accepted_once(rules: Rules, holder: Holder) -> None:
    for otp in (app_code(holder.secret), holder.codes[0]):
        outcomes = rules.at_once(*[partial(rules.log_in, holder.user, PASSWORD, otp)] * 4)
        codes = sorted("" if isinstance(outcome, Tokens) else str(outcome) for outcome in outcomes)
        assert codes == ["", *["INVALID_OTP"] * 3]


def test_codes_may_be_written_as_people_write_them(rules: Rules, holder: Holder) -> None:
    code = app_code(holder.secret)
    rules.log_in(holder.user, otp=f" {code[:3]} {code[3:]} ")
    rules.log_in(holder.user, otp=holder.codes[0].upper().replace("-", " "))
    assert code_of(lambda: rules.log_in(holder.user, otp="١٢٣٤٥٦")) == "INVALID_OTP"


def test_each_recovery_code_is_good_once_and_for_its_owner_only(rules: Rules, holder: Holder) -> None:
    assert len(set(holder.codes)) == 10
    rules.log_in(holder.user, otp=holder.codes[3])
    assert code_of(lambda: rules.log_in(holder.user, otp=holder.codes[3])) == "INVALID_OTP"
    assert second_factor_logic.status(rules.tools, rules.factors, holder.caller).recovery_codes_left == 9
    other = Holder(rules)
    assert code_of(lambda: rules.log_in(other.user, otp=holder.codes[4])) == "INVALID_OTP"


def test_wrong_codes_lock_the_name_although_the_password_is_right(rules: Rules, holder: Holder) -> None:
    outcomes = [code_of(lambda: rules.log_in(holder.user, otp="000000")) for _ in range(6)]
    assert outcomes == ["INVALID_OTP"] * 5 + ["TOO_MANY_ATTEMPTS"]
    assert code_of(lambda: rules.log_in(holder.user, otp=app_code(holder.secret))) == "TOO_MANY_ATTEMPTS"


def test_the_right_password_alone_does_not_clear_the_failures(rules: Rules, holder: Holder) -> None:
    for _ in range(5):
        assert code_of(lambda: rules.log_in(holder.user)) == "MFA_REQUIRED"
        assert code_of(lambda: rules.log_in(holder.user, otp="000000")) == "INVALID_OTP"
    assert code_of(lambda: rules.log_in(holder.user)) == "TOO_MANY_ATTEMPTS"


def test_the_right_code_clears_the_failures(rules: Rules, holder: Holder) -> None:
    for otp in (app_code(holder.secret), app_code(holder.secret, 1)):
        assert [code_of(lambda: rules.log_in(holder.user, otp="000000")) for _ in range(4)] == ["INVALID_OTP"] * 4
        rules.log_in(holder.user, otp=otp)


def test_guesses_at_every_place_count_together(rules: Rules, holder: Holder) -> None:
    ticket = ticket_of(rules, holder.user)
    removal = MfaRemoval(password=PASSWORD, otp="000000")
    guesses = (
        lambda: rules.log_in(holder.user, otp="000000"),
        lambda: finish(rules, ticket, "000000"),
        lambda: second_factor_logic.disable(rules.tools, rules.factors, holder.caller, removal),
        lambda: second_factor_logic.renew_recovery_codes(rules.tools, rules.factors, holder.caller, "000000"),
        lambda: finish(rules, ticket, "000000"),
    )
    assert [code_of(guess) for guess in guesses] == ["INVALID_OTP"] * 5
    assert code_of(lambda: finish(rules, ticket, app_code(holder.secret))) == "TOO_MANY_ATTEMPTS"


def test_the_second_step_finishes_a_login(rules: Rules, holder: Holder) -> None:
    ticket = ticket_of(rules, holder.user)
    assert code_of(lambda: finish(rules, ticket, "000000")) == "INVALID_OTP"
    assert finish(rules, ticket, app_code(holder.secret)).username == holder.user.username


def test_the_first_step_is_good_for_five_minutes_and_until_the_password_changes(
    rules: Rules, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = ticket_of(rules, holder.user)
    with rules.tools.transaction():
        db.session.execute(update(User).where(User.id == holder.user.id).values(password_hash="quick:another"))
    assert code_of(lambda: finish(rules, ticket, app_code(holder.secret))) == "INVALID_TOKEN"
    assert code_of(lambda: finish(rules, "nonsense", app_code(holder.secret))) == "INVALID_TOKEN"
    other = Holder(rules)
    late = ticket_of(rules, other.user)
    later = clock.now().timestamp() + 320
    monkeypatch.setattr("time.time", lambda: later)
    assert code_of(lambda: finish(rules, late, app_code(other.secret))) == "INVALID_TOKEN"


def test_disabling_needs_the_password_and_a_code(rules: Rules, holder: Holder) -> None:
    def disable(password: str, otp: str) -> str:
        removal = MfaRemoval(password=password, otp=otp)
        return code_of(lambda: second_factor_logic.disable(rules.tools, rules.factors, holder.caller, removal))

    elsewhere = rules.log_in(holder.user, otp=app_code(holder.secret))
    assert disable("wrong", app_code(holder.secret, 1)) == "INVALID_CREDENTIALS"
    assert disable(PASSWORD, "000000") == "INVALID_OTP"
    assert disable(PASSWORD, app_code(holder.secret, 1)) == ""
    assert not rules.is_alive(elsewhere)
    assert rules.is_alive(holder.tokens)
    rules.log_in(holder.user)
    assert disable(PASSWORD, holder.codes[0]) == "MFA_NOT_ENABLED"


def test_who_lost_the_app_disables_it_by_a_recovery_code(rules: Rules, holder: Holder) -> None:
    removal = MfaRemoval(password=PASSWORD, otp=holder.codes[0])
    second_factor_logic.disable(rules.tools, rules.factors, holder.caller, removal)
    rules.log_in(holder.user)


def test_enabling_ends_the_other_sessions(rules: Rules) -> None:
    user = rules.person()
    elsewhere, here = rules.log_in(user), rules.log_in(user)
    secret = second_factor_logic.set_up(rules.tools, rules.factors, rules.caller(here)).secret
    second_factor_logic.enable(rules.tools, rules.factors, rules.caller(here), app_code(secret))
    assert rules.is_alive(here)
    assert not rules.is_alive(elsewhere)


def test_new_recovery_codes_replace_the_old_ones(rules: Rules, holder: Holder) -> None:
    renew = partial(second_factor_logic.renew_recovery_codes, rules.tools, rules.factors, holder.caller)
    codes = renew(app_code(holder.secret))
    assert code_of(lambda: rules.log_in(holder.user, otp=holder.codes[0])) == "INVALID_OTP"
    rules.log_in(holder.user, otp=codes[0])


def test_a_token_from_before_the_second_factor_is_no_fresh_proof(
    rules: Rules, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert holder.caller.second_factor_at is None, "the token does not name the second factor"
    change = PasswordChange(current_password=PASSWORD, new_password="quite another passphrase")
    sensitive = (
        partial(second_factor_logic.renew_recovery_codes, rules.tools, rules.factors, holder.caller, None),
        partial(second_factor_logic.set_up, rules.tools, rules.factors, holder.caller),
        partial(session_logic.change_password, rules.tools, holder.caller, change),
    )
    assert code_of(sensitive[0]) == "", "the session has proven it by the first code"
    monkeypatch.setattr("shared.web.access.STEP_UP_SECONDS", -1.0)
    assert [code_of(call) for call in sensitive] == ["STEP_UP_REQUIRED"] * 3


def test_a_person_without_a_second_factor_may_send_a_code(rules: Rules) -> None:
    assert rules.log_in(rules.person(), otp="123456")


def test_secrets_and_recovery_codes_are_not_stored_readable(rules: Rules, holder: Holder) -> None:
    rules.tools.users.refresh()
    stored = db.session.scalars(
        select(type_coerce(Authenticator.secret, String)).where(Authenticator.user_id == holder.user.id)
    ).one()
    assert holder.secret not in stored
    digests = db.session.scalars(select(RecoveryCode.digest).where(RecoveryCode.user_id == holder.user.id)).all()
    assert len(digests) == 10
    assert not set(digests) & set(holder.codes)


def test_keys_are_rotated_at_the_start_and_a_missing_one_is_named(rules: Rules, holder: Holder) -> None:
    def rotate_to(*keys: str) -> None:
        column_keys.use(keys)
        auth_logic.encrypt_anew(EncryptedColumns(db))

    new_key = "n" * 40
    with pytest.raises(CannotStart, match="AUTH_ENCRYPTION_KEYS lacks a key"):
        rotate_to(new_key)
    rotate_to(new_key, ENCRYPTION_KEY)
    rotate_to(new_key)
    rules.log_in(holder.user, otp=app_code(holder.secret))
    rotate_to(ENCRYPTION_KEY, new_key)


def test_neither_log_nor_audit_trail_holds_a_secret_of_the_second_factor(
    rules: Rules, holder: Holder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    ticket, otp = ticket_of(rules, holder.user), app_code(holder.secret)
    finish(rules, ticket, otp)
    code_of(lambda: rules.log_in(holder.user, otp="424242"))
    written = "\n".join(str(record.__dict__) for record in [*caplog.records, *db.session.scalars(select(AuditEntry))])
    assert "wrong code" in written
    for secret in (holder.secret, ticket, holder.codes[0], "424242"):
        assert secret not in written


def test_an_old_failure_is_forgotten_before_a_code_too(
    rules: Rules, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [code_of(lambda: rules.log_in(holder.user, otp="000000")) for _ in range(5)] == ["INVALID_OTP"] * 5
    advance_clock(monkeypatch, timedelta(seconds=61))
    rules.log_in(holder.user, otp=app_code(holder.secret))
    assert auth_logic.locked_until(rules.tools, [holder.user.username]) == {}


def test_changes_and_used_recovery_codes_are_told_by_mail(rules: Rules, holder: Holder) -> None:
    rules.log_in(holder.user, otp=holder.codes[0])
    second_factor_logic.renew_recovery_codes(rules.tools, rules.factors, holder.caller, app_code(holder.secret))
    query = select(OutgoingMail).where(OutgoingMail.recipient == holder.user.email)
    templates = MailTemplates("https://bank.example", "Call us.").renderers
    contents = [templates[mail.kind](mail) for mail in db.session.scalars(query) if mail.kind != "email_check"]
    assert sorted(content.subject for content in contents if content) == [
        "A recovery code was used",
        "Your second factor was changed",
        "Your second factor was changed",
    ]
    text = " ".join(paragraph for content in contents if content for paragraph in content.paragraphs)
    for words in ("an authenticator app was set up", "the recovery codes were replaced", "Codes left: 9."):
        assert words in text
