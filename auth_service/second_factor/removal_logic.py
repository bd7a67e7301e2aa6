"""A customer has lost the second factor and the recovery codes: one employee asks for its removal, another decides.

So no employee can take over a customer's login alone. The customer is told by mail of the request and of the removal,
and still needs the password, or a link to their e-mail address, to log in.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from auth_service import user_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.second_factor import second_factor_logic
from auth_service.second_factor.removal_models import FactorRemoval
from auth_service.second_factor.removal_schemas import NewRemoval, RemovalDecision, RemovalOut
from auth_service.second_factor.removal_storage import RemovalStorage
from auth_service.second_factor.second_factor_logic import SecondFactors
from shared.core import clock
from shared.core.errors import Conflict, Forbidden, NotFound
from shared.db.outages import rerun_when_aborted
from shared.web.access import Caller

OPEN_FOR = timedelta(days=3)
_log = logging.getLogger(__name__)


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

    storage: RemovalStorage
    factors: SecondFactors


def present(tools: Tools, removals: Removals, user_id: UUID) -> tuple[bool, RemovalOut | None]:
    """Return whether a customer has a second factor, and the open request to remove it. Raises NotFound."""
    user = user_logic.customer(tools, user_id)
    removal = removals.storage.find_removal(user.id) if user.mfa_enabled else None
    return user.mfa_enabled, _render(tools, removal) if removal and _is_open(removal, clock.now()) else None


@rerun_when_aborted
def ask(tools: Tools, removals: Removals, caller: Caller, user_id: UUID, new: NewRemoval) -> None:
    """Ask for the removal of a customer's second factor. Raises NotFound, NoFactorToRemove, RemovalAsked."""
    now = clock.now()
    with tools.transaction():
        user = user_logic.customer_to_change(tools, user_id)
        if not user.mfa_enabled:
            raise NoFactorToRemove
        before = removals.storage.find_removal_to_change(user.id)
        if before and _is_open(before, now):
            raise RemovalAsked
        asked = FactorRemoval(user_id=user.id, asked_by=caller.user_id, reason=new.reason, asked_at=now)
        removals.storage.replace_removal(asked)
        second_factor_logic.tell(tools, user, "our staff were asked to remove the second factor")
        details = {"reason": new.reason}
        audit_logic.record(tools.audit, "mfa.removal_ask", actor=caller, subject=user, details=details)
    _log.info("removal of a second factor asked for", extra={"user_id": str(user_id), "by": str(caller.user_id)})


@rerun_when_aborted
def decide(tools: Tools, removals: Removals, caller: Caller, user_id: UUID, decided: RemovalDecision) -> None:
    """Remove a customer's second factor and end their sessions, or refuse to. Raises NotFound, NeedsColleague.

    Whoever asked may refuse, which takes the request back, but not approve.
    """
    with tools.transaction():
        user = user_logic.customer_to_change(tools, user_id)
        removal = removals.storage.find_removal_to_change(user.id)
        if removal is None or not user.mfa_enabled or not _is_open(removal, clock.now()):
            raise NotFound("There is no request to decide.")
        is_approved = decided.decision == "approve"
        if is_approved and removal.asked_by == caller.user_id:
            raise NeedsColleague
        removals.storage.delete_removal(user.id)
        if is_approved:
            user.mfa_enabled = False
            removals.factors.storage.delete_all(user.id)
            tools.sessions.end_sessions(user.id, clock.now())
            second_factor_logic.tell(tools, user, "the second factor was removed by our staff")
        details = {"asked_by": str(removal.asked_by), "reason": removal.reason}
        action = "mfa.removal_approve" if is_approved else "mfa.removal_refuse"
        audit_logic.record(tools.audit, action, actor=caller, subject=user, details=details)
    _log.info("removal of a second factor decided", extra={"user_id": str(user_id), "by": str(caller.user_id)})


def _is_open(removal: FactorRemoval, now: datetime) -> bool:
    return removal.asked_at + OPEN_FOR > now


def _render(tools: Tools, removal: FactorRemoval) -> RemovalOut:
    asker = tools.users.find_user(removal.asked_by)
    return RemovalOut(
        asked_by=removal.asked_by,
        asked_by_name=asker.username if asker else "",
        reason=removal.reason,
        asked_at=removal.asked_at,
        expires_at=removal.asked_at + OPEN_FOR,
    )
