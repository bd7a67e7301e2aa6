"""Access decorators admit the right callers, and distinguish 401 from 403."""

from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared.security.tokens import Claims, ServiceClaims, UserClaims
from shared.web.access import Caller, access_of, admin_only, private, public, service_only, staff_only
from shared.web.responses import install_error_handlers, success
from tests.support.fakes import install_fake_verifier

USER = uuid4()


def person(role: str) -> UserClaims:
    return UserClaims(USER, "ada", role, uuid4(), expires_at=0.0)


KNOWN: dict[str, Claims] = {
    "customer": person("customer"),
    "employee": person("employee"),
    "admin": person("admin"),
    "odd": person("owner"),
    "reader": ServiceClaims("some-service", frozenset({"things:read"}), expires_at=0.0),
    "writer": ServiceClaims("some-service", frozenset({"things:write"}), expires_at=0.0),
}


def anybody() -> object:
    return success()


def own(caller: Caller, number: int = 0) -> object:
    return success(user=str(caller.user_id), token=caller.token, staff=caller.is_staff, number=number)


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    app = Flask("doors")
    install_fake_verifier(app, KNOWN)
    install_error_handlers(app)
    views = {
        "public": public(anybody),
        "private": private(own),
        "staff": staff_only(own),
        "admin": admin_only(own),
        "service": service_only("things:read")(anybody),
    }
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, view)
    app.add_url_rule("/private/<int:number>", "numbered", private(own))
    return app.test_client()


IN, OUT = 200, 403


@pytest.mark.parametrize(
    ("door", "opens_for"),
    [
        ("public", {"customer", "employee", "admin", "odd", "reader", "writer"}),
        ("private", {"customer", "employee", "admin", "odd"}),
        ("staff", {"employee", "admin"}),
        ("admin", {"admin"}),
        ("service", {"reader"}),
    ],
)
def test_each_decorator_admits_its_callers(client: FlaskClient, door: str, opens_for: set[str]) -> None:
    answers = {who: client.get(f"/{door}", headers={"Authorization": f"Bearer {who}"}).status_code for who in KNOWN}
    assert answers == {who: IN if who in opens_for else OUT for who in KNOWN}


@pytest.mark.parametrize("door", ["private", "staff", "admin", "service"])
@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "AUTHENTICATION_REQUIRED"),
        ("", "AUTHENTICATION_REQUIRED"),
        ("Bearer", "AUTHENTICATION_REQUIRED"),
        ("Bearer ", "AUTHENTICATION_REQUIRED"),
        ("Basic YWRtaW46YWRtaW4=", "AUTHENTICATION_REQUIRED"),
        ("admin", "AUTHENTICATION_REQUIRED"),
        ("Bearer stranger", "INVALID_TOKEN"),
        ("Bearer admin extra", "INVALID_TOKEN"),
    ],
)
def test_without_a_known_token_the_answer_is_401(client: FlaskClient, door: str, header: str | None, code: str) -> None:
    answer = client.get(f"/{door}", headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["error_code"] == code


def test_a_public_view_needs_no_token(client: FlaskClient) -> None:
    assert client.get("/public", headers={"Authorization": "Bearer stranger"}).status_code == 200


def test_the_view_gets_the_caller_and_the_address(client: FlaskClient) -> None:
    answer = client.get("/private/7", headers={"Authorization": "bearer employee"})
    assert answer.json == {"success": True, "user": str(USER), "token": "employee", "staff": True, "number": 7}


def test_the_access_of_a_view_is_known() -> None:
    views = [public(lambda: None), private(own), staff_only(own), admin_only(own), service_only("a:b")(anybody)]
    assert [access_of(view) for view in views] == ["public", "private", "staff", "admin", "service:a:b"]
    assert access_of(lambda: None) is None


def test_a_decorated_view_keeps_its_name_and_description() -> None:
    def look(caller: Caller) -> None:
        """What it does."""

    for decorated in (private(look), staff_only(look), admin_only(look)):
        assert (decorated.__name__, decorated.__doc__) == ("look", "What it does.")


def test_customers_are_not_staff() -> None:
    roles = {role: Caller(UUID(int=1), "ada", role, uuid4(), "token").is_staff for role in ("customer", "admin")}
    assert roles == {"customer": False, "admin": True}
