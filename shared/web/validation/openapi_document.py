"""The OpenAPI document: spectree's bodies and queries, completed from decorators, errors and docstrings.

Access comes from the access decorators, refusals and their examples from the tree of errors, descriptions from
docstrings, examples from the schemas. So no route repeats any of it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from flask import Flask
from pydantic_core import to_json
from spectree import SpecTree

from shared.core import errors
from shared.core.errors import AppError
from shared.web.access import access_of
from shared.web.idempotency_keys import MAX_LENGTH, PATTERN
from shared.web.responses import JSON, failure_body
from shared.web.validation.openapi_examples import example_of

_SCHEMAS = "#/components/schemas/"
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_MEANINGS = {
    200: "Done.",
    201: "Created.",
    202: "Accepted, and not decided yet: repeat the request (with the same Idempotency-Key), or look at it later.",
    304: "The document is the one that the caller has, by its `If-None-Match`.",
    400: "The request is not valid, or a rule refuses it: see `error_code` and `details`.",
    401: "Nobody is logged in, or the credentials are wrong.",
    403: "The caller has no right to do this.",
    404: "There is no such thing, or it is not the caller's to see.",
    409: "The request does not fit the present state.",
    413: "The body is too large.",
    415: "The body is not JSON in UTF-8, or it is compressed.",
    422: "The request contradicts an earlier one.",
    429: "Too many requests: come back after `Retry-After` seconds.",
    500: "Something went wrong inside. What was asked for may be repeated with the same Idempotency-Key.",
    503: "The service, or one that it needs, can't answer now: come back after `Retry-After` seconds.",
}
_ACCESS = {
    "public": "Anybody may call this.",
    "private": "Needs the token of somebody who is logged in.",
    "staff": "Needs the token of an employee or an admin.",
    "admin": "Needs the token of an admin.",
    "service": "Needs the token of another service.",
}


def _header(description: str, example: object, **schema: object) -> dict[str, Any]:
    """Describe a header; it is text unless `schema` says otherwise."""
    return {"description": description, "schema": {"type": "string", **schema}, "example": example}


_BYTES = {"type": "string", "format": "binary"}
_REQUEST_ID = _header(
    "The id of the request, in the answer and in every log line about it: 1 to 64 letters, digits, `.`, `_` or `-`. An "
    "id that is left out or malformed is replaced by a new one.",
    "6f1c2b1e8a534a0e9d570c1d2e3f4a5b",
)
_IDEMPOTENCY_KEY = _header(
    f"1 to {MAX_LENGTH} visible ASCII characters, chosen by the caller: with the same key the same thing happens once, "
    "however often it is asked for.",
    "pay-rent-2026-01",
    minLength=1,
    maxLength=MAX_LENGTH,
    pattern=f"^{PATTERN}$",
)
_REPLAYED = _header(
    "Present, and `true`, when this is the answer to an earlier request with the same Idempotency-Key.",
    "true",
    const="true",
)
_RETRY_AFTER = _header("After how many seconds to ask again, where that is known.", 1, type="integer", minimum=0)
_CHALLENGE = _header("How to authenticate.", "Bearer")
_ETAG = _header("Names the bytes of the document (RFC 9110, section 8.8.3).", '"9f86d081884c7d65"')
_IF_NONE_MATCH = _header(
    "The `ETag` of the document that the caller has: if it is the same, the answer is 304.", '"9f86d081884c7d65"'
)
_DISPOSITION = _header("The name of the file (RFC 6266).", 'attachment; filename="statement-7897-2026-01.csv"')
_ACCEPTED_CODING = _header("The content codings that a body may have, when the body had another one.", "identity")


class Declared(NamedTuple):
    """Declarations of an endpoint beyond its success: its own refusals, and its headers for idempotency.

    `documents` are the media types of a document to download.
    """

    refusals: tuple[type[AppError], ...] = ()
    takes_key: bool = False
    replays: bool = False
    documents: tuple[str, ...] = ()


def specification(app: Flask, api: SpecTree) -> dict[str, Any]:
    """Return the OpenAPI document of one service."""
    with app.app_context():
        document: dict[str, Any] = deepcopy(api.spec)
    title, schemas = document["info"]["title"], document["components"]["schemas"]
    document["tags"] = [{"name": title, "description": f"The endpoints of the {app.name}."}]
    for name, schema in schemas.items():
        schemas[name] = _without_null_default(schema)
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        path = _PARAMETER.sub(r"{\1}", rule.rule)
        for method in {name.lower() for name in rule.methods or ()} & document["paths"].get(path, {}).keys():
            operation = document["paths"][path][method]
            metadata = api.get_function_metadata(view)
            declared = getattr(metadata.resp if metadata else None, "declared", Declared())
            operation["tags"] = [title]
            operation["operationId"] = _operation_id(method, path)
            _describe(operation, access_of(view) or "public")
            _describe_parameters(operation, declared)
            _describe_body(operation, view, schemas)
            _describe_answers(operation, path, declared, schemas)
    _drop_unused_schemas(document)
    return document


def _operation_id(method: str, path: str) -> str:
    """GET /api/things/details/{thing_id} → get_things_details_by_thing_id: unique, and valid in any language."""
    parts = (part for part in path.split("/") if part not in ("", "api"))
    return "_".join([method, *(re.sub(r"^\{(\w+)\}$", r"by_\1", part) for part in parts)]).replace("-", "_")


def _describe(operation: dict[str, Any], access: str) -> None:
    kind, _, scope = access.partition(":")
    operation["security"] = [] if kind == "public" else [{"bearer": []}]
    need = "the scope" if kind == "service" else "the permission"
    who = f"{_ACCESS[kind]} It needs {need} `{scope}`." if scope else _ACCESS[kind]
    operation["description"] = "\n\n".join(filter(None, (operation.get("description"), who)))


def _describe_parameters(operation: dict[str, Any], declared: Declared) -> None:
    headers = {"X-Request-ID": _REQUEST_ID}
    if declared.takes_key:
        headers["Idempotency-Key"] = _IDEMPOTENCY_KEY
    if declared.documents:
        headers["If-None-Match"] = _IF_NONE_MATCH
    operation["parameters"] = [
        *map(_parameter, operation.get("parameters", ())),
        *({"name": name, "in": "header", "required": False, **header} for name, header in headers.items()),
    ]


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    """Complete a parameter. A parameter that is left out is absent, not null."""
    schema = _without_null(parameter["schema"])
    if schema.get("default", ...) is None:
        del schema["default"]
    noun = parameter["name"].removesuffix("_id").replace("_", " ")
    description = parameter.get("description") or f"The id of the {noun}."
    return {**parameter, "schema": schema, "description": description}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if not choices:
        return rest
    return {**rest, **choices[0]} if len(choices) == 1 else {**rest, "anyOf": choices}


def _without_null_default(part: Any) -> Any:
    """Copy a schema without `default: null`: a key that is left out is absent, not null."""
    if isinstance(part, list):
        return [_without_null_default(value) for value in part]
    if not isinstance(part, dict):
        return part
    return {key: _without_null_default(value) for key, value in part.items() if (key, value) != ("default", None)}


def _describe_body(operation: dict[str, Any], view: Callable[..., Any], schemas: dict[str, Any]) -> None:
    if getattr(view.__annotations__.get("json"), "may_be_left_out", False):
        operation["requestBody"]["required"] = False
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["example"] = example_of(content["schema"], schemas, optional=False)


def _describe_answers(operation: dict[str, Any], path: str, declared: Declared, schemas: dict[str, Any]) -> None:
    """Describe every possible status, with its headers and an example of it, or of each of its error codes."""
    answers = operation["responses"]
    is_public = not operation["security"]
    for status, answer in answers.items():
        for content in answer.get("content", {}).values():
            content["example"] = example_of(content["schema"], schemas)
        answers[status] = {**answer, "description": _MEANINGS[int(status)]}
    if declared.documents:
        _describe_documents(answers, declared.documents)
    for refusal in (*_common_refusals(path, is_public=is_public), *declared.refusals):
        answer = answers.get(str(refusal.status), {})
        if refusal.status >= 400 and "examples" not in answer.get("content", {}).get(JSON, {}):
            answer = answers[str(refusal.status)] = _failure(refusal.status)
        details = {"limit": "must be a whole number"} if refusal is errors.InvalidRequest else {}
        example = {"value": failure_body(refusal()) | {"details": details}}
        answer["content"][JSON]["examples"].setdefault(refusal.code, example)
    for status, answer in answers.items():
        answer["headers"] = _headers(int(status), declared)
    operation["responses"] = {status: answers[status] for status in sorted(answers)}


def _describe_documents(answers: dict[str, Any], media_types: tuple[str, ...]) -> None:
    """Describe a document beside its JSON form, and the answer to a caller who has it already."""
    content = {media_type: {"schema": _BYTES, "example": "…"} for media_type in media_types}
    answers["200"]["content"] = {**content, **{JSON: answers["200"]["content"][JSON]}} if JSON in content else content
    answers["304"] = {"description": _MEANINGS[304]}


def _common_refusals(path: str, *, is_public: bool) -> Iterable[type[AppError]]:
    """Yield the refusals that all endpoints of that kind share."""
    yield errors.InvalidRequest
    yield errors.InvalidHost
    if not is_public:
        yield from (errors.NotAuthenticated, errors.TokenExpired, errors.InvalidToken, errors.Forbidden)
    if "{" in path:
        yield errors.NotFound
    yield from (errors.PayloadTooLarge, errors.UnsupportedMediaType)
    yield from (errors.TooManyRequests, AppError, errors.ServiceUnavailable)


def _failure(status: int) -> dict[str, Any]:
    content = {"schema": {"$ref": f"{_SCHEMAS}Failure"}, "examples": {}}
    return {"description": _MEANINGS[status], "content": {JSON: content}}


def _headers(status: int, declared: Declared) -> dict[str, Any]:
    headers: dict[str, Any] = {"X-Request-ID": _REQUEST_ID}
    if status in (429, 503) or (status == 409 and declared.takes_key):
        headers["Retry-After"] = _RETRY_AFTER
    if status == 401:
        headers["WWW-Authenticate"] = _CHALLENGE
    if status == 415:
        headers["Accept-Encoding"] = _ACCEPTED_CODING
    if declared.documents and status in (200, 304):
        headers["ETag"] = _ETAG
    if declared.documents and status == 200:
        headers["Content-Disposition"] = _DISPOSITION
    if declared.replays and status < 429:
        headers["Idempotent-Replayed"] = _REPLAYED
    return headers


def merge(documents: Sequence[dict[str, Any]], *, title: str, server: str, under: str = "/") -> dict[str, Any]:
    """Merge the documents of several services into one at the address `server`, with paths below `under`.

    If two services give different schemas the same name, the later service's gets its title as a prefix.
    """
    schemas: dict[str, Any] = {}
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1.0"},
        "servers": [{"url": server}],
        "tags": [tag for document in documents for tag in document.get("tags", ())],
        "paths": {},
        "components": {"schemas": schemas, "securitySchemes": {}},
    }
    for document in documents:
        merged["openapi"] = document["openapi"]
        components = document.get("components", {})
        own = components.get("schemas", {})
        names = _new_names(schemas, own, document["info"]["title"])
        for name, schema in own.items():
            renamed = {"title": names[name]} if name in names else {}
            schemas[names.get(name, name)] = _with_refs(schema, names) | renamed
        paths = {path: item for path, item in document["paths"].items() if path.startswith(under)}
        merged["paths"].update(_with_refs(paths, names))
        merged["components"]["securitySchemes"].update(components.get("securitySchemes", {}))
    _drop_unused_schemas(merged)
    return merged


def _drop_unused_schemas(document: dict[str, Any]) -> None:
    """Remove unreferenced schemas. Those of queries are, since parameters are inlined in the paths."""
    schemas = document["components"]["schemas"]
    needed: set[str] = set()
    found = _schemas_in(document["paths"])
    while found - needed:
        needed |= found
        found = _schemas_in([schemas[name] for name in needed])
    document["components"]["schemas"] = {name: schema for name, schema in schemas.items() if name in needed}


def _schemas_in(part: Any) -> set[str]:
    return set(re.findall(rf'"{_SCHEMAS}([^"]+)"', to_json(part).decode()))


def _new_names(known: dict[str, Any], own: dict[str, Any], title: str) -> dict[str, str]:
    """Return new names for schemas in `own` that differ from known ones of the same name, or refer to such."""
    prefix = "".join(word.capitalize() for word in title.replace("-", " ").split())
    names: dict[str, str] = {}
    while True:
        differing = [name for name, schema in own.items() if known.get(name, schema) != _with_refs(schema, names)]
        found = {name: prefix + name for name in differing if name in known}
        if found.keys() <= names.keys():
            return names
        names |= found


def _with_refs(part: Any, names: dict[str, str]) -> Any:
    """Copy `part` with references to the new names."""
    if isinstance(part, list):
        return [_with_refs(value, names) for value in part]
    if not isinstance(part, dict):
        return part
    name = str(part.get("$ref", "")).removeprefix(_SCHEMAS)
    renamed = {"$ref": _SCHEMAS + names[name]} if name in names else {}
    return {key: _with_refs(value, names) for key, value in part.items()} | renamed
