"""Who sees which name of the holders of the accounts of a transaction."""

from collections.abc import Sequence
from uuid import UUID

from shared.core.texts import masked_name
from shared.http.users import UserClient
from shared.web.access import Caller
from transaction_service.transaction_models import Transaction
from transaction_service.transaction_schemas import TransactionOut

MAX_PARTIES = 20


def name_holders(
    users: UserClient, caller: Caller, rows: Sequence[Transaction], rendered: Sequence[TransactionOut]
) -> None:
    """Add the names of both sides' holders to rendered transactions, looked up in one call, except the caller's own.

    They are masked for who does not see others.
    """
    sides = [(row.from_user_id, row.to_user_id) for row in rows]
    others = {UUID(user_id) for pair in sides for user_id in pair if user_id} - {caller.user_id}
    names = {user_id.hex: name for user_id, name in users.available_names(others).items()}
    shown = names if caller.sees_others else {user_id: masked_name(name) for user_id, name in names.items()}
    for (from_user_id, to_user_id), out in zip(sides, rendered, strict=True):
        out["from_name"] = shown.get(from_user_id or "")
        out["to_name"] = shown.get(to_user_id or "")


def find_party(users: UserClient, party: str | None) -> list[str] | None:
    """Return the ids of the users whom the text names; None where it names nobody: there is none, or it is a number.

    Raises InvalidRequest when they are more than MAX_PARTIES, and ServiceUnavailable.
    """
    if party is None or (party.isascii() and party.isdecimal() and 4 <= len(party) <= 10):
        return None
    return [user_id.hex for user_id in users.search(party, most=MAX_PARTIES, field="party")]
