"""The OpenAPI document declares all responses, with descriptions and examples."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from shared.web.validation.openapi_document import merge
from tests.support.suite import Suite

Operations = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture(scope="module")
def document(bank: Suite) -> dict[str, Any]:
    found: dict[str, Any] = bank.call("gateway", "GET", "/openapi.json").get_json()
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> Operations:
    return [(method, path, operation) for path, item in document["paths"].items() for method, operation in item.items()]


@pytest.mark.parametrize("name", ["auth", "account", "transaction", "reporting"])
def test_each_services_own_document_is_valid(bank: Suite, name: str) -> None:
    document = bank.call(name, "GET", "/openapi.json").get_json()
    validate(document)
    assert "/openapi.json" not in document["paths"]


def test_operation_ids_are_unique_names(operations: Operations) -> None:
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)] == []
    assert "get_accounts_details_by_account_id" in names


def test_whatever_takes_days_or_months_takes_their_time_zone(operations: Operations) -> None:
    queries = {path: {one["name"] for one in found.get("parameters", ())} for _, path, found in operations}
    with_days = {path for path, names in queries.items() if names & {"from", "to", "start_date", "end_date", "month"}}
    assert len(with_days) > 10
    assert {path for path in with_days if "tz" not in queries[path]} == set()


def test_each_schema_has_its_name_as_title(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert {name: schema["title"] for name, schema in schemas.items()} == {name: name for name in schemas}


def test_each_operation_parameter_and_field_has_a_description(document: dict[str, Any], operations: Operations) -> None:
    described = {
        f"{method} {path} {part}": text
        for method, path, operation in operations
        for part, text in [
            ("summary", operation["summary"]),
            ("description", operation["description"]),
            *((parameter["name"], parameter.get("description")) for parameter in operation["parameters"]),
            *((status, answer["description"]) for status, answer in operation["responses"].items()),
        ]
    }
    described |= {
        f"{name}.{field}": value.get("description")
        for name, schema in document["components"]["schemas"].items()
        for field, value in [("", schema), *schema.get("properties", {}).items()]
    }
    assert [part for part, text in described.items() if not text or not text.endswith((".", "?"))] == []


def test_common_responses_are_declared(operations: Operations) -> None:
    for _, path, operation in operations:
        expected = {"400", "413", "415", "429", "500", "503"}
        expected |= {"401", "403"} if operation["security"] else set()
        expected |= {"404"} if "{" in path else set()
        assert expected <= operation["responses"].keys(), path


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [
        ("post_auth_register", {"409"}),
        ("post_auth_login", {"401"}),
        ("post_auth_refresh", {"401"}),
        ("post_auth_token", {"401"}),
        ("put_auth_users_by_user_id", {"409"}),
        ("post_accounts_create", {"422"}),
        ("get_accounts_lookup", {"404"}),
        ("post_transactions_deposit", {"202", "404", "422"}),
        ("post_transactions_transfer", {"202", "404", "422"}),
        ("post_transactions_reverse_by_transaction_id", {"202", "409", "422"}),
    ],
)
def test_responses_of_single_operations_are_declared(
    operations: Operations, operation: str, statuses: set[str]
) -> None:
    (found,) = (one for _, _, one in operations if one["operationId"] == operation)
    assert statuses <= found["responses"].keys()


def test_headers_are_declared(operations: Operations) -> None:
    for _, path, operation in operations:
        for status, answer in operation["responses"].items():
            assert "X-Request-ID" in answer["headers"], path
            assert ("Retry-After" in answer["headers"]) >= (status in ("429", "503")), path
            assert ("WWW-Authenticate" in answer["headers"]) == (status == "401"), path
            assert all("example" in header for header in answer["headers"].values())
    by_id = {operation["operationId"]: operation for _, _, operation in operations}
    for name in ("deposit", "withdraw", "transfer", "reverse_by_transaction_id"):
        operation = by_id[f"post_transactions_{name}"]
        assert "Idempotency-Key" in {parameter["name"] for parameter in operation["parameters"]}
        assert "Idempotent-Replayed" in operation["responses"]["201"]["headers"]
        assert "Retry-After" in operation["responses"]["503"]["headers"]


def test_each_response_and_body_has_a_valid_example(document: dict[str, Any], operations: Operations) -> None:
    for _, path, operation in operations:
        parts = [*operation["responses"].values(), operation.get("requestBody", {"content": {}})]
        for content in (content for part in parts for content in part.get("content", {}).values()):
            examples = (
                [content["example"]]
                if "example" in content
                else [example["value"] for example in content["examples"].values()]
            )
            assert examples, path
            validator = Draft202012Validator({**content["schema"], "components": document["components"]})
            problems = [error.message for example in examples for error in validator.iter_errors(example)]
            assert problems == [], path


def test_refusals_have_an_example_for_each_code(operations: Operations) -> None:
    (withdraw,) = (one for _, _, one in operations if one["operationId"] == "post_transactions_withdraw")
    examples = withdraw["responses"]["400"]["content"]["application/json"]["examples"]
    assert (
        examples["INSUFFICIENT_FUNDS"]["value"]["message"]
        == "There is not enough money in the account. Enter a smaller amount, or pay money in first."
    )


def test_parameters_are_not_nullable(operations: Operations) -> None:
    for _, path, operation in operations:
        for parameter in operation["parameters"]:
            assert "null" not in str(parameter["schema"]), path


def document_of(title: str, path: str, schema: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Thing"}
    list_reference = {"$ref": "#/components/schemas/Things"}
    content = {"application/json": {"schema": reference}, "application/list": {"schema": list_reference}}
    answer = {"description": "A thing", "content": content}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1.0"},
        "paths": {path: {"get": {"responses": {"200": answer}}}},
        "components": {"schemas": {"Thing": schema, "Things": {"type": "array", "items": reference}}},
    }


def schema_of(document: dict[str, Any], path: str) -> str:
    answer = document["paths"][path]["get"]["responses"]["200"]
    return str(answer["content"]["application/json"]["schema"]["$ref"])


def test_documents_are_merged_for_one_server() -> None:
    one, two = (document_of(name, f"/api/{name}", {"type": "string"}) for name in ("one", "two"))
    merged = merge([one, two], title="Both", server="https://both.example")
    validate(merged)
    assert merged["info"]["title"] == "Both"
    assert merged["servers"] == [{"url": "https://both.example"}]
    assert set(merged["paths"]) == {"/api/one", "/api/two"}
    assert set(merged["components"]["schemas"]) == {"Thing", "Things"}


def test_other_paths_are_omitted_with_their_schemas() -> None:
    one = document_of("one", "/inside/one", {"type": "string"})
    two = document_of("two", "/api/two", {"type": "integer"})
    merged = merge([one, two], title="Both", server="/", under="/api/")
    assert set(merged["paths"]) == {"/api/two"}
    assert merged["components"]["schemas"] == {
        "TwoThing": {"type": "integer", "title": "TwoThing"},
        "TwoThings": {"type": "array", "items": {"$ref": "#/components/schemas/TwoThing"}, "title": "TwoThings"},
    }


def test_different_schemas_of_the_same_name_are_renamed() -> None:
    one = document_of("first service", "/api/one", {"type": "string"})
    two = document_of("second service", "/api/two", {"type": "integer"})
    merged = merge([one, two], title="Both", server="/")
    validate(merged)
    schemas = merged["components"]["schemas"]
    assert schemas["Thing"] == {"type": "string"}
    assert schemas["SecondServiceThing"] == {"type": "integer", "title": "SecondServiceThing"}
    assert schema_of(merged, "/api/one") == "#/components/schemas/Thing"
    assert schema_of(merged, "/api/two") == "#/components/schemas/SecondServiceThing"
    assert one == document_of("first service", "/api/one", {"type": "string"})


def test_a_schema_with_a_reference_to_a_renamed_one_is_renamed() -> None:
    """Both lists have the same schema text, but refer to different schemas."""
    one = document_of("first service", "/api/one", {"type": "string"})
    two = document_of("second service", "/api/two", {"type": "integer"})
    schemas = merge([one, two], title="Both", server="/")["components"]["schemas"]
    assert schemas["Things"]["items"] == {"$ref": "#/components/schemas/Thing"}
    assert schemas["SecondServiceThings"]["items"] == {"$ref": "#/components/schemas/SecondServiceThing"}
