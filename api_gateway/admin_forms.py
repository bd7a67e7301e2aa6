"""Forms of the staff: about people, about customers' accounts, about reversals."""

from wtforms import SelectField, StringField
from wtforms.validators import UUID, InputRequired, Length, Optional

from api_gateway.gateway_forms import BankForm, options
from api_gateway.gateway_schemas import ACCOUNT_TYPES
from api_gateway.money_forms import MoneyForm

ROLES = {"customer": "Customer", "employee": "Employee", "admin": "Admin"}
LONG = "Use at most %(max)d characters."


class PersonForm(BankForm):
    """Another role, or another status, for somebody."""

    role = SelectField("Role", [Optional()], choices=options(ROLES, ""), default="")
    status = SelectField(
        "Status", [Optional()], choices=options({"active": "Active", "disabled": "Disabled"}, ""), default=""
    )

    @property
    def changes(self) -> dict[str, str]:
        """What to change."""
        return {field.name: field.data for field in (self.role, self.status) if field.data}


class CustomerAccountForm(MoneyForm):
    """The account that staff open for a customer."""

    user_id = StringField("Customer's id", [InputRequired("Choose a customer."), UUID("This is not a customer's id.")])
    account_type = SelectField("Kind of account", choices=options(ACCOUNT_TYPES))
    nickname = StringField("Nickname", [Length(max=50, message=LONG)])


class AccountStatusForm(BankForm):
    """An account is frozen, or let go on, for a reason."""

    status = SelectField("Status", choices=options({"active": "Active", "frozen": "Frozen"}))
    reason = StringField("Reason", [InputRequired("Say why."), Length(max=200, message=LONG)])


class ReversalForm(MoneyForm):
    """Nothing to fill in: its button confirms."""
