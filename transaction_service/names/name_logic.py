"""Who sees which name of the holders of the accounts of a transaction."""

from collections.abc import Sequence

from shared.core.errors import InvalidRequest
from shared.core.texts import masked_name
from shared.web.access import Caller
from transaction_service.names.name_clients import NameClient
from transaction_service.transaction_models import Transaction
from transaction_service.transaction_schemas import TransactionOut

MOST_PARTIES = 20


def name_holders(
    client: NameClient, caller: Caller, rows: Sequence[Transaction], rendered: Sequence[TransactionOut]
) -> None:
    """Add the names of both sides' holders to rendered transactions, looked up in one call, except the caller's own.

    Customers see other names masked.
    """
    sides = [(row.from_user_id, row.to_user_id) for row in rows]
    names = client.find({user_id for pair in sides for user_id in pair if user_id and user_id != caller.user_id.hex})
    shown = names if caller.is_staff else {user_id: masked_name(name) for user_id, name in names.items()}
    for (from_user_id, to_user_id), out in zip(sides, rendered, strict=True):
        out["from_name"] = shown.get(from_user_id or "")
        out["to_name"] = shown.get(to_user_id or "")


def find_party(client: NameClient, party: str | None) -> list[str] | None:
    """Return the ids of the users whom the text names; None where it names nobody: there is none, or it is a number.

    Raises InvalidRequest when they are more than MOST_PARTIES, and ServiceUnavailable.
    """
    if party is None or (party.isascii() and party.isdecimal() and 4 <= len(party) <= 10):
        return None
    found = client.search(party, MOST_PARTIES + 1)
    if len(found) > MOST_PARTIES:
        raise InvalidRequest.of("party", f"fits more than {MOST_PARTIES} people; enter more of the name")
    return found
