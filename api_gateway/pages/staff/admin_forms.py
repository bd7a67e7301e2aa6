"""Forms of the staff: customers' accounts, the counter, reversals."""

import uuid
from collections.abc import Iterable

from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import UUID, InputRequired

from api_gateway.clients.account import ACCOUNT_TYPES, Account, labels
from api_gateway.clients.auth import User
from api_gateway.pages.common.forms import BankForm, at_most, options
from api_gateway.pages.common.money_forms import NO_AMOUNT, AmountField, Draft, MoneyForm, PaymentForm
from api_gateway.pages.common.services import Services
from shared.core.errors import AppError
from shared.web.access import Caller

ROLES = {"customer": "Customer", "employee": "Employee", "admin": "Admin"}
PERMISSION_LABELS = {
    "customers:read": "Find customers and see their data, accounts and transactions",
    "customers:write": "Correct contact data, write notes, end sessions and lockouts",
    "customers:verify": "Verify who customers are, and see the numbers of their documents",
    "cases:answer": "Read, answer and close disputes and questions of customers",
    "accounts:open": "Open accounts for customers",
    "accounts:close": "Close empty accounts for customers",
    "accounts:freeze": "Freeze and unfreeze accounts",
    "approvals:decide": "Approve or refuse what another employee has asked for",
    "counter:deposit": "Take cash in at the counter, with a till of their own",
    "counter:withdraw": "Pay cash out at the counter, with a till of their own",
}


class CustomerAccountForm(MoneyForm):
    """The account that staff open for a customer."""

    user_id = StringField("Customer's id", [InputRequired("Choose a customer."), UUID("This is not a customer's id.")])
    account_type = SelectField("Kind of account", choices=options(ACCOUNT_TYPES))
    nickname = StringField("Nickname", [at_most(50)])


class TillForm(MoneyForm):
    """The cash that a till begins with."""

    opening_cash = AmountField("Float", [InputRequired(NO_AMOUNT)], is_bound=True, name="float")


class CashForm(PaymentForm):
    """Cash that a customer pays in or gets at the counter."""

    @property
    def draft(self) -> Draft:
        """Return the input and the idempotency key, as text by field."""
        return {field.name: str(field.data or "") for field in self if field.name != "csrf_token"}


class CountForm(BankForm):
    """The cash that was counted in a till."""

    counted = AmountField("Counted cash", [InputRequired(NO_AMOUNT)], is_bound=True)


class ReasonForm(BankForm):
    """Why something is done: an account is closed, a case is closed, a request is rejected."""

    reason = StringField("Reason", [InputRequired("Enter the reason."), at_most(200)])

    @property
    def text(self) -> str:
        """Return the reason without spaces around it."""
        return (self.reason.data or "").strip()


class ProvenReasonForm(ReasonForm):
    """Why something is done that only the customer may ask for."""

    reason = StringField(
        "Reason", [InputRequired("Write why, and how the customer has proven who they are."), at_most(200)]
    )


class AccountStatusForm(ReasonForm):
    """A new status of an account, with the reason."""

    status = SelectField("Status", choices=options({"active": "Active", "frozen": "Frozen"}))
    keeps_reason = BooleanField("Don't show the reason to the customer")

    def save(self, caller: Caller, account_id: uuid.UUID) -> Account:
        """Set the status of an account. Raises NeedsApproval."""
        is_shown, reason = not self.keeps_reason.data, self.reason.data or ""
        change_status = Services(caller).accounts.change_status
        return change_status(account_id, status=self.status.data, reason=reason, show_reason=is_shown)


class ContactForm(BankForm):
    """A customer's contact data; an employee's form has no e-mail address, which only an admin may correct."""

    full_name = StringField("Full name", [at_most(100)])
    phone = StringField("Phone", [at_most(30)])
    email = StringField("E-mail", [InputRequired("Enter the e-mail address."), at_most(100)])
    reason = StringField("Reason", [at_most(200)], description="For the audit trail.")

    def changes(self, present: User) -> dict[str, str | None]:
        """Return the fields that differ from the stored ones, with the reason; an emptied one is None."""
        wanted = {field.name: field.data or None for field in (self.full_name, self.phone, self.email) if field}
        changed = {name: value for name, value in wanted.items() if value != getattr(present, name)}
        reason = (self.reason.data or "").strip()
        return {**changed, "reason": reason} if changed and reason else changed


class NoteForm(BankForm):
    """A note about a customer."""

    text = TextAreaField("Note", [InputRequired("Write the note."), at_most(2000)])


class CaseAnswerForm(BankForm):
    """An answer to a customer."""

    text = TextAreaField("Answer", [InputRequired("Write the answer."), at_most(4000)])


SUSPENSE = "suspense"


class ReversalForm(MoneyForm):
    """Confirms a reversal. If the source account can't take the money, `others` are offered as its target.

    They are the customer's other active accounts; the suspense account is always offered beside them.
    """

    reason = StringField("Reason", [at_most(100)])
    return_to = SelectField("Give the money to", [InputRequired("Choose where the money goes.")])

    def __init__(self, others: Iterable[Account] | None) -> None:
        super().__init__()
        if others is None:
            del self.return_to
            return
        choices = {**labels(others), SUSPENSE: "The bank's suspense account, for this customer"}
        self.return_to.choices = options(choices, "Choose")

    @property
    def body(self) -> dict[str, object]:
        """Return the request body, without a target when the money goes back to where it came from."""
        chosen = self.return_to.data if self.return_to else None
        target: tuple[str, object] = ("to_suspense", True) if chosen == SUSPENSE else ("to_account_id", chosen)
        return {name: value for name, value in (target, ("reason", (self.reason.data or "").strip())) if value}

    def refuse(self, error: AppError) -> None:
        """Show a refusal above the form: its details name fields of the API that this form does not have."""
        error.details = {}
        super().refuse(error)


class PayOutForm(MoneyForm):
    """The active account of the customer that money in the suspense account is paid out to."""

    to_account_id = SelectField("Pay to", [InputRequired("Choose an account.")])

    def __init__(self, accounts: Iterable[Account]) -> None:
        super().__init__()
        self.to_account_id.choices = options(labels(accounts), "Choose")
