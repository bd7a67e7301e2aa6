"""Bodies and queries are validated after access control, and documented."""

from typing import Annotated, Literal
from uuid import UUID, uuid4

import pytest
from flask import Blueprint, Flask, Response
from flask.testing import FlaskClient
from pydantic import BaseModel, Field

from shared.core.money import Amount
from shared.security.tokens import UserClaims
from shared.web.access import Caller, private, public
from shared.web.cursors import Page, page_of
from shared.web.responses import install_error_handlers, success
from shared.web.validation import openapi
from shared.web.validation.openapi import Answer, Body, Described, answer, documented, make_api
from shared.web.validation.strict_json import StrictRequest
from tests.support.fakes import install_fake_verifier

A_UUID = "must be a UUID such as 6f1c2b1e-8a53-4a0e-9d57-0c1d2e3f4a5b"


class Part(BaseModel):
    name: Annotated[str, Field(min_length=2)]


class NewThing(Body):
    name: Annotated[str, Field(min_length=2, max_length=5)]
    price: Amount
    parts: tuple[Part, ...] = ()
    kind: Literal["lamp", "chair"] = "lamp"
    maker_id: UUID | None = None
    legs: Annotated[int, Field(ge=0)] = 0


class ThingOut(BaseModel):
    name: str
    price: str


class ThingAnswer(Answer):
    thing: ThingOut


@pytest.fixture(scope="module")
def app() -> Flask:
    api = make_api("Things")
    things = Blueprint("things", __name__, url_prefix="/api/things")

    @things.post("/create")
    @private
    @api.validate(resp=documented(201, ThingAnswer))
    def create(_caller: Caller, json: NewThing) -> Response:
        """Make a thing."""
        return success(201, thing=ThingOut(name=json.name, price=str(json.price)))

    @things.get("/list/<uuid:owner_id>")
    @public
    @api.validate(resp=documented(200, Answer))
    def list_things(owner_id: str, query: Page) -> Response:
        """Show things."""
        return success(limit=query.limit, owner=str(owner_id))

    app = Flask("things")
    app.request_class = StrictRequest
    install_fake_verifier(app, {"good": UserClaims(uuid4(), "ada", "customer", uuid4(), expires_at=0.0)})
    install_error_handlers(app)
    app.register_blueprint(things)
    openapi.install(app, api)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


GOOD = {"Authorization": "Bearer good"}


def test_a_valid_body_reaches_the_view(client: FlaskClient) -> None:
    answer = client.post("/api/things/create", json={"name": "lamp", "price": "12.50"}, headers=GOOD)
    assert (answer.status_code, answer.json) == (201, {"success": True, "thing": {"name": "lamp", "price": "12.50"}})


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"price": "1"}, {"name": "is required"}),
        ({"name": "lamp", "price": "1", "role": "admin"}, {"role": "is not a known field"}),
        ({"name": "lamp", "price": "1", "parts": [{"name": "bulb"}, {"name": "x"}]}, {"parts.1.name": None}),
        ({"name": 7, "price": True}, {"name": "must be text", "price": "must be an amount such as 12.50"}),
        (
            {"name": "lamp", "price": "1", "kind": "x", "maker_id": "x", "legs": "x"},
            {"kind": "must be 'lamp' or 'chair'", "maker_id": A_UUID, "legs": "must be a whole number"},
        ),
        ({"name": "lamp", "price": "1", "maker_id": 7, "legs": "1.5"}, {"maker_id": A_UUID, "legs": None}),
        ({"name": "lamp", "price": "1", "legs": -1}, {"legs": "must be greater than or equal to 0"}),
    ],
)
def test_each_invalid_field_has_a_message(
    client: FlaskClient, body: dict[str, object], details: dict[str, str | None]
) -> None:
    answer = client.post("/api/things/create", json=body, headers=GOOD)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error_code"] == "INVALID_REQUEST"
    errors = answer.json["details"]
    assert errors.keys() == details.keys()
    assert {field: text for field, text in errors.items() if details[field] is not None} == {
        field: text for field, text in details.items() if text is not None
    }


def test_input_is_not_echoed(client: FlaskClient) -> None:
    answer = client.post("/api/things/create", json={"name": "s3cret-p4ss", "price": "x7x"}, headers=GOOD)
    assert answer.status_code == 400
    assert "s3cret" not in answer.text
    assert "x7x" not in answer.text
    assert "pydantic" not in answer.text


def test_the_caller_is_checked_before_the_body(client: FlaskClient) -> None:
    answer = client.post("/api/things/create", data=b"{", content_type="text/plain")
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=ten",
        "limit=1.5",
        "limit=5.0",
        "limit=1_0",
        "limit=%2B5",
        "limit=+5",
        "limit=",
        "cursor=" + "x" * 501,
    ],
)
def test_a_bad_query_is_400(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/api/things/list/{uuid4()}?{query}")
    assert answer.status_code == 400
    assert answer.json is not None
    assert list(answer.json["details"]) == [query.partition("=")[0]]


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ("utm=x", {"utm": "is not a known field"}),
        ("Limit=5", {"Limit": "is not a known field"}),
        ("limit=5&page=2&sort=", {"page": "is not a known field", "sort": "is not a known field"}),
        ("limit=5&limit=5", {"limit": "is given twice"}),
        ("utm=x&utm=x", {"utm": "is given twice"}),
        ("=5", {"query": "has a value without a name"}),
    ],
)
def test_an_unknown_or_repeated_key_of_a_query_is_refused(
    client: FlaskClient, query: str, details: dict[str, str]
) -> None:
    answer = client.get(f"/api/things/list/{uuid4()}?{query}")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["details"] == details


def test_an_endpoint_without_a_query_refuses_parameters(client: FlaskClient) -> None:
    answer = client.post("/api/things/create?dry_run=1", json={"name": "lamp", "price": "1"}, headers=GOOD)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["details"] == {"dry_run": "is not a known field"}
    assert client.post("/api/things/create?dry_run=1", json={"name": "lamp", "price": "1"}).status_code == 401
    assert client.post("/api/things/create?", json={"name": "lamp", "price": "1"}, headers=GOOD).status_code == 201


def test_an_address_with_a_malformed_id_is_404(client: FlaskClient) -> None:
    assert client.get("/api/things/list/7").status_code == 404


def test_the_document_is_the_same_when_built_again(client: FlaskClient) -> None:
    assert client.get("/openapi.json").data == client.get("/openapi.json").data


def test_an_answer_has_its_resource_under_the_noun_and_is_named_after_its_type() -> None:
    class NoteOut(Described):
        """A note."""

    one, several, page = answer(note=NoteOut), answer(notes=list[NoteOut]), page_of(status_notes=NoteOut)
    assert [kind.__name__ for kind in (one, several, page)] == ["NoteAnswer", "NoteListAnswer", "NotePageAnswer"]
    assert {kind.__doc__ for kind in (one, several, page)} == {"A note."}
    assert one is answer(note=NoteOut)
    assert one(success=True, note=NoteOut()).model_dump(exclude_none=True) == {"success": True, "note": {}}
    assert set(page.model_fields) == {"success", "message", "pagination", "status_notes"}
    assert page.model_fields["status_notes"].description == "The status notes."
