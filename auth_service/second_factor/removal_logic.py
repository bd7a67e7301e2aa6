"""A customer has lost the second factor and the recovery codes: one employee asks for its removal, another decides.

So no employee can take over a customer's login alone. The customer is told by mail of the request and of the removal,
and still needs the password, or a link to their e-mail address, to log in.
"""

from dataclasses import dataclass
from uuid import UUID

from auth_service import user_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import User
from auth_service.second_factor import second_factor_logic
from auth_service.second_factor.removal_models import FactorRemoval
from auth_service.second_factor.removal_schemas import NewRemoval, RemovalDecision, RemovalOut
from auth_service.second_factor.second_factor_logic import SecondFactors
from shared.core import clock
from shared.core.errors import Conflict, Forbidden, NotFound
from shared.web.access import Caller
from shared.web.approvals import rules
from shared.web.approvals.rules import AlreadyDecided, ApprovalPending, ApprovalRules, OwnRequest

_ACTIONS = {"ask": "mfa.removal_ask", "approve": "mfa.removal_approve", "reject": "mfa.removal_refuse"}
_NOTHING_TO_DECIDE = "There is no request to decide."


class RemovalAsked(Conflict):
    """409: somebody has asked for the removal already."""

    code = "REMOVAL_ASKED"
    message = "Somebody has asked for the removal already. It waits for the decision of a colleague."


class NoFactorToRemove(Conflict):
    """409: the customer has no second factor."""

    code = "NO_FACTOR_TO_REMOVE"
    message = "This customer has no second factor, so there is nothing to remove."


class NeedsColleague(Forbidden):
    """403: whoever asked for a removal may not approve it."""

    message = "You have asked for this removal, so a colleague has to approve it."


@dataclass(frozen=True)
class Removals:
    """What the rules of removals use."""

    requests: ApprovalRules
    factors: SecondFactors


def present(tools: Tools, removals: Removals, user_id: UUID) -> tuple[bool, RemovalOut | None]:
    """Return whether a customer has a second factor, and the open request to remove it. Raises NotFound."""
    user = user_logic.customer(tools, user_id)
    removal = _find_open(removals, user)
    return user.mfa_enabled, RemovalOut.of(removal) if removal else None


def ask(tools: Tools, removals: Removals, caller: Caller, user_id: UUID, new: NewRemoval) -> None:
    """Ask for the removal of a customer's second factor. Raises NotFound, NoFactorToRemove, RemovalAsked."""
    user = user_logic.customer(tools, user_id)
    if not user.mfa_enabled:
        raise NoFactorToRemove
    if _find_open(removals, user):
        raise RemovalAsked
    try:
        rules.ask(removals.requests, caller, "remove_factor", user_id, new.model_dump_json())
    except ApprovalPending:  # a colleague has asked at the same time
        raise RemovalAsked from None


def decide(tools: Tools, removals: Removals, caller: Caller, user_id: UUID, decided: RemovalDecision) -> None:
    """Remove a customer's second factor and end their sessions, or refuse to.

    Whoever asked may refuse, which takes the request back, but not approve. Raises NotFound, NeedsColleague,
    AskerNotAllowed.
    """
    removal = _find_open(removals, user_logic.customer(tools, user_id))
    if removal is None:
        raise NotFound(_NOTHING_TO_DECIDE)
    try:
        if decided.decision == "approve":
            rules.approve(removals.requests, caller, removal.id, lambda _removal: _remove(tools, removals, user_id))
        else:
            rules.reject(removals.requests, caller, removal.id)
    except OwnRequest:
        raise NeedsColleague from None
    except AlreadyDecided:  # a colleague has decided at the same time
        raise NotFound(_NOTHING_TO_DECIDE) from None


def record(tools: Tools, what: str, caller: Caller, removal: FactorRemoval) -> None:
    """Write into the audit trail that a removal was asked for or decided, and tell the customer of a request."""
    user = user_logic.customer(tools, removal.subject_id)
    details = {"reason": NewRemoval.model_validate_json(removal.body).reason}
    if what == "ask":
        second_factor_logic.notify(tools, user, "our staff were asked to remove the second factor")
    else:
        details["asked_by"] = str(removal.asked_by)
    audit_logic.record(tools.audit, _ACTIONS[what], actor=caller, subject=user, details=details)


def _find_open(removals: Removals, user: User) -> FactorRemoval | None:
    """Return the request that can be decided, as long as the customer has a second factor."""
    removal: FactorRemoval | None = removals.requests.table.find_pending(user.id)
    return removal if removal and removal.is_open and user.mfa_enabled else None


def _remove(tools: Tools, removals: Removals, user_id: UUID) -> None:
    user = user_logic.customer_to_change(tools, user_id)
    user.mfa_enabled = False
    removals.factors.storage.delete_all(user.id)
    tools.sessions.end_sessions(user.id, clock.now())
    second_factor_logic.notify(tools, user, "the second factor was removed by our staff")
