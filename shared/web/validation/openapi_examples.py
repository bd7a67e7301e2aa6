"""Examples for the OpenAPI document: a schema's own, or else one of its type."""

from typing import Any

_BY_FORMAT = {
    "uuid": "6f1c2b1e-8a53-4a0e-9d57-0c1d2e3f4a5b",
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00.000000Z",
}
_BY_TYPE: dict[str, Any] = {"string": "text", "integer": 1, "number": 1, "boolean": True, "null": None}


def example_of(schema: dict[str, Any], schemas: dict[str, Any], *, optional: bool = True) -> Any:
    """Return an example of `schema`, whose references are resolved in `schemas`.

    Without `optional` an object has only its required keys, and those that have an example of their own.
    """
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, optional=optional)
    for given in ("const", "default", "examples", "enum"):
        if given in schema:
            return schema[given][0] if isinstance(schema[given], list) else schema[given]
    if choices := schema.get("anyOf"):
        return example_of(choices[0], schemas, optional=optional)
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas)]
    if schema.get("type") == "object":
        return _object(schema, schemas, optional=optional)
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(schema.get("type", "null")))


def _object(schema: dict[str, Any], schemas: dict[str, Any], *, optional: bool) -> dict[str, Any]:
    required = schema.get("required", ())
    fields = {
        name: example_of(field, schemas)
        for name, field in schema.get("properties", {}).items()
        if optional or name in required or "examples" in field.get("anyOf", [field])[0]
    }
    values = schema.get("additionalProperties")
    return fields or ({"name": example_of(values, schemas)} if isinstance(values, dict) else {})
