"""Endpoints of the public keys and of the tokens of services."""

from urllib.parse import unquote

from flask import Blueprint, Response, request

from auth_service import auth_logic
from auth_service.auth_logic import InvalidClient, InvalidScope
from auth_service.auth_schemas import ClientCredentials, KeysAnswer, ServiceTokenAnswer
from auth_service.common_service import api, tools
from shared.web.access import public
from shared.web.responses import success
from shared.web.validation.openapi import Query, documented, validated
from shared.web.validation.request_text import parameters
from shared.web.validation.strict_json import FORM

keys = Blueprint("keys", __name__, url_prefix="/api/auth")


@keys.get("/jwks")
@public
@api.validate(resp=documented(200, KeysAnswer))
def jwks() -> Response:
    """Return the public keys that verify tokens, as a JWK set (RFC 7517)."""
    return success(keys=tools().signer.public_keys())


@keys.post("/token")
@public
@api.validate(
    json=ClientCredentials,
    resp=documented(200, ServiceTokenAnswer, InvalidClient, InvalidScope),
    skip_validation=True,
)
def token() -> Response:
    """Issue a token for a service. Credentials are sent as JSON, form or HTTP Basic (RFC 6749, section 2.3.1)."""
    validated(Query, parameters(request.query_string))
    credentials = validated(ClientCredentials, _client_credentials())
    issued = auth_logic.service_token(tools(), credentials)
    response = success(**issued.model_dump())
    response.headers["Cache-Control"] = "no-store"
    return response


def _client_credentials() -> dict[str, str]:
    """Return the fields of the token request: the body, and the credentials of an HTTP Basic header if there is one.

    The id and the secret in the header are percent-decoded (RFC 6749, section 2.3.1). A "+" is not decoded to a space,
    since most clients send it unencoded.
    """
    given = request.form.to_dict() if request.mimetype == FORM else request.get_json()
    if (basic := request.authorization) and basic.type == "basic":
        return {**given, "client_id": unquote(basic.username or ""), "client_secret": unquote(basic.password or "")}
    return given
