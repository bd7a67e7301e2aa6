"""The endpoints for login, logout, refresh, password change and the list of sessions."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import jwt
import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from auth_service.auth_models import User, db
from shared.core import clock
from shared.security.tokens import TokenVerifier
from shared.web.parts import part
from tests.support.asking import LOGIN_KEYS, call, forwarded, refusal
from tests.support.auth_rules import advance_clock
from tests.support.processes import eventually
from tests.support.suite import PASSWORD, Person, Suite


def test_a_wrong_login_is_401_and_tells_nothing(bank: Suite, ada: Person) -> None:
    answers = [
        call(bank, "POST", "login", json={"username": username, "password": "not the password"})
        for username in (ada.username, "nobody-of-that-name")
    ]
    assert {refusal(answer) for answer in answers} == {(401, "INVALID_CREDENTIALS")}
    assert answers[0].get_json() == answers[1].get_json()


def test_a_locked_name_is_429_and_stays_so_after_a_restart(bank: Suite) -> None:
    body = {"username": "somebody-guessed", "password": "wrong"}
    assert [call(bank, "POST", "login", json=body).status_code for _ in range(6)] == [401] * 5 + [429]
    bank.restart("auth")
    answer = call(bank, "POST", "login", json=body)
    assert refusal(answer) == (429, "TOO_MANY_ATTEMPTS")
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_a_refresh_answers_as_a_login_does_and_has_one_outcome(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    person = bank.person()

    def refresh() -> TestResponse:
        return call(bank, "POST", "refresh", json={"refresh_token": person.refresh_token})

    answer = refresh()
    assert set(answer.get_json()) == LOGIN_KEYS - {"message"}
    bank.restart("auth")
    again = refresh()
    assert again.get_json()["refresh_token"] == answer.get_json()["refresh_token"]
    renewed = person.with_token(answer.get_json()["token"])
    assert call(bank, "GET", "verify_token", renewed).status_code == 200
    advance_clock(monkeypatch, timedelta(seconds=11))
    assert refusal(refresh()) == (401, "INVALID_TOKEN")
    assert refusal(call(bank, "GET", "verify_token", renewed)) == (401, "INVALID_TOKEN")


@pytest.mark.timing
def test_logging_out_reaches_the_other_services_within_a_second(bank: Suite) -> None:
    person = bank.person()

    def status_elsewhere() -> int:
        return bank.call("account", "GET", "/api/accounts/list", person).status_code

    assert status_elsewhere() == 200
    assert call(bank, "POST", "logout", person).status_code == 200
    assert refusal(call(bank, "GET", "verify_token", person)) == (401, "INVALID_TOKEN")
    eventually(lambda: status_elsewhere() == 401, within_seconds=1.0)
    assert refusal(call(bank, "POST", "logout", person)) == (401, "INVALID_TOKEN")


def test_a_new_password_ends_the_other_sessions(bank: Suite) -> None:
    here = bank.person()
    there = bank.log_in(here.username)

    def change(current: str, new: str) -> TestResponse:
        return call(bank, "POST", "change_password", here, json={"current_password": current, "new_password": new})

    for current, new, code, field in (
        ("wrong", "another long passphrase", "INVALID_CREDENTIALS", "current_password"),
        (PASSWORD, "too short", "INVALID_REQUEST", "new_password"),
        (PASSWORD, "123456789012", "INVALID_REQUEST", "new_password"),
    ):
        answer = change(current, new)
        assert refusal(answer) == (400, code)
        assert list(answer.get_json()["details"]) == [field]
    assert change(PASSWORD, "another long passphrase").status_code == 200
    assert call(bank, "GET", "verify_token", here).status_code == 200
    assert call(bank, "GET", "verify_token", there).status_code == 401
    bank.log_in(here.username, "another long passphrase")


def test_people_see_where_they_are_logged_in_and_log_out_there(bank: Suite) -> None:
    here = bank.person()
    headers = {**forwarded(bank, "10.0.0.1, 192.0.2.44"), "User-Agent": "Browser/" + "9" * 300}
    login = call(bank, "POST", "login", json={"username": here.username, "password": PASSWORD}, headers=headers)
    there = here.with_token(login.get_json()["token"])
    sessions = call(bank, "GET", "sessions", here).get_json()["sessions"]
    assert [session["current"] for session in sessions] == [False, True]
    assert set(sessions[0]) == {"id", "ip", "user_agent", "created_at", "last_used_at", "current"}
    assert (sessions[0]["ip"], sessions[1]["ip"]) == ("192.0.2.44", "127.0.0.1")
    assert sessions[0]["user_agent"] == "Browser/" + "9" * 192
    claims = jwt.decode(there.token, options={"verify_signature": False})
    assert sessions[0]["id"] == claims["sid"]
    path = f"sessions/{sessions[0]['id']}"
    assert refusal(call(bank, "DELETE", path, bank.admin())) == (404, "NOT_FOUND")
    assert call(bank, "DELETE", path, here).status_code == 200
    assert refusal(call(bank, "DELETE", path, here)) == (404, "NOT_FOUND")
    assert call(bank, "GET", "verify_token", there).status_code == 401
    page = call(bank, "GET", "sessions?limit=1", here).get_json()
    assert ([session["current"] for session in page["sessions"]], page["pagination"]["next_cursor"]) == ([True], None)


def test_a_flood_of_logins_does_not_delay_other_requests(
    bank: Suite, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, finish = threading.Semaphore(0), threading.Event()

    def stuck(_password: str, _method: str) -> str:
        begun.release()
        finish.wait(20)
        return "hash"

    monkeypatch.setattr("shared.security.passwords.generate_password_hash", stuck)
    monkeypatch.setattr("shared.security.passwords.WAIT_SECONDS", 0.2)
    logins = [{"username": f"nobody-{number}", "password": "wrong"} for number in range(70)]
    with ThreadPoolExecutor(70) as pool:
        answers = [pool.submit(call, bank, "POST", "login", json=body) for body in logins]
        assert begun.acquire(timeout=10)
        assert call(bank, "GET", "verify_token", ada).status_code == 200
        eventually(lambda: sum(answer.done() for answer in answers) >= 60)
        finish.set()
        statuses = [answer.result().status_code for answer in answers]
    assert set(statuses) == {401, 503}
    refused = next(answer.result() for answer in answers if answer.result().status_code == 503)
    assert refusal(refused) == (503, "SERVICE_UNAVAILABLE")
    assert int(refused.headers["Retry-After"]) >= 1


def test_the_list_of_sessions_says_when_each_was_last_used(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    person = bank.person()
    elsewhere = bank.log_in(person.username)
    advance_clock(monkeypatch, timedelta(minutes=10))
    now = clock.now()
    assert bank.call("account", "GET", "/api/accounts/list", elsewhere).status_code == 200
    for app in bank.apps.values():
        part(TokenVerifier, app).report_use()
    sessions = call(bank, "GET", "sessions", person).get_json()["sessions"]
    used_at = [datetime.fromisoformat(session["last_used_at"]) for session in sessions]
    assert len(used_at) == 2
    assert all(abs(at - now) < timedelta(minutes=1) for at in used_at)


def test_people_log_out_everywhere(bank: Suite) -> None:
    here = bank.person()
    there, other = bank.log_in(here.username), bank.person()
    assert call(bank, "DELETE", "sessions", here).status_code == 200
    for person in (here, there):
        assert refusal(call(bank, "GET", "verify_token", person)) == (401, "INVALID_TOKEN")
    assert call(bank, "GET", "verify_token", other).status_code == 200


def test_people_see_who_tried_to_log_in_as_them(bank: Suite) -> None:
    person = bank.person()
    headers = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", **forwarded(bank, "192.0.2.7")}
    wrong = {"username": person.username, "password": "wrong"}
    assert call(bank, "POST", "login", json=wrong, headers=headers).status_code == 401
    page = call(bank, "GET", "logins", person).get_json()
    assert [attempt["outcome"] for attempt in page["logins"]] == ["failure", "success"]
    assert set(page["logins"][0]) == {"id", "outcome", "ip", "user_agent", "device", "timestamp"}
    assert (page["logins"][0]["ip"], page["logins"][0]["device"]) == ("192.0.2.7", "Firefox on Linux")
    assert call(bank, "GET", "logins?limit=1", person).get_json()["pagination"]["next_cursor"]
    assert call(bank, "GET", "logins", bank.person()).get_json()["logins"][0]["outcome"] == "success"


def test_a_hash_of_earlier_parameters_is_renewed_by_a_login(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    person = bank.person()

    def stored() -> str:
        with bank.apps["auth"].app_context():
            return str(db.session.scalar(select(User.password_hash).where(User.username == person.username)))

    before = stored()
    bank.log_in(person.username)
    assert stored() == before
    monkeypatch.setattr("shared.security.passwords.METHOD", "scrypt:16384:8:1")
    bank.log_in(person.username)
    assert stored().startswith("scrypt:16384:8:1$")
    bank.log_in(person.username)


@pytest.mark.parametrize("token", ["", "nonsense", "person"])
def test_an_address_without_a_service_token_is_ignored(bank: Suite, token: str) -> None:
    person = bank.person()
    headers = {"X-Forwarded-For": "192.0.2.66", "X-Forwarded-By": person.token if token == "person" else token}
    body = {"username": person.username, "password": PASSWORD}
    assert call(bank, "POST", "login", json=body, headers=headers).status_code == 200
    assert call(bank, "GET", "logins", person).get_json()["logins"][0]["ip"] == "127.0.0.1"
