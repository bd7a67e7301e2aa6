"""Filter forms of lists. Filters are in the query string, so a list can be bookmarked, shared and paged."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from flask import render_template, request
from werkzeug.datastructures import MultiDict
from wtforms import DateField, Field, HiddenField, SelectField, StringField
from wtforms.form import BaseForm
from wtforms.validators import UUID, Optional, ValidationError

from api_gateway.clients.account import ACCOUNT_TYPES, Account, labels
from api_gateway.pages.common.forms import BankForm, at_most, options
from api_gateway.pages.common.money_forms import AmountField
from api_gateway.web.time_zones import page_zone, today
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
CATEGORIES = {
    name: name.capitalize()
    for name in (
        *("housing", "utilities", "groceries", "transport", "shopping", "health"),
        *("leisure", "travel", "education", "income", "savings", "other"),
    )
}
"""The categories of transactions, in the order of the transaction service."""

GROUPINGS = {"day": "Days", "week": "Weeks", "month": "Months"}
STATEMENT_FORMATS = {
    "pdf": "PDF",
    "csv": "CSV",
    "ofx": "OFX",
    "camt053": "camt.053",
    "json": "JSON",
}


class NotUnder:
    """A validator that refuses the end of a range, a day or an amount, when it is less than the field `begin`."""

    def __init__(self, begin: str, message: str) -> None:
        self._begin, self._message = begin, message

    def __call__(self, form: BaseForm, field: Field) -> None:
        """Raise ValidationError when both ends are given and in the wrong order."""
        begin = form[self._begin].data
        if None not in (field.data, begin) and field.data < begin:
            raise ValidationError(self._message)


NOT_BELOW = NotUnder("at_least", "“At most” must not be less than “At least”.")


class DayField(DateField):
    """A date in the form that date inputs send, YYYY-MM-DD. WTForms accepts others, which the services refuse.

    The last day of a period names the field of the first one as `begin`.
    """

    def __init__(self, label: str, *, begin: str | None = None, **options: Any) -> None:
        order = [NotUnder(begin, "“To” must not be before “From”.")] if begin else []
        super().__init__(label, [Optional(), *order], **options)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Parse the submitted date, if any. Raises ValueError with the message for the field."""
        self.data = None
        if valuelist and valuelist[0]:
            try:
                self.data = read_day(valuelist[0])
            except ValueError:
                raise ValueError("Enter a day that exists, as in 2026-01-31.") from None


def choice(label: str, choices: Mapping[str, str], all_of_them: str, **more: Any) -> SelectField:
    """Return a select that filters by one of `choices`; `all_of_them` labels the empty choice, which is the default."""
    return SelectField(label, choices=options(choices, all_of_them), default="", **more)


class FilterForm(BankForm):
    """A form that filters a list. It reads the query string, changes nothing and has no CSRF token.

    Its fields have the names of the service's query parameters.
    """

    class Meta:
        """Options of WTForms."""

        csrf = False

    is_unavailable = False
    """Whether the service that has the list did not answer."""

    def __init__(self) -> None:
        self._listed = _query_of_list()
        super().__init__(formdata=self._listed)

    def criteria(self) -> dict[str, object]:
        """Return the filters as query parameters for the service; one that is not set is None. Days are the page's."""
        chosen = {field.name: str(field.data) if _has_value(field) else None for field in self}
        has_days = any(isinstance(field, DayField) and _has_value(field) for field in self)
        return {**chosen, **({"tz": page_zone().key} if has_days else {})}

    def query(self, limit: int = ROWS) -> dict[str, object]:
        """Return the query parameters for the service: the filters, and the page of the list."""
        return {**self.criteria(), "limit": limit, "cursor": self._listed.get("cursor")}

    def found(self, ask: Callable[[], T]) -> T | None:
        """Return the result of `ask`, or None when a filter is invalid or the service did not answer.

        The reason is then shown in the form, or `is_unavailable` is set.
        """
        if not self.validate():
            return None
        try:
            return ask()
        except InvalidRequest as error:
            self.refuse(error)
            return None
        except ServiceUnavailable:
            self.is_unavailable = True
            return None

    @property
    def is_used(self) -> bool:
        """Return whether any filter is set."""
        return any(map(_has_value, self))

    def uses(self, *names: str) -> bool:
        """Return whether one of the filters with these names is set."""
        return any(_has_value(field) for field in self if field.name in names)

    @property
    def error_text(self) -> str:
        """Return what is wrong with the filters, in sentences that name their fields."""
        beside = (f"{field.label.text}: {error}" for field in self for error in field.errors)
        return " ".join((*self.form_errors, *beside))


def list_page(template: str, filters: FilterForm, **context: Any) -> tuple[str, int]:
    """Render a page with filters: 400 when a filter is invalid, 503 when the service did not answer."""
    status = 503 if filters.is_unavailable else 400 if filters.errors else 200
    return render_template(template, form=filters, **context), status


def filtered_list(
    template: str, filters: FilterForm, find: Callable[[dict[str, object]], object], **context: Any
) -> tuple[str, int]:
    """Render a list of what `find` returns for the filters, which it gets as query parameters for the service."""
    return list_page(template, filters, found=filters.found(lambda: find(filters.query())), **context)


class DatedFilters(FilterForm):
    """Filters with a first and a last day."""

    since = DayField("From", name="from")
    until = DayField("To", name="to", begin="since")


class SortedFilters(DatedFilters):
    """Filters of a list that begins at either end."""

    sort = choice("Order", {"oldest": "Oldest first"}, "Newest first")


class TransactionFilters(DatedFilters):
    """Filters of a list of transactions."""

    q = StringField("Description", [at_most(100)])
    transaction_type = choice("Type", TRANSACTION_TYPES, "All types", name="type")
    status = choice("Status", {"completed": "Completed", "pending": "Pending", "failed": "Failed"}, "Any")
    at_least = AmountField("At least", [Optional()], name="min", is_bound=True)
    at_most = AmountField("At most", [Optional(), NOT_BELOW], name="max", is_bound=True)


class AllTransactionFilters(TransactionFilters):
    """Filters of the staff's list of all transactions."""

    party = StringField("Customer or account number", [at_most(100)])


class AccountTransactionFilters(TransactionFilters):
    """Filters of the transactions on one of the caller's accounts."""

    category = choice("Category", CATEGORIES | {"uncategorised": "Uncategorised"}, "All categories")


class OwnTransactionFilters(AccountTransactionFilters):
    """Filters of the caller's own transactions, with a choice among their accounts."""

    account_id = SelectField("Account", validate_choice=False)

    def offer(self, own: list[Account]) -> None:
        """Offer the accounts as choices."""
        self.account_id.choices = options(labels(own), "All accounts")


class AccountFilters(SortedFilters):
    """Filters of the staff's list of accounts."""

    user_id = HiddenField("Customer's id", [Optional(), UUID("This is not a customer's id.")])

    q = StringField("Number ends in", [at_most(10)])
    owner = StringField("Owner", [at_most(100)])
    at_least = AmountField("Balance at least", [Optional()], name="min", is_bound=True)
    at_most = AmountField("Balance at most", [Optional(), NOT_BELOW], name="max", is_bound=True)
    account_type = choice("Type", ACCOUNT_TYPES, "All types")
    status = choice("Status", {"active": "Active", "frozen": "Frozen", "closed": "Closed"}, "Any")

    def validate_q(self, field: StringField) -> None:
        """Refuse anything but digits."""
        if field.data and not (field.data.isascii() and field.data.isdigit()):
            raise ValidationError("Enter only the last digits of the account number.")


PERSON_STATES = {"active": "Active", "disabled": "Disabled", "locked": "Locked"}


class PeopleFilters(SortedFilters):
    """Filters of the admins' list of users."""

    q = StringField("Name or e-mail", [at_most(100)])
    role = choice("Role", {"customer": "Customers", "employee": "Employees", "admin": "Admins"}, "All roles")
    status = choice("Status", PERSON_STATES, "Any")


class CustomerFilters(SortedFilters):
    """The customers to show to staff."""

    q = StringField("Name, username, e-mail, phone or account number", [at_most(100)])
    status = choice("Status", PERSON_STATES, "Any")
    identity = choice(
        "Identity",
        {"none": "Not verified", "pending": "Pending", "verified": "Verified", "rejected": "Rejected"},
        "Any",
    )

    @property
    def account_digits(self) -> str:
        """Return the entered digits of an account number; "" for any other text."""
        digits = "".join((self.q.data or "").split())
        return digits if digits.isascii() and digits.isdigit() and 4 <= len(digits) <= 10 else ""


CASE_STATES = {"open": "Waiting for the bank", "answered": "Answered", "closed": "Closed"}


class OwnCaseFilters(FilterForm):
    """The caller's messages to show."""

    state = choice("State", CASE_STATES, "All")


class CaseFilters(SortedFilters):
    """The cases of customers to show to staff."""

    q = StringField("Subject or customer", [at_most(100)])
    state = choice("State", CASE_STATES, "Any")
    kind = choice("Kind", {"dispute": "Disputed payments", "question": "Questions"}, "All")


class PersonSearch(FilterForm):
    """An employee's search for one user by exact username or e-mail address."""

    who = StringField("Username or e-mail address", [at_most(100)])

    @property
    def named(self) -> dict[str, str]:
        """Return the lookup parameter: `email` for a text with an @, else `username`."""
        text = (self.who.data or "").strip()
        return {"email" if "@" in text else "username": text}


class ApprovalFilters(DatedFilters):
    """The requests for a second person to show."""

    asked_by_name = StringField("Asked by", [at_most(100)])
    kind = choice("About", {"payments": "Payments", "accounts": "Accounts", "people": "People"}, "All")
    status = choice(
        "State", {"pending": "Waiting", "approved": "Approved", "rejected": "Rejected", "expired": "Expired"}, "Any"
    )

    subject_id = HiddenField(validators=[Optional(), UUID("This is no id.")])


OUTCOMES = {"success": "Success", "failure": "Failure", "refused": "Refused"}


class AuditFilters(DatedFilters):
    """Filters of the audit trail."""

    q = StringField("Text", [at_most(100)])
    action = StringField("Action", [at_most(60)])
    actor = StringField("Done by", [at_most(100)])
    outcome = choice("Outcome", OUTCOMES, "Any")
    user_id = StringField("User's id", [Optional(), UUID("This is not a user's id.")])


class SuspenseFilters(FilterForm):
    """Filters of the list of money in the suspense account."""

    paid_out = choice("State", {"false": "Not paid out", "true": "Paid out"}, "Any")


class PeriodFilters(FilterForm):
    """The first and the last day of a report, and how its days are grouped."""

    start_date = DayField("From")
    end_date = DayField("To", begin="start_date")
    group = choice("Group by", GROUPINGS, "Automatic")

    def validate_start_date(self, field: DateField) -> None:
        """Refuse a start after today when there is no end: such a period ends today."""
        if field.data and not _has_value(self.end_date) and field.data > today():
            raise ValidationError("“From” must not be after today.")


class StatementFilters(DatedFilters):
    """The period and the format of a statement to download: a month, or a first and a last day."""

    month = StringField("Month")
    format = SelectField("Format", choices=options(STATEMENT_FORMATS), default="pdf", validate_choice=False)

    def chosen(self, time_zone: str) -> dict[str, object]:
        """Return the query parameters of the statement, with `time_zone` as the zone of its days."""
        found = {field.name: str(field.data) for field in self if _has_value(field)}
        return {"format": "pdf", **found, "tz": time_zone}


def _query_of_list() -> MultiDict[str, str]:
    """Return the query of the list: the current one or, for an action on a row, that of the list named by `back`."""
    if request.method == "POST" and "back" in request.args:
        return MultiDict(parse_qsl(urlsplit(request.args["back"]).query))
    return request.args


def _has_value(field: Field) -> bool:
    """Return whether the query string has a value for this field, valid or not. Zero counts as a value."""
    return bool(field.raw_data and field.raw_data[0])
