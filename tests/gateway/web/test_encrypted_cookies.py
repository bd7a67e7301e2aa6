"""The session cookie can't be read or changed, and expires when idle."""

import time

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from api_gateway.web.encrypted_cookies import EncryptedCookies
from shared.security.encryption import fernet_key


def make_app(secret: str = "s" * 40) -> Flask:
    app = Flask("cookies")
    app.config["PERMANENT_SESSION_LIFETIME"] = 600
    cookies = EncryptedCookies(secret, without_session=("/api/",))
    app.session_interface = cookies

    @app.get("/keep/<value>")
    def keep(value: str) -> str:
        session["token"] = value
        return "kept"

    @app.get("/show")
    def show() -> str:
        return str(session.get("token"))

    @app.get("/end")
    def end() -> str:
        session.clear()
        return "ended"

    @app.get("/lasts")
    def lasts() -> str:
        return str(cookies.lasts_seconds(app))

    app.add_url_rule("/api/show", view_func=show, endpoint="machine")
    return app


@pytest.fixture
def client() -> FlaskClient:
    return make_app().test_client()


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("session")
    return cookie.value if cookie else ""


def test_values_of_a_session_are_restored(client: FlaskClient) -> None:
    client.get("/keep/very-secret")
    assert client.get("/show").text == "very-secret"


def test_the_cookie_is_encrypted(client: FlaskClient) -> None:
    answer = client.get("/keep/very-secret")
    assert "very-secret" not in cookie_of(client)
    assert "dmVyeS1zZWNyZXQ" not in cookie_of(client)
    attributes = answer.headers["Set-Cookie"]
    assert "HttpOnly" in attributes
    assert "Secure" not in attributes


def test_over_https_the_cookie_is_secure(client: FlaskClient) -> None:
    assert "Secure" in client.get("/keep/x", base_url="https://localhost").headers["Set-Cookie"]


@pytest.mark.parametrize("place", [0, 20, -5])
def test_a_modified_cookie_is_ignored(client: FlaskClient, place: int) -> None:
    client.get("/keep/x")
    letters = list(cookie_of(client))
    letters[place] = "A" if letters[place] != "A" else "B"
    client.set_cookie("session", "".join(letters))
    assert client.get("/show").text == "None"


@pytest.mark.parametrize("cookie", ["", "x", "gAAAAA", "é".encode().decode("latin-1"), "a" * 4000])
def test_a_malformed_cookie_is_ignored(client: FlaskClient, cookie: str) -> None:
    client.set_cookie("session", cookie)
    assert client.get("/show").text == "None"


def test_a_cookie_of_another_secret_is_ignored(client: FlaskClient) -> None:
    client.get("/keep/x")
    other = make_app("t" * 40).test_client()
    other.set_cookie("session", cookie_of(client))
    assert other.get("/show").text == "None"


def test_a_cookie_survives_a_restart_with_the_same_secret(client: FlaskClient) -> None:
    client.get("/keep/x")
    restarted = make_app().test_client()
    restarted.set_cookie("session", cookie_of(client))
    assert restarted.get("/show").text == "x"


def test_an_idle_session_ends_and_a_used_one_continues(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client.get("/keep/x")
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + 500)
    assert client.get("/show").text == "x"
    monkeypatch.setattr(time, "time", lambda: began + 1000)
    assert client.get("/show").text == "x"
    monkeypatch.setattr(time, "time", lambda: began + 1700)
    assert client.get("/show").text == "None"


def test_a_session_is_not_rewritten_by_every_request(client: FlaskClient) -> None:
    client.get("/keep/x")
    assert "Set-Cookie" not in client.get("/show").headers


def test_an_ended_session_deletes_its_cookie(client: FlaskClient) -> None:
    client.get("/keep/x")
    client.get("/end")
    assert cookie_of(client) == ""


def test_machine_paths_have_no_session(client: FlaskClient) -> None:
    client.get("/keep/x")
    assert client.get("/api/show").text == "None"


def test_each_purpose_has_its_own_key() -> None:
    assert fernet_key("s" * 40, "one") != fernet_key("s" * 40, "two")
    assert fernet_key("s" * 40, "one") == fernet_key("s" * 40, "one")


def test_the_remaining_time_of_the_session_is_known(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/lasts").text == "600"
    client.get("/keep/x")
    assert 597 <= int(client.get("/lasts").text) <= 599
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + 30)
    assert 567 <= int(client.get("/lasts").text) <= 570
    monkeypatch.setattr(time, "time", lambda: began + 300)
    assert client.get("/lasts").text == "600", "this answer renews the cookie"
