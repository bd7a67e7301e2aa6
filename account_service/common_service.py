"""What the endpoints of the account service share: their OpenAPI, their tools, and how requests are shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from account_service.account_schemas import AccountApprovalOut, AccountOut
from account_service.account_storage import AccountStorage
from account_service.ledger_storage import LedgerStorage
from account_service.till_storage import TillStorage
from shared.core.money import Currency
from shared.db.approvals import ApprovalColumns
from shared.http.users import UserClient
from shared.web.approvals.rules import ApprovalRules
from shared.web.parts import part
from shared.web.validation.openapi import make_api

api = make_api("Accounts")


@dataclass(frozen=True)
class Tools:
    """The objects that the endpoints use."""

    accounts: AccountStorage
    ledger: LedgerStorage
    tills: TillStorage
    users: UserClient
    currency: Currency
    approvals: ApprovalRules


def tools() -> Tools:
    """Return the tools of the current app."""
    return part(Tools)


def render_approval(approval: ApprovalColumns) -> AccountApprovalOut:
    """Return a request as the staff see it."""
    (rendered,) = render_approvals([approval])
    return rendered


def render_approvals(rows: Sequence[ApprovalColumns]) -> list[AccountApprovalOut]:
    """Return requests as the staff see them, with the accounts that they are about."""
    accounts = {row.subject_id: tools().accounts.find_account(row.subject_id) for row in rows}
    shown = {key: AccountOut.of(found, tools().currency) for key, found in accounts.items() if found}
    return [
        AccountApprovalOut.model_validate(row).model_copy(update={"account": shown.get(row.subject_id)}) for row in rows
    ]
