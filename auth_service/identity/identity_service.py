"""The endpoints of customers' identity."""

from uuid import UUID

from flask import Blueprint, Response

from auth_service.common_service import api, tools
from auth_service.identity import identity_logic
from auth_service.identity.identity_logic import VERIFY
from auth_service.identity.identity_schemas import IdentityAnswer, IdentityDecision, OwnIdentityOut
from auth_service.identity.identity_storage import IdentityStorage
from shared.core.errors import NotFound
from shared.web.access import Caller, private, staff_with
from shared.web.parts import part
from shared.web.responses import success
from shared.web.validation.openapi import answer, documented

identity = Blueprint("identity", __name__, url_prefix="/api/auth")


@identity.get("/identity")
@private
@api.validate(resp=documented(200, answer(identity=OwnIdentityOut)))
def show_own(caller: Caller) -> Response:
    """Return whether the bank has verified who the caller is, and by which document."""
    return success(identity=identity_logic.show_own(tools(), part(IdentityStorage), caller))


@identity.get("/customers/<uuid:user_id>/identity")
@staff_with("customers:read")
@api.validate(resp=documented(200, IdentityAnswer, NotFound))
def show(caller: Caller, user_id: UUID) -> Response:
    """Return the state of a customer's identity check, with the decisions of staff."""
    return _render(identity_logic.show(tools(), part(IdentityStorage), caller, user_id))


@identity.put("/customers/<uuid:user_id>/identity")
@staff_with(VERIFY)
@api.validate(resp=documented(200, IdentityAnswer, NotFound))
def decide(caller: Caller, user_id: UUID, json: IdentityDecision) -> Response:
    """Set the state of a customer's identity check, with the document that was shown."""
    return _render(identity_logic.decide(tools(), part(IdentityStorage), caller, user_id, json))


def _render(found: IdentityAnswer) -> Response:
    return success(identity=found.identity, expired=found.expired, checks=found.checks)
