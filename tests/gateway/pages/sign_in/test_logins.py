"""Registration, login and logout without JavaScript."""

import pytest

from shared.core.errors import TokenExpired
from shared.security.tokens import TokenVerifier
from shared.web.parts import part
from tests.support.suite import PASSWORD, BankOptions, Suite
from tests.support.visitor import Visitor, forms_of


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "gateway"))


@pytest.fixture(scope="module")
def username(bank: Suite) -> str:
    return bank.person("ada").username


@pytest.fixture
def visitor(bank: Suite) -> Visitor:
    return bank.visitor()


def test_a_registration_logs_the_customer_in(visitor: Visitor) -> None:
    answer = visitor.register("grace")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")
    assert "Welcome, grace." in visitor.get("/profile").text


def test_a_taken_name_is_reported_beside_its_field(visitor: Visitor, username: str) -> None:
    answer = visitor.register(username)
    assert answer.status_code == 400
    assert f'value="{username}"' in answer.text
    assert "Error: Register" in answer.text
    assert 'class="invalid-feedback"' in answer.text or 'class="alert alert-danger"' in answer.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"confirm_password": "something else"}, "The two passwords differ."),
        ({"email": ""}, "Enter your e-mail address."),
        ({"email": "nonsense"}, "E-mail"),
        ({"password": "short", "confirm_password": "short"}, "Password"),
        ({"username": "a b"}, "Username"),
    ],
)
def test_errors_are_shown_beside_their_fields(visitor: Visitor, fields: dict[str, str], words: str) -> None:
    good = {
        "username": "linus",
        "email": "linus@example.com",
        "password": PASSWORD,
        "confirm_password": PASSWORD,
    }
    answer = visitor.submit("/register", **{**good, **fields})
    assert answer.status_code == 400
    assert 'class="invalid-feedback"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert words in answer.text
    assert PASSWORD not in answer.text


def test_a_failed_login_does_not_reveal_which_part_is_wrong(visitor: Visitor, username: str) -> None:
    wrong_password = visitor.log_in(username, "not this one")
    unknown_name = visitor.log_in("nobody-of-that-name", "not this one")
    for answer in (wrong_password, unknown_name):
        assert answer.status_code == 400
        assert "not this one" not in answer.text
    alerts = [page.text.split('role="alert">')[1].split("</div>")[0] for page in (wrong_password, unknown_name)]
    assert alerts[0] == alerts[1]
    assert f'value="{username}"' in wrong_password.text


def test_the_login_page_redirects_logged_in_people(visitor: Visitor, username: str) -> None:
    visitor.log_in(username)
    for path in ("/login", "/register"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard")


def test_logging_out_ends_the_session_everywhere(bank: Suite, visitor: Visitor, username: str) -> None:
    visitor.log_in(username)
    with visitor.client.session_transaction() as session:
        token = session["token"]
    answer = visitor.submit("/profile", action="/logout")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "You are logged out." in visitor.get("/login").text
    assert visitor.get("/profile").status_code == 303
    headers = {"Authorization": f"Bearer {token}"}
    assert bank.call("auth", "GET", "/api/auth/verify_token", headers=headers).status_code == 401


def test_a_logout_works_while_the_auth_service_is_unavailable(
    bank: Suite, visitor: Visitor, username: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.log_in(username)
    page = visitor.get("/profile")
    form = next(form for form in forms_of(page) if form.action == "/logout")
    monkeypatch.setattr(bank.adapters["auth"], "down", True)
    assert visitor.post("/logout", form.fields).status_code == 303
    assert "You are logged out of this browser." in visitor.get("/login").text


def test_a_logout_needs_a_post(visitor: Visitor, username: str) -> None:
    visitor.log_in(username)
    assert visitor.get("/logout").status_code == 405
    assert visitor.post("/logout", {}).status_code == 400
    assert visitor.get("/profile").status_code == 200


def test_a_form_without_its_csrf_token_is_refused_with_an_explanation(visitor: Visitor, username: str) -> None:
    fields = {"username": username, "password": PASSWORD}
    answer = visitor.post("/login", fields, Referer="http://localhost/login")
    assert answer.status_code == 400
    assert "open for too long" in answer.text
    assert '<a class="btn btn-primary" href="/login">Open the page again</a>' in answer.text
    assert "Open the page again" not in visitor.post("/login", fields).text


def test_a_session_that_can_not_be_renewed_now_is_kept(
    bank: Suite, visitor: Visitor, username: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.log_in(username)

    def expired(_token: str) -> None:
        raise TokenExpired

    with monkeypatch.context() as patch:
        patch.setattr(part(TokenVerifier, bank.apps["gateway"]), "verify", expired)
        patch.setattr(bank.adapters["auth"], "down", True)
        assert visitor.post("/settings", {"current_password": "x"}).status_code == 503
    assert visitor.get("/settings").status_code == 200


def test_the_form_keeps_its_input_while_the_auth_service_is_unavailable(
    bank: Suite, visitor: Visitor, username: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank.adapters["auth"], "down", True)
    answer = visitor.log_in(username)
    assert answer.status_code == 503
    assert f'value="{username}"' in answer.text
    assert 'class="alert alert-danger"' in answer.text


def test_the_auth_service_gets_the_origin_of_a_login(bank: Suite, username: str) -> None:
    visitor = Visitor(bank.apps["gateway"], user_agent="Mozilla/5.0 (iPhone) Safari/605.1")
    visitor.log_in(username)
    assert "Safari on iPhone" in visitor.get("/settings").text


def test_too_many_logins_are_refused_with_a_page(bank: Suite, tmp_path_factory: pytest.TempPathFactory) -> None:
    crowded = bank.visitor()
    crowded.client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    page = crowded.get("/login")
    fields = {**forms_of(page)[0].fields, "username": "", "password": ""}
    statuses = [crowded.post("/login", fields).status_code for _ in range(62)]
    assert statuses[:60] == [400] * 60
    assert statuses[-1] == 429
    refused = crowded.post("/login", fields)
    assert int(refused.headers["Retry-After"]) >= 1
    assert "There were too many requests. Try again in 1 second." in refused.text
    assert "alert" in refused.text


def test_the_page_of_too_many_logins_links_to_the_login(visitor: Visitor, bank: Suite) -> None:
    bank.person("impatient")
    for _ in range(5):
        assert "The username or the password is wrong." in visitor.log_in("impatient", "wrong").text
    page = visitor.log_in("impatient")
    assert page.status_code == 429
    assert page.headers["Retry-After"]
    assert "The password was wrong too often. Try again in " in page.text
    assert 'href="/login">Try again' in page.text


def test_a_session_can_be_extended(bank: Suite) -> None:
    visitor = bank.visitor()
    assert visitor.get("/session").status_code == 303
    assert visitor.register("lingering").status_code == 303
    stayed = visitor.get("/session")
    assert stayed.status_code == 204
    assert "session=" in stayed.headers["Set-Cookie"]


def test_the_full_name_is_asked_for_and_may_be_left_out(bank: Suite, visitor: Visitor) -> None:
    fields = {"password": PASSWORD, "confirm_password": PASSWORD}
    answer = visitor.submit("/register", full_name="  ", username="kay", email="kay@example.com", **fields)
    assert answer.status_code == 303
    other = bank.visitor()
    answer = other.submit("/register", full_name=" Jean Bartik ", username="jean", email="jean@example.com", **fields)
    assert answer.status_code == 303
    assert 'value="Jean Bartik"' in other.get("/profile").text
    refused = bank.visitor().submit("/register", full_name="x" * 101, username="jo", **fields)
    assert (refused.status_code, 'id="full_name-error"' in refused.text) == (400, True)
