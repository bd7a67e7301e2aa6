"""Filters of lists: kept in the address, so that a list can be bookmarked, shared and paged through."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import request
from wtforms import DateField, DecimalField, SelectField, StringField
from wtforms.validators import Length, Optional, ValidationError

from api_gateway.gateway_forms import BankForm, options
from api_gateway.gateway_schemas import ACCOUNT_TYPES, Account
from shared.errors import InvalidRequest

T = TypeVar("T")
ROWS = 25
TRANSACTION_TYPES = {
    "deposit": "Deposits",
    "withdrawal": "Withdrawals",
    "transfer": "Transfers",
    "reversal": "Reversals",
}


class FilterForm(BankForm):
    """A form that only looks: it reads the address, changes nothing and needs no token.

    Its fields are named as the service's filters are.
    """

    class Meta:
        """As WTForms wants to be told."""

        csrf = False

    def __init__(self) -> None:
        super().__init__(formdata=request.args)

    def query(self, limit: int = ROWS) -> dict[str, object]:
        """What to ask the service for; what is not filtered by is None."""
        chosen = {field.name: _as_text(field.data) for field in self}
        return {**chosen, "limit": limit, "cursor": request.args.get("cursor")}

    def found(self, ask: Callable[[], T]) -> T | None:
        """What `ask` finds; None when a filter can't be read or is refused, and then the form says so."""
        if not self.validate():
            return None
        try:
            return ask()
        except InvalidRequest as error:
            self.refuse(error)
            return None

    @property
    def is_used(self) -> bool:
        """Whether anything is filtered by."""
        return any(field.data for field in self)


class TransactionFilters(FilterForm):
    """Which transactions to show."""

    q = StringField("Description", [Length(max=100)])
    transaction_type = SelectField("Type", choices=options(TRANSACTION_TYPES, "All types"), default="", name="type")
    status = SelectField(
        "Status",
        choices=options({"completed": "Completed", "pending": "Pending", "failed": "Failed"}, "Any"),
        default="",
    )
    since = DateField("From", [Optional()], name="from")
    until = DateField("To", [Optional()], name="to")
    at_least = DecimalField("At least", [Optional()], name="min")
    at_most = DecimalField("At most", [Optional()], name="max")

    def validate_until(self, field: DateField) -> None:
        """The period must not end before it begins."""
        if field.data and self.since.data and field.data < self.since.data:
            raise ValidationError("To must not be before From.")


class OwnTransactionFilters(TransactionFilters):
    """The same, on one of one's own accounts or all."""

    account_id = SelectField("Account", validate_choice=False)

    def offer(self, own: list[Account]) -> None:
        """Let the accounts be chosen from."""
        self.account_id.choices = options({str(account.id): account.label for account in own}, "All accounts")


class AccountFilters(FilterForm):
    """Which accounts to show to staff."""

    q = StringField("Number ends in", [Length(max=10)])
    account_type = SelectField("Type", choices=options(ACCOUNT_TYPES, "All types"), default="")
    status = SelectField(
        "Status", choices=options({"active": "Active", "frozen": "Frozen", "closed": "Closed"}, "Any"), default=""
    )

    def validate_q(self, field: StringField) -> None:
        """Account numbers are digits."""
        if field.data and not (field.data.isascii() and field.data.isdigit()):
            raise ValidationError("Enter only the last digits of the account number.")


class PeopleFilters(FilterForm):
    """Which people to show to an admin."""

    q = StringField("Name or e-mail", [Length(max=100)])
    role = SelectField(
        "Role",
        choices=options({"customer": "Customers", "employee": "Employees", "admin": "Admins"}, "All roles"),
        default="",
    )
    status = SelectField("Status", choices=options({"active": "Active", "disabled": "Disabled"}, "Any"), default="")


class PeriodFilters(FilterForm):
    """The days of a report."""

    start_date = DateField("From", [Optional()])
    end_date = DateField("To", [Optional()])

    def validate_end_date(self, field: DateField) -> None:
        """The period must not end before it begins."""
        if field.data and self.start_date.data and field.data < self.start_date.data:
            raise ValidationError("To must not be before From.")


def _as_text(value: Any) -> str | None:
    return str(value) if value else None
