"""Filters of lists: kept in the address, so that a list can be bookmarked, shared and paged through."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import request
from wtforms import DateField, Field, SelectField, StringField
from wtforms.validators import Optional, ValidationError

from api_gateway.clients.account import ACCOUNT_TYPES, Account
from api_gateway.pages.common.forms import BankForm, at_most, options
from api_gateway.pages.common.money_forms import AmountField
from shared.core.clock import now
from shared.core.errors import InvalidRequest, ServiceUnavailable
from shared.core.periods import read_day

T = TypeVar("T")
ROWS = 25
TRANSACTION_TYPES = {
    "deposit": "Deposits",
    "withdrawal": "Withdrawals",
    "transfer": "Transfers",
    "reversal": "Reversals",
}


class DayField(DateField):
    """A day as date inputs send it, YYYY-MM-DD. WTForms would take other spellings, which the services refuse."""

    def __init__(self, label: str, **options: Any) -> None:
        super().__init__(label, [Optional()], **options)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the day of the address, if there is one. Raises ValueError with what to enter."""
        self.data = None
        if valuelist and valuelist[0]:
            try:
                self.data = read_day(valuelist[0])
            except ValueError:
                raise ValueError("Enter a day that exists, as in 2026-01-31.") from None


class FilterForm(BankForm):
    """A form that only looks: it reads the address, changes nothing and needs no token.

    Its fields are named as the service's filters are.
    """

    class Meta:
        """As WTForms wants to be told."""

        csrf = False

    is_away = False
    """Whether the service that has the list did not answer."""

    def __init__(self) -> None:
        super().__init__(formdata=request.args)

    def query(self, limit: int = ROWS) -> dict[str, object]:
        """What to ask the service for; what is not filtered by is None."""
        chosen = {field.name: str(field.data) if _is_given(field) else None for field in self}
        return {**chosen, "limit": limit, "cursor": request.args.get("cursor")}

    def found(self, ask: Callable[[], T]) -> T | None:
        """What `ask` finds; None when a filter can't be read or is refused, and then the form says so, or `is_away`."""
        if not self.validate():
            return None
        try:
            return ask()
        except InvalidRequest as error:
            self.refuse(error)
            return None
        except ServiceUnavailable:
            self.is_away = True
            return None

    @property
    def is_used(self) -> bool:
        """Whether anything is filtered by."""
        return any(map(_is_given, self))


class TransactionFilters(FilterForm):
    """Which transactions to show."""

    q = StringField("Description", [at_most(100)])
    transaction_type = SelectField("Type", choices=options(TRANSACTION_TYPES, "All types"), default="", name="type")
    status = SelectField(
        "Status",
        choices=options({"completed": "Completed", "pending": "Pending", "failed": "Failed"}, "Any"),
        default="",
    )
    since = DayField("From", name="from")
    until = DayField("To", name="to")
    at_least = AmountField("At least", [Optional()], name="min", is_bound=True)
    at_most = AmountField("At most", [Optional()], name="max", is_bound=True)

    @property
    def uses_seldom_ones(self) -> bool:
        """Whether there is filtering by one of the fields that are folded away."""
        return any(map(_is_given, (self.status, self.since, self.until, self.at_least, self.at_most)))

    def validate_until(self, field: DateField) -> None:
        """The period must not end before it begins."""
        if field.data and self.since.data and field.data < self.since.data:
            raise ValidationError("“To” must not be before “From”.")

    def validate_at_most(self, field: AmountField) -> None:
        """The largest amount must not be below the smallest."""
        if None not in (field.data, self.at_least.data) and field.data < self.at_least.data:
            raise ValidationError("“At most” must not be less than “At least”.")


class OwnTransactionFilters(TransactionFilters):
    """The same, on one of one's own accounts or all."""

    account_id = SelectField("Account", validate_choice=False)

    def offer(self, own: list[Account]) -> None:
        """Let the accounts be chosen from."""
        self.account_id.choices = options({str(account.id): account.label for account in own}, "All accounts")


class AccountFilters(FilterForm):
    """Which accounts to show to staff."""

    q = StringField("Number ends in", [at_most(10)])
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

    q = StringField("Name or e-mail", [at_most(100)])
    role = SelectField(
        "Role",
        choices=options({"customer": "Customers", "employee": "Employees", "admin": "Admins"}, "All roles"),
        default="",
    )
    status = SelectField("Status", choices=options({"active": "Active", "disabled": "Disabled"}, "Any"), default="")


class PersonSearch(FilterForm):
    """Whom an employee looks for: one person, by exactly what they are called."""

    who = StringField("Username or e-mail address", [at_most(100)])

    @property
    def named(self) -> dict[str, str]:
        """What to look for; a username has no @."""
        text = (self.who.data or "").strip()
        return {"email" if "@" in text else "username": text}


class SuspenseFilters(FilterForm):
    """Which money in suspense to show to staff."""

    paid_out = SelectField("State", choices=options({"false": "Not paid out", "true": "Paid out"}, "Any"), default="")


class PeriodFilters(FilterForm):
    """The days of a report."""

    start_date = DayField("From")
    end_date = DayField("To")

    def validate_start_date(self, field: DateField) -> None:
        """Without a last day, the period ends today."""
        if field.data and not _is_given(self.end_date) and field.data > now().date():
            raise ValidationError("“From” must not be after today.")

    def validate_end_date(self, field: DateField) -> None:
        """The period must not end before it begins."""
        if field.data and self.start_date.data and field.data < self.start_date.data:
            raise ValidationError("“To” must not be before “From”.")


def _is_given(field: Field) -> bool:
    """Whether the address has a value for this field, be it readable or not; zero is a value too."""
    return bool(field.raw_data and field.raw_data[0])
