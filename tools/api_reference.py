"""Render the OpenAPI document of a service as a Markdown page."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

Json = dict[str, Any]
_REPEATED_HEADERS = {"X-Request-ID"}


def render(service: str, document: Json) -> str:
    """Return the Markdown page of a service: each operation with parameters, body and responses, then the schemas."""
    lines = [f"# {service}", "", *_introduction()]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            lines += _operation(method, path, operation)
    lines += ["## Schemas", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _schema(name, schema)
    return "\n".join(lines)


def _introduction() -> Iterator[str]:
    yield "Generated from the OpenAPI document of the service at `/openapi.json`. Each response also has the header"
    yield "`X-Request-ID`. The conventions for money, times, pages and failures are in [The API](../API.md)."
    yield ""


def _operation(method: str, path: str, operation: Json) -> Iterator[str]:
    yield f"## `{method.upper()} {path}` {{#{operation['operationId']}}}"
    yield ""
    yield f"{operation['summary']} {operation['description']}"
    yield ""
    parameters = [each for each in operation["parameters"] if each["name"] not in _REPEATED_HEADERS]
    if parameters:
        rows = [
            (f"`{each['name']}`", each["in"], _type(each["schema"]), _need(each.get("required")), each["description"])
            for each in parameters
        ]
        yield from _table(("parameter", "in", "type", "", "meaning"), rows)
    if body := operation.get("requestBody"):
        content = body["content"]["application/json"]
        yield f"Body: {_type(content['schema'])}"
        yield ""
        yield from _example("request", content.get("example"))
    yield from _responses(operation["responses"])


def _responses(responses: Json) -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    examples: list[str] = []
    for status, response in sorted(responses.items()):
        content = response.get("content", {}).get("application/json", {})
        codes = ", ".join(f"`{code}`" for code in content.get("examples", ()))
        headers = ", ".join(f"`{name}`" for name in sorted(set(response.get("headers", ())) - _REPEATED_HEADERS))
        rows.append((status, response["description"], codes or _type(content.get("schema", {})), headers))
        if "example" in content:
            examples += _example(f"response {status}", content["example"])
    yield from _table(("status", "meaning", "error code or schema", "headers"), rows)
    yield from examples


def _schema(name: str, schema: Json) -> Iterator[str]:
    yield f"### {name} {{#{name}}}"
    yield ""
    yield schema.get("description", "")
    yield ""
    required = schema.get("required", ())
    rows = [
        (f"`{field}`", _type(kind), _need(field in required), kind.get("description", ""))
        for field, kind in schema.get("properties", {}).items()
    ]
    if rows:
        yield from _table(("field", "type", "", "meaning"), rows)


def _type(schema: Json) -> str:
    """Return a short name of a JSON schema, with links to the schemas of the same page."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    for key, word in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        if key in schema:
            return word.join(dict.fromkeys(_type(each) for each in schema[key]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _need(required: object) -> str:
    return "required" if required else "optional"


def _example(title: str, value: object) -> Iterator[str]:
    if value is not None:
        yield f'??? example "Example: {title}"'
        yield ""
        yield "    ```json"
        yield from (f"    {line}" for line in json.dumps(value, indent=2, ensure_ascii=False).splitlines())
        yield "    ```"
        yield ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
    yield ""
