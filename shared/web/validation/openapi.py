"""OpenAPI, and the validation of bodies and queries, both out of the same schemas.

A view names its body `json` and its query `query`, typed as pydantic models:

    @things.post("/create")
    @private
    @api.validate(resp=documented(201, ThingAnswer))
    def create(caller: Caller, json: NewThing): ...
"""

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from flask import Flask
from flask import Response as FlaskResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import ErrorDetails, to_json
from spectree import Response, SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData
from spectree.plugins.base import Context
from spectree.plugins.flask_plugin import FlaskPlugin

from shared.core.errors import AppError, InvalidRequest
from shared.web.access import public
from shared.web.validation.openapi_document import Declared, merge, specification
from shared.web.validation.request_text import parameters, refuse_unstorable
from shared.web.validation.strict_json import read_object

_M = TypeVar("_M", bound=BaseModel)


_IN_OUR_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": "must be text",
    **dict.fromkeys(("uuid_type", "uuid_parsing"), "must be a UUID such as 6f1c2b1e-8a53-4a0e-9d57-0c1d2e3f4a5b"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "must be a whole number"),
}


class Described(BaseModel):
    """A part of a body or an answer, whose fields are described in the OpenAPI by the docstrings below them."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Body(Described):
    """A request body: unknown keys are refused, text is not stripped or guessed at.

    Where a subclass says `may_be_left_out`, a request without a body is one with an empty object.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    may_be_left_out: ClassVar[bool] = False


class Query(Described):
    """The query of a request: unknown parameters are refused. An endpoint that names no query takes this empty one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(Described):
    """A success; subclasses add the resource under its noun."""

    success: Literal[True]
    """Always true in a success."""
    message: Annotated[str, Field(examples=["Done"])] | SkipJsonSchema[None] = None
    """A sentence for people, where one would read it."""


class Failure(Described):
    """Every failure."""

    success: Literal[False]
    """Always false in a failure."""
    message: Annotated[str, Field(examples=["The request is not valid."])]
    """What happened and what to do about it, for people."""
    error_code: Annotated[str, Field(examples=["INVALID_REQUEST"])]
    """What happened, for programs: the codes are stable."""
    details: Annotated[dict[str, Any], Field(examples=[{"limit": "must be a whole number"}])]
    """What is wrong with each field of the request, by the field's name; empty when no field is at fault."""


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
                query=(query or Query).model_validate(parameters(request.query_string)),
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


class AnswerTypes(Response):
    """The answers of an endpoint, for its OpenAPI: its successes, and what it declares beyond them."""

    declared: Declared = Declared()


def documented(
    status: int,
    model: type[BaseModel],
    *refusals: type[AppError],
    may_be_pending: bool = False,
    takes_key: bool = False,
    replays: bool = False,
) -> AnswerTypes:
    """The success of an endpoint, and the refusals that are its own; those that all have need not be named.

    `may_be_pending` adds 202, `takes_key` the header Idempotency-Key, `replays` the header Idempotent-Replayed.
    """
    statuses = (status, 202) if may_be_pending else (status,)
    types = AnswerTypes(**{f"HTTP_{one}": model for one in statuses})
    types.declared = Declared(refusals, takes_key=takes_key, replays=replays)
    return types


def install(app: Flask, api: SpecTree) -> None:
    """Serve the OpenAPI of `app` at `/openapi.json`."""
    api.app = app

    @public
    def openapi() -> FlaskResponse:
        """The OpenAPI of this service."""
        return FlaskResponse(to_json(specification(app, api)), content_type="application/json")

    app.add_url_rule("/openapi.json", "openapi", openapi)


def read_body(model: type[_M], data: bytes) -> _M:
    """Read a JSON body as a `model`. Raises InvalidRequest or CharsetNotSupported, as a request of its own does."""
    try:
        return model.model_validate(read_object(data))
    except ValidationError as error:
        raise _refusal_of(error) from None


def validated(model: type[_M], values: dict[str, Any]) -> _M:
    """`values` as a `model`, for what does not come as JSON. Raises InvalidRequest, as a body does."""
    refuse_unstorable((name, value) for name, value in values.items() if isinstance(value, str))
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


__all__ = [
    "Answer",
    "Body",
    "Described",
    "Failure",
    "documented",
    "install",
    "make_api",
    "merge",
    "read_body",
    "specification",
    "validated",
]
