"""The rules of identity: staff with the permission decide on it, and every decision is kept."""

from datetime import date
from typing import cast
from uuid import UUID

from auth_service import user_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import User
from auth_service.identity.identity_models import IdentityCheck
from auth_service.identity.identity_schemas import (
    DocumentKind,
    IdentityAnswer,
    IdentityCheckOut,
    IdentityDecision,
    OwnIdentityOut,
)
from auth_service.identity.identity_storage import IdentityStorage
from auth_service.user_schemas import Identity
from shared.core import clock
from shared.core.errors import InvalidRequest
from shared.core.texts import masked
from shared.db.outages import rerun_when_aborted
from shared.web.access import Caller

VERIFY = "customers:verify"
"""The permission to decide on the identity of customers, and to see the whole numbers of their documents."""
MAX_CHECKS = 50


def show(tools: Tools, storage: IdentityStorage, caller: Caller, user_id: UUID) -> IdentityAnswer:
    """Return the identity of a customer with the last decisions. Raises NotFound."""
    user = user_logic.customer(tools, user_id)
    audit_logic.record(tools.audit, "view.identity", actor=caller, subject=user)
    return _present(storage, caller, user)


def show_own(tools: Tools, storage: IdentityStorage, caller: Caller) -> OwnIdentityOut:
    """Return the caller's own identity. Leaves out who decided and why."""
    user = user_logic.details(tools, caller.user_id)
    last = next(iter(storage.list_checks(user.id, 1)), None)
    return OwnIdentityOut(
        state=cast(Identity, user.identity),
        document_kind=cast(DocumentKind | None, last and last.document_kind),
        document_number=_mask(last.document_number) if last else None,
        expires_on=last and last.expires_on,
        expired=_is_expired(last),
        decided_at=last and last.decided_at,
    )


@rerun_when_aborted
def decide(
    tools: Tools, storage: IdentityStorage, caller: Caller, user_id: UUID, decision: IdentityDecision
) -> IdentityAnswer:
    """Set the state of a customer's identity. Raises NotFound, and InvalidRequest for a document that is not enough."""
    with tools.transaction():
        user = user_logic.customer_to_change(tools, user_id)
        _require_document(decision, clock.now().date())
        before, user.identity = user.identity, decision.state
        values = decision.model_dump()
        storage.insert(IdentityCheck(user_id=user.id, decided_by=caller.user_id, decided_at=clock.now(), **values))
        details = {"from": before, "to": decision.state, "reason": decision.reason}
        audit_logic.record(tools.audit, "identity.change", actor=caller, subject=user, details=details)
    return _present(storage, caller, user)


def _require_document(decision: IdentityDecision, today: date) -> None:
    """Require a whole document that has not expired for `verified`; other states may have any part of one."""
    if decision.state != "verified":
        return
    given = {name: getattr(decision, name) for name in ("document_kind", "document_number", "expires_on")}
    missing = {name: "is required to verify a customer" for name, value in given.items() if value is None}
    if missing:
        raise InvalidRequest(details=missing)
    if decision.expires_on and decision.expires_on < today:
        raise InvalidRequest(details={"expires_on": "is in the past: the document has expired"})


def _present(storage: IdentityStorage, caller: Caller, user: User) -> IdentityAnswer:
    rows = storage.list_checks(user.id, MAX_CHECKS)
    checks = [IdentityCheckOut.model_validate(row) for row in rows]
    if not caller.may(VERIFY):
        checks = [check.model_copy(update={"document_number": _mask(check.document_number)}) for check in checks]
    return IdentityAnswer(
        success=True,
        identity=cast(Identity, user.identity),
        expired=_is_expired(next(iter(rows), None)),
        checks=checks,
    )


def _mask(document_number: str | None) -> str | None:
    return masked(document_number) if document_number else None


def _is_expired(last: IdentityCheck | None) -> bool:
    is_verified = last is not None and last.state == "verified"
    return bool(is_verified and last and last.expires_on and last.expires_on < clock.now().date())
