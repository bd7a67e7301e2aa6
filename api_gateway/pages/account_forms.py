"""Forms for opening and closing accounts."""

from wtforms import RadioField, StringField
from wtforms.validators import InputRequired, Optional

from api_gateway.clients.account import ACCOUNT_TYPES
from api_gateway.pages.common.forms import BankForm, at_most, options
from api_gateway.pages.common.money_forms import AmountField, MoneyForm


class OpenAccountForm(MoneyForm):
    """The type and nickname of a new account, and its opening deposit."""

    account_type = RadioField(
        "Kind of account",
        [InputRequired("Choose a kind of account.")],
        choices=options(ACCOUNT_TYPES),
        default="checking",
    )
    nickname = StringField("Nickname", [at_most(50)])
    initial_deposit = AmountField("Opening deposit", [Optional()])


class CloseAccountForm(BankForm):
    """A form with only a submit button, which confirms the closing of an account."""
