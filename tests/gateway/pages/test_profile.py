"""The profile and settings pages."""

import pytest

from shared.security.tokens import TokenVerifier
from shared.web.parts import part
from tests.support.suite import PASSWORD, BankOptions, Suite
from tests.support.visitor import Visitor, forms_of

NEXT_PASSWORD = "quite another horse, quite another battery"


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "gateway"))


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Visitor:
    bank.person("ada")
    return logged_in(bank, "ada")


def logged_in(bank: Suite, username: str, password: str = PASSWORD) -> Visitor:
    browser = bank.visitor()
    assert browser.log_in(username, password).status_code == 303
    return browser


def test_the_profile_shows_the_callers_data(ada: Visitor) -> None:
    page = ada.get("/profile").text
    assert "ada@example.com" in page
    assert "Customer" in page


def test_name_and_phone_are_saved_and_removed(ada: Visitor) -> None:
    answer = ada.submit("/profile", full_name="Ada Lovelace", phone="+44 20 7946 0958")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/profile")
    page = ada.get("/profile").text
    assert "Your profile is saved." in page
    assert 'value="Ada Lovelace"' in page
    assert ada.submit("/profile", full_name="", phone="").status_code == 303
    assert "Ada Lovelace" not in ada.get("/profile").text


def test_saving_without_a_change_is_no_error(ada: Visitor) -> None:
    assert ada.submit("/profile").status_code == 303


def test_a_new_email_address_needs_the_password(ada: Visitor) -> None:
    answer = ada.submit("/profile", email="ada@new.example.com")
    assert answer.status_code == 400
    assert 'value="ada@new.example.com"' in answer.text
    wrong = ada.submit("/profile", email="ada@new.example.com", current_password="wrong")
    assert wrong.status_code == 400
    assert ada.submit("/profile", email="ada@new.example.com", current_password=PASSWORD).status_code == 303
    assert "ada@new.example.com" in ada.get("/profile").text


def test_a_refusal_is_shown_beside_its_field(ada: Visitor) -> None:
    answer = ada.submit("/profile", phone="not a number")
    assert answer.status_code == 400
    assert 'value="not a number"' in answer.text
    assert 'id="phone-error"' in answer.text


def test_a_new_password_ends_the_other_sessions(bank: Suite) -> None:
    bank.person("grace")
    here, elsewhere = logged_in(bank, "grace"), logged_in(bank, "grace")
    answer = here.submit(
        "/settings", current_password=PASSWORD, new_password=NEXT_PASSWORD, confirm_password=NEXT_PASSWORD
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings")
    part(TokenVerifier, bank.apps["gateway"]).revocations.poll()
    assert "Your password is changed." in here.get("/settings").text
    assert elsewhere.get("/settings").status_code == 303
    assert bank.visitor().log_in("grace").status_code == 400
    logged_in(bank, "grace", NEXT_PASSWORD)


@pytest.mark.parametrize(
    ("fields", "error_id"),
    [
        ({"confirm_password": "different"}, "confirm_password-error"),
        ({"new_password": "short", "confirm_password": "short"}, "new_password-error"),
        ({"current_password": ""}, "current_password-error"),
    ],
)
def test_an_invalid_new_password_is_refused(ada: Visitor, fields: dict[str, str], error_id: str) -> None:
    good = {"current_password": PASSWORD, "new_password": NEXT_PASSWORD, "confirm_password": NEXT_PASSWORD}
    answer = ada.submit("/settings", **{**good, **fields})
    assert answer.status_code == 400
    assert f'id="{error_id}"' in answer.text
    assert NEXT_PASSWORD not in answer.text
    assert "Where you are logged in" in answer.text


def test_a_new_password_needs_the_current_one(ada: Visitor) -> None:
    answer = ada.submit(
        "/settings", current_password="wrong", new_password=NEXT_PASSWORD, confirm_password=NEXT_PASSWORD
    )
    assert answer.status_code == 400


def test_another_session_can_be_ended(bank: Suite) -> None:
    bank.person("linus")
    here, elsewhere = logged_in(bank, "linus"), logged_in(bank, "linus")
    page = here.get("/settings")
    actions = [form.action for form in forms_of(page) if form.action.endswith("/end")]
    assert len(actions) == 2  # the login of `bank.person`, and the one elsewhere
    assert page.text.count("This browser") == 1
    for action in actions:
        assert here.submit("/settings", action=action).status_code == 303
    part(TokenVerifier, bank.apps["gateway"]).revocations.poll()
    assert elsewhere.get("/settings").status_code == 303
    assert here.get("/settings").status_code == 200


def test_a_session_of_another_user_is_404(bank: Suite, ada: Visitor) -> None:
    bank.person("mallory")
    mallory = logged_in(bank, "mallory")
    with ada.client.session_transaction() as session:
        action = f"/settings/sessions/{session['_user_id']}/end"
    token = forms_of(mallory.get("/settings"))[0].fields["csrf_token"]
    assert mallory.post(action, {"csrf_token": token}).status_code == 404
    part(TokenVerifier, bank.apps["gateway"]).revocations.poll()
    assert ada.get("/settings").status_code == 200
