"""OpenAPI documents and the validation of bodies and queries, from the same schemas.

A view names its body `json` and its query `query`, typed as pydantic models:

    @things.post("/create")
    @private
    @api.validate(resp=documented(201, answer(thing=ThingOut)))
    def create(caller: Caller, json: NewThing) -> Response: ...
"""

from functools import cache
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from flask import Flask
from flask import Response as FlaskResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import ErrorDetails, to_json
from spectree import Response, SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData
from spectree.plugins.base import Context
from spectree.plugins.flask_plugin import FlaskPlugin

from shared.core.errors import AppError, InvalidRequest
from shared.web.access import public
from shared.web.validation.openapi_document import Declared, specification
from shared.web.validation.request_text import parameters, refuse_unstorable
from shared.web.validation.strict_json import read_object

_M = TypeVar("_M", bound=BaseModel)
_A = TypeVar("_A", bound="Answer")


_MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": "must be text",
    **dict.fromkeys(("uuid_type", "uuid_parsing"), "must be a UUID such as 6f1c2b1e-8a53-4a0e-9d57-0c1d2e3f4a5b"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "must be a whole number"),
}


class Described(BaseModel):
    """Base of all schemas. The docstrings below fields are their descriptions in OpenAPI."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Body(Described):
    """A request body. Unknown keys are refused; text is neither stripped nor converted.

    Where a subclass sets `may_be_left_out`, a missing body counts as an empty object.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    may_be_left_out: ClassVar[bool] = False


class EmptyBody(Body):
    """A body without fields. The request may have no body."""

    may_be_left_out = True


class Query(Described):
    """The query of a request. Unknown parameters are refused; an endpoint without one refuses all."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(Described):
    """A success response. `answer` adds a resource under its noun; a subclass adds several."""

    success: Literal[True]
    """Always true in a success."""
    message: Annotated[str, Field(examples=["Done"])] | SkipJsonSchema[None] = None
    """A sentence for people, where one is useful."""


@cache
def answer(**resource: Any) -> type[Answer]:
    """Return the schema of a success with one resource under its noun: `answer(account=AccountOut)`.

    The resource may be a list: `answer(notes=list[NoteOut])`.
    """
    ((noun, kind),) = resource.items()
    rows = get_args(kind)
    return answer_type(Answer, noun, kind, rows[0] if rows else kind, suffix="ListAnswer" if rows else "Answer")


def answer_type(base: type[_A], noun: str, kind: Any, resource: type, *, suffix: str) -> type[_A]:
    """Return a schema with the field `noun` of type `kind`. `resource` gives it its name and its description."""
    fields: dict[str, Any] = {noun: (kind, Field(description=f"The {noun.replace('_', ' ')}."))}
    return create_model(
        resource.__name__.removesuffix("Out") + suffix, __base__=base, __doc__=resource.__doc__, **fields
    )


class Failure(Described):
    """The body of every failure response."""

    success: Literal[False]
    """Always false in a failure."""
    message: Annotated[str, Field(examples=["The request is not valid."])]
    """What happened and what to do about it, for people."""
    error_code: Annotated[str, Field(examples=["INVALID_REQUEST"])]
    """What happened, for programs. Codes never change."""
    details: Annotated[dict[str, Any], Field(examples=[{"limit": "must be a whole number"}])]
    """What is wrong with each field of the request, by field name; empty when no field is at fault."""


class _StrictPlugin(FlaskPlugin):
    """Spectree's Flask plugin, with strict request validation and without response validation."""

    # a form instead of JSON is refused with 415 rather than ignored
    FORM_MIMETYPE = ()  # type: ignore[assignment]  # no media type is a form here

    def request_validation(self, request: Any, query: Any, json: Any, *_others: Any) -> None:
        """Validate query and JSON body, the only inputs that endpoints declare.

        Raises InvalidRequest. The plugin itself would echo the input in its answer, which can fail to encode.
        """
        has_body = request.method not in ("GET", "DELETE")
        if has_body or request.content_length:
            request.refuse_unreadable_body()
        try:
            request.context = Context(
                query=(query or Query).model_validate(parameters(request.query_string)),
                json=_body(json, request) if json and has_body else None,
                form=None,
                headers=None,
                cookies=None,
            )
        except ValidationError as error:
            raise _refusal_of(error) from None

    def validate_response(self, resp: Any, *_args: Any, **_kwargs: Any) -> tuple[Any, None]:
        """Skip this: responses are built from the schemas, and parsing them costs as much as the request."""
        return resp, None


def _body(model: type[_M], request: Any) -> _M:
    """Parse the body. Services write theirs with pydantic too, so bodies of internal calls need no strict parsing."""
    if request.path.startswith("/internal/") and request.mimetype == "application/json":
        return model.model_validate_json(request.get_data())
    if getattr(model, "may_be_left_out", False) and not request.get_data():
        return model()
    return model.model_validate(request.get_json())


def make_api(title: str) -> SpecTree:
    """Return the validator of a service's endpoints, which also writes its OpenAPI document."""
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


class AnswerTypes(Response):
    """The responses of an endpoint for OpenAPI: its successes, and its own refusals and headers."""

    declared: Declared = Declared()


def documented(
    status: int,
    model: type[BaseModel],
    *refusals: type[AppError],
    may_be_pending: bool = False,
    waits_as: type[BaseModel] | None = None,
    takes_key: bool = False,
    replays: bool = False,
    documents: tuple[str, ...] = (),
) -> AnswerTypes:
    """Declare the success response of an endpoint and its own refusals. Common refusals are added to all endpoints.

    `may_be_pending` adds 202 with the same body, `waits_as` 202 with a request as `approval`, `takes_key` the header
    Idempotency-Key, `replays` the header Idempotent-Replayed. `documents` are the media types that the success may
    have, for one that is a document to download.
    """
    accepted = answer(approval=waits_as) if waits_as else model if may_be_pending else None
    types = AnswerTypes(**{f"HTTP_{status}": model, **({"HTTP_202": accepted} if accepted else {})})
    types.declared = Declared(refusals, takes_key=takes_key, replays=replays, documents=documents)
    return types


def install(app: Flask, api: SpecTree) -> None:
    """Serve the OpenAPI document of `app` at `/openapi.json`."""
    api.app = app

    @public
    def openapi() -> FlaskResponse:
        """Return the OpenAPI document of this service."""
        return FlaskResponse(to_json(specification(app, api)), content_type="application/json")

    app.add_url_rule("/openapi.json", "openapi", openapi)


def read_body(model: type[_M], data: bytes) -> _M:
    """Parse a JSON body as a `model`. Raises InvalidRequest or CharsetNotSupported."""
    try:
        return model.model_validate(read_object(data))
    except ValidationError as error:
        raise _refusal_of(error) from None


def validated(model: type[_M], values: dict[str, Any]) -> _M:
    """Validate values from another source than JSON as a `model`. Raises InvalidRequest."""
    refuse_unstorable((name, value) for name, value in values.items() if isinstance(value, str))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refusal_of(error) from None


def _refusal_of(error: ValidationError) -> InvalidRequest:
    """Return the 400 for a pydantic error: a message for each field, never the input."""
    details: dict[str, str] = {}
    for problem in error.errors(include_input=False, include_url=False):
        field = ".".join(str(part) for part in problem["loc"] if part != "function-before") or "body"
        details.setdefault(field, _message_of(problem))
    return InvalidRequest(details=details)


def _message_of(problem: ErrorDetails) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    is_text = context.get("field_type", "Value") == "Value"  # pydantic names text with a custom validator "Value"
    match kind:
        case "string_too_short" | "too_short" if is_text:
            return f"must have at least {_characters(context['min_length'])}"
        case "string_too_long" | "too_long" if is_text:
            return f"must have at most {_characters(context['max_length'])}"
    return problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be", 1)


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count} characters"
