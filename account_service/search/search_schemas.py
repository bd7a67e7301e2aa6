"""The query and the answers of the staff's lists of accounts."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import Field

from account_service.account_schemas import AccountOut, AccountStatus, AccountType
from shared.core.money import Currency
from shared.core.texts import Line
from shared.web.cursors import SortedPage
from shared.web.validation.ranges import AmountRange, TimeRange

if TYPE_CHECKING:
    from account_service.account_models import Account


class AccountsQuery(SortedPage, TimeRange, AmountRange):
    """Filters of a list of accounts; all must match.

    `from` and `to` are when accounts were opened, `min` and `max` are of balances.
    """

    status: AccountStatus | None = None
    """Only accounts with this status."""
    account_type: AccountType | None = None
    """Only accounts of this type."""
    q: Annotated[str, Field(pattern=r"^[0-9]{1,10}$")] | None = None
    """Filter by the last digits of the account number."""


class AllAccountsQuery(AccountsQuery):
    """Filters of the list of all accounts."""

    user_id: UUID | None = None
    """Only accounts of this user."""
    owner: Annotated[Line, Field(min_length=1, max_length=100, examples=["clara"])] | None = None
    """Filter by the owner: words that the name, username, e-mail address or phone number contains, all of them."""


class ListedAccount(AccountOut):
    """An account in a list for staff."""

    owner_name: Annotated[str, Field(examples=["Ada Lovelace"])] | None = None
    """The full name, or the username, of the owner; null while names are not available."""

    @classmethod
    def named(cls, account: "Account", currency: Currency, owner_name: str | None) -> "ListedAccount":
        """Return the response for a row."""
        return cls(**AccountOut.of(account, currency).model_dump(), owner_name=owner_name)
