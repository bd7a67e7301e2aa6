"""Endpoints by which two employees remove the second factor of a customer who has lost it."""

from uuid import UUID

from flask import Blueprint, Response

from auth_service.common_service import api, tools
from auth_service.second_factor import removal_logic
from auth_service.second_factor.removal_logic import NeedsColleague, NoFactorToRemove, RemovalAsked, Removals
from auth_service.second_factor.removal_schemas import NewRemoval, RemovalAnswer, RemovalDecision
from shared.core.errors import NotFound
from shared.web.access import Caller, staff_with
from shared.web.approvals.rules import AskerNotAllowed
from shared.web.parts import part
from shared.web.responses import success
from shared.web.validation.openapi import Answer, documented

removal = Blueprint("removal", __name__, url_prefix="/api/auth/customers/<uuid:user_id>/second_factor_removal")


@removal.get("")
@staff_with("customers:read")
@api.validate(resp=documented(200, RemovalAnswer, NotFound))
def show(_caller: Caller, user_id: UUID) -> Response:
    """Return whether a customer has a second factor, and the open request to remove it."""
    mfa_enabled, found = removal_logic.present(tools(), part(Removals), user_id)
    return success(mfa_enabled=mfa_enabled, removal=found)


@removal.post("")
@staff_with("customers:write")
@api.validate(resp=documented(201, Answer, NotFound, NoFactorToRemove, RemovalAsked))
def ask(caller: Caller, user_id: UUID, json: NewRemoval) -> Response:
    """Ask for the removal of a customer's second factor. The customer is told by mail, and a colleague decides."""
    removal_logic.ask(tools(), part(Removals), caller, user_id, json)
    return success(201, message="A colleague has to approve the removal within three days.")


@removal.post("/decision")
@staff_with("approvals:decide")
@api.validate(resp=documented(200, Answer, NotFound, NeedsColleague, AskerNotAllowed))
def decide(caller: Caller, user_id: UUID, json: RemovalDecision) -> Response:
    """Approve or refuse the removal that a colleague has asked for. An approval ends the customer's sessions."""
    removal_logic.decide(tools(), part(Removals), caller, user_id, json)
    return success(message="The decision is carried out.")
