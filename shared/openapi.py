"""OpenAPI, and the validation of bodies and queries, both out of the same schemas.

A view names its body `json` and its query `query`, typed as pydantic models:

    @things.post("/create")
    @private
    @api.validate(resp=answers(201, ThingAnswer))
    def create(caller: Caller, json: NewThing): ...
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from flask import Flask, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, to_json
from spectree import Response as AnswerTypes
from spectree import SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData
from spectree.plugins.base import Context
from spectree.plugins.flask_plugin import FlaskPlugin
from spectree.utils import get_multidict_items

from shared.access import access_of, public
from shared.errors import InvalidRequest

_M = TypeVar("_M", bound=BaseModel)


_SCHEMAS = "#/components/schemas/"
_IN_OUR_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": "must be text",
    **dict.fromkeys(("uuid_type", "uuid_parsing"), "must be a UUID such as 6f1c2b1e-8a53-4a0e-9d57-0c1d2e3f4a5b"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "must be a whole number"),
}


class Body(BaseModel):
    """A request body: unknown keys are refused, text is not stripped or guessed at.

    Where a subclass says `may_be_left_out`, a request without a body is one with an empty object.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    may_be_left_out: ClassVar[bool] = False


class Answer(BaseModel):
    """A success; subclasses add the resource under its noun."""

    success: bool = True
    message: str | None = None


class Failure(BaseModel):
    """Every failure."""

    success: bool = False
    message: str
    error_code: str
    details: dict[str, Any]


class _StrictPlugin(FlaskPlugin):
    """Spectree's Flask plugin, made strict about bodies and quick about answers."""

    # a form where JSON is expected is refused as 415 instead of passed over
    FORM_MIMETYPE = ()  # type: ignore[assignment]  # no type is a form to us

    def request_validation(self, request: Any, query: Any, json: Any, *_others: Any) -> None:
        """Read what our endpoints declare, a query and a JSON body, and nothing else.

        Raises InvalidRequest here: the plugin would put what was sent into an answer, which not all of it can be.
        """
        has_body = request.method not in ("GET", "DELETE")
        if has_body or request.content_length:
            request.refuse_unreadable_body()
        try:
            request.context = Context(
                query=query.model_validate(get_multidict_items(request.args, query)) if query else None,
                json=_body(json, request) if json and has_body else None,
                form=None,
                headers=None,
                cookies=None,
            )
        except ValidationError as error:
            raise _refusal_of(error) from None

    def validate_response(self, resp: Any, *_args: Any, **_kwargs: Any) -> tuple[Any, None]:
        """Answers are built from the schemas already; reading them back would cost as much as the request."""
        return resp, None


def _body(model: type[_M], request: Any) -> _M:
    """The body as a `model`. Services write theirs by the same library, so theirs are read the short way."""
    if request.path.startswith("/internal/") and request.mimetype == "application/json":
        return model.model_validate_json(request.get_data())
    if getattr(model, "may_be_left_out", False) and not request.get_data():
        return model()
    return model.model_validate(request.get_json())


def make_api(title: str) -> SpecTree:
    """The validator of one service's endpoints, which also writes its OpenAPI."""
    return SpecTree(
        "flask",
        backend=_StrictPlugin,
        title=title,
        version="1.0",
        annotations=True,
        mode="strict",
        naming_strategy=lambda model: model.__name__,
        nested_naming_strategy=lambda _parent, child: child,
        validation_error_status=400,
        validation_error_model=Failure,
        security_schemes=[
            SecurityScheme(
                name="bearer",
                data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer", bearer_format="JWT"),
            )
        ],
    )


def answers(status: int, model: type[BaseModel]) -> AnswerTypes:
    """The success of an endpoint, for its OpenAPI; failures all have the one form."""
    return AnswerTypes(**{f"HTTP_{status}": model})


def install(app: Flask, api: SpecTree) -> None:
    """Serve the OpenAPI of `app` at `/openapi.json`."""
    api.app = app

    @public
    def openapi() -> Response:
        """The OpenAPI of this service."""
        return Response(to_json(specification(app, api)), content_type="application/json")

    app.add_url_rule("/openapi.json", "openapi", openapi)


def specification(app: Flask, api: SpecTree) -> dict[str, Any]:
    """The OpenAPI document, with each operation's access and its possible failures filled in."""
    with app.app_context():
        document: dict[str, Any] = api.spec
    for rule in app.url_map.iter_rules():
        access = access_of(app.view_functions[rule.endpoint]) or "public"
        path = _openapi_path(rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            operation = document["paths"].get(path, {}).get(method.lower())
            if operation is None:
                continue
            operation["security"] = [] if access == "public" else [{"bearer": []}]
            operation["tags"] = [document["info"]["title"]]
            body = app.view_functions[rule.endpoint].__annotations__.get("json")
            if getattr(body, "may_be_left_out", False):
                operation["requestBody"]["required"] = False
            for parameter in operation.get("parameters", ()):
                if parameter["schema"].get("default", ...) is None:
                    del parameter["schema"]["default"]  # left out, it is not null but not there
            for status in ("401", "403") if access != "public" else ():
                operation["responses"].setdefault(status, _failure(status))
            for status in ("404", "429", "503"):
                operation["responses"].setdefault(status, _failure(status))
    _drop_unused_schemas(document)
    return document


def merge(documents: Sequence[dict[str, Any]], *, title: str, server: str, under: str = "/") -> dict[str, Any]:
    """One document out of several services', at the address `server`, of the paths that begin with `under`.

    A schema that two of them name alike but write differently gets the later service's title before its name.
    """
    schemas: dict[str, Any] = {}
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1.0"},
        "servers": [{"url": server}],
        "tags": [{"name": document["info"]["title"]} for document in documents],
        "paths": {},
        "components": {"schemas": schemas, "securitySchemes": {}},
    }
    for document in documents:
        merged["openapi"] = document["openapi"]
        components = document.get("components", {})
        own = components.get("schemas", {})
        names = _new_names(schemas, own, document["info"]["title"])
        schemas.update((names.get(name, name), _with_refs(schema, names)) for name, schema in own.items())
        paths = {path: item for path, item in document["paths"].items() if path.startswith(under)}
        merged["paths"].update(_with_refs(paths, names))
        merged["components"]["securitySchemes"].update(components.get("securitySchemes", {}))
    _drop_unused_schemas(merged)
    return merged


def _drop_unused_schemas(document: dict[str, Any]) -> None:
    """Leave out what no path needs: queries stand in the paths themselves."""
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
    """New names for those of `own` that differ from the known ones so named, or hold one that does."""
    prefix = "".join(word.capitalize() for word in title.replace("-", " ").split())
    names: dict[str, str] = {}
    while True:
        differing = [name for name, schema in own.items() if known.get(name, schema) != _with_refs(schema, names)]
        found = {name: prefix + name for name in differing if name in known}
        if found.keys() <= names.keys():
            return names
        names |= found


def _with_refs(part: Any, names: dict[str, str]) -> Any:
    """A copy of `part` that refers to schemas by their new names."""
    if isinstance(part, list):
        return [_with_refs(value, names) for value in part]
    if not isinstance(part, dict):
        return part
    name = str(part.get("$ref", "")).removeprefix(_SCHEMAS)
    renamed = {"$ref": _SCHEMAS + names[name]} if name in names else {}
    return {key: _with_refs(value, names) for key, value in part.items()} | renamed


def _failure(status: str) -> dict[str, Any]:
    schema = {"$ref": f"{_SCHEMAS}Failure"}
    return {"description": f"Failure {status}", "content": {"application/json": {"schema": schema}}}


def _openapi_path(rule: str) -> str:
    parts = (part.split(":")[-1].strip("<>") if part.startswith("<") else part for part in rule.split("/"))
    return "/".join(
        f"{{{part}}}" if raw.startswith("<") else part for part, raw in zip(parts, rule.split("/"), strict=True)
    )


def validated(model: type[_M], values: dict[str, Any]) -> _M:
    """`values` as a `model`, for what does not come as JSON. Raises InvalidRequest, as a body does."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refusal_of(error) from None


def _refusal_of(error: ValidationError) -> InvalidRequest:
    """Pydantic's complaint as our 400: each field with what is wrong with it, never what was sent."""
    details: dict[str, str] = {}
    for problem in error.errors(include_input=False, include_url=False):
        field = ".".join(str(part) for part in problem["loc"] if part != "function-before") or "body"
        details.setdefault(field, _plain(problem))
    return InvalidRequest(details=details)


def _plain(problem: ErrorDetails) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in _IN_OUR_WORDS:
        return _IN_OUR_WORDS[kind]
    is_text = context.get("field_type", "Value") == "Value"  # what pydantic calls text that has a validator of ours
    match kind:
        case "string_too_short" | "too_short" if is_text:
            return f"must have at least {_characters(context['min_length'])}"
        case "string_too_long" | "too_long" if is_text:
            return f"must have at most {_characters(context['max_length'])}"
    return problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be", 1)


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count} characters"
