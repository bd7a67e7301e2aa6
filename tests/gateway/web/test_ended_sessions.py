"""A session that ends through the gateway is refused there immediately, by pages and /api."""

import jwt
import pytest

from shared.core.errors import InvalidToken
from shared.security.tokens import TokenVerifier
from shared.web.parts import part
from tests.support.suite import ADMIN_PASSWORD, PASSWORD, BankOptions, Suite
from tests.support.visitor import forms_of


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    """Without the regular poll, so that only immediate refusals count."""
    return BankOptions(("auth", "gateway"), is_started=False)


class Login:
    """A login with two browser tabs, and its token for use by a program."""

    def __init__(self, bank: Suite, username: str, password: str = PASSWORD) -> None:
        self.verifier = part(TokenVerifier, bank.apps["gateway"])
        self.tab, self.other_tab = bank.visitor(), bank.visitor()
        assert self.tab.log_in(username, password).status_code == 303
        self.other_tab.client.set_cookie("session", self.tab.cookie)
        with self.tab.client.session_transaction() as session:
            self.token = str(session["token"])
        assert self.is_accepted()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def is_accepted(self) -> bool:
        """Return whether the gateway accepts the other tab; assert that it treats the token the same."""
        try:
            self.verifier.verify(self.token)
            accepts_token = True
        except InvalidToken:
            accepts_token = False
        accepts_tab = self.other_tab.get("/session").status_code == 204
        assert accepts_tab == accepts_token
        return accepts_token


def test_a_logout_ends_every_tab_immediately(bank: Suite) -> None:
    bank.person("grace")
    here, elsewhere = Login(bank, "grace"), Login(bank, "grace")
    assert here.tab.submit("/profile", action="/logout").status_code == 303
    assert (here.is_accepted(), elsewhere.is_accepted()) == (False, True)
    answer = bank.call("gateway", "GET", "/api/auth/verify_token", headers=here.headers)
    assert (answer.status_code, (answer.json or {})["error_code"]) == (401, "INVALID_TOKEN")


def test_a_logout_ends_the_session_here_while_the_auth_service_is_unavailable(bank: Suite) -> None:
    bank.person("mary")
    here = Login(bank, "mary")
    page = here.tab.get("/profile")
    form = next(form for form in forms_of(page) if form.action == "/logout")
    bank.adapters["auth"].down = True
    assert here.tab.post("/logout", form.fields).status_code == 303
    bank.adapters["auth"].down = False
    assert not here.is_accepted()


def test_a_session_ended_in_the_settings_is_refused_immediately(bank: Suite) -> None:
    bank.person("joan")
    here, elsewhere = Login(bank, "joan"), Login(bank, "joan")
    session_id = jwt.decode(elsewhere.token, options={"verify_signature": False})["sid"]
    answer = here.tab.submit("/settings", action=f"/settings/sessions/{session_id}/end")
    assert answer.status_code == 303
    assert (here.is_accepted(), elsewhere.is_accepted()) == (True, False)


def test_a_new_password_ends_the_other_sessions_immediately(bank: Suite) -> None:
    bank.person("edith")
    here, elsewhere = Login(bank, "edith"), Login(bank, "edith")
    new = "quite another horse, quite another battery"
    answer = here.tab.submit("/settings", current_password=PASSWORD, new_password=new, confirm_password=new)
    assert answer.status_code == 303
    assert here.tab.get("/session").status_code == 204, "with its new cookie"
    assert (here.is_accepted(), elsewhere.is_accepted()) == (False, False), "the old cookie has the earlier id"


def test_an_admins_change_ends_the_users_sessions_immediately(bank: Suite) -> None:
    user_id = bank.person("hedy").user_id
    hedy, admin = Login(bank, "hedy"), Login(bank, "admin", ADMIN_PASSWORD)
    path = f"/admin/users/{user_id}"
    assert admin.tab.submit(path, status="disabled", reason="Has left").status_code == 303
    assert (hedy.is_accepted(), admin.is_accepted()) == (False, True)


@pytest.mark.parametrize("way", ["logout", "session", "password", "person"])
def test_a_session_ended_by_the_api_is_refused_immediately(bank: Suite, way: str) -> None:
    user_id = bank.person(f"api-{way}").user_id
    other, ended = Login(bank, f"api-{way}"), Login(bank, f"api-{way}")

    def call(method: str, path: str, headers: dict[str, str], body: dict[str, str] | None = None) -> None:
        answer = bank.call("gateway", method, f"/api/auth/{path}", headers=headers, json=body)
        assert answer.status_code == 200, answer.text

    if way == "logout":
        call("POST", "logout", ended.headers)
    elif way == "session":
        session_id = jwt.decode(ended.token, options={"verify_signature": False})["sid"]
        call("DELETE", f"sessions/{session_id}", other.headers)
    elif way == "password":
        change = {"current_password": PASSWORD, "new_password": "quite another horse, quite another battery"}
        call("POST", "change_password", other.headers, change)
    else:
        call("DELETE", f"users/{user_id}", bank.admin().headers)
    assert not ended.is_accepted()
    assert other.is_accepted() == (way != "person")
