"""Forms that move money or open accounts: each counts once, however often it is sent."""

import re
import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict
from wtforms import Field, HiddenField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the types are of an older version
from wtforms.validators import InputRequired, ValidationError
from wtforms.widgets import TextInput

from api_gateway.clients.account import Account
from api_gateway.pages.common.display import balances_are_hidden
from api_gateway.pages.common.forms import BankForm, at_most, options
from api_gateway.web.tools import tools
from shared.core import check_digits
from shared.core.errors import AppError
from shared.core.formats import money
from shared.core.money import Mistakes
from shared.http.client import NoAnswer
from shared.web.idempotency_keys import is_well_formed

Draft = dict[str, str]
_FIELD_OF = {
    "INSUFFICIENT_FUNDS": "amount",
    "SAME_ACCOUNT": "to_account_id",
    "NOT_FOUND": "to_account_number",
}
NO_AMOUNT = "Enter an amount."
_KEY_REUSED = "This page has been sent already, with other entries. Look at what came of it before you send it again."
_NO_PAYEE = "Choose one of your accounts, or enter an account number."
_TWO_PAYEES = "Choose one of your accounts or enter an account number, but not both."
_SAME_ACCOUNT = "Choose an account other than the one the money comes from."
_WRONG_NUMBER = "This is not an account number. Check its ten digits."
_OPEN = "We can't tell yet what came of this. Send it again as it is to find out: it will count only once."


def new_key() -> str:
    """An idempotency key."""
    return str(uuid.uuid4())


class AmountField(Field):
    """An amount of the bank's currency, as a person types it.

    `data` is the Decimal, or None without a readable amount. The field keeps what was typed. With `is_bound` the amount
    is one that others are compared with, and may be zero.
    """

    widget = TextInput()

    def __init__(self, label: str, validators: list[Any], *, is_bound: bool = False, **options: Any) -> None:
        super().__init__(label, validators, **options)
        self._is_bound = is_bound

    @property
    def mistakes(self) -> Mistakes:
        """What a page can check by itself, after removing space at both ends; each reason is a sentence."""
        known = tools().currency.mistakes(is_bound=self._is_bound)
        return (("^$", NO_AMOUNT), *((pattern, _sentence(reason)) for pattern, reason in known))

    @property
    def hint(self) -> str:
        """How an amount can be written."""
        currency = tools().currency
        plain, grouped = currency.write(1250), currency.write(1250, grouped=True)
        if currency.takes_commas:
            return f"You can write “{grouped}” or “{plain}”."
        return f"Write thousands without a comma, as in “{plain}”."

    @property
    def placeholder(self) -> str:
        """Nothing, as an amount."""
        return tools().currency.write(0)

    def process_data(self, value: str | None) -> None:
        """Take over an amount that was read before, as plain text."""
        self.data = Decimal(value) if value else None

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed. Raises ValueError, which becomes the message beside the field."""
        if not valuelist:
            return
        self.data = None
        if not valuelist[0].strip():
            raise ValueError(NO_AMOUNT)  # an optional field may be left blank: its validator drops this
        try:
            self.data = tools().currency.parse(valuelist[0], is_bound=self._is_bound)
        except ValueError as error:
            raise ValueError(_sentence(str(error))) from None

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else str(self.data or "")


def _sentence(reason: str) -> str:
    return f"The amount {reason}."


def account_options(accounts: Iterable[Account], first: str | None = None) -> list[SelectChoice]:
    """Return the open accounts as choices of a select, with what they hold unless amounts are hidden.

    A frozen account is shown as such, and can't be chosen. `first` stands at the top for none of them. Each choice
    carries both texts, for the script that hides amounts.
    """
    choices = options({}, first)
    for account in accounts:
        if account.status == "closed":
            continue
        state = {} if account.is_active else {"disabled": True}
        hidden = account.label if account.is_active else f"{account.label}, {account.status}"
        shown = f"{hidden} ({money(account.balance, account.currency)})"
        texts = {"data-shown-text": shown, "data-hidden-text": hidden}
        text = hidden if balances_are_hidden() else shown
        choices.append(SelectChoice(str(account.id), text, render_kw=texts | state))
    return choices


def can_move_money(_form: Any, field: SelectField) -> None:
    """Refuse a frozen account, which a page shows but does not offer. A validator: raises ValidationError."""
    choices: list[Any] = list(field.iter_choices())  # the types are of an older version
    if any(choice.value == field.data and "disabled" in choice.render_kw for choice in choices):
        raise ValidationError("This account is frozen: no money can move in or out of it.")


class MoneyForm(BankForm):
    """A form that moves money or opens an account: by the `idempotency_key` of its page it counts once."""

    idempotency_key = HiddenField(filters=[lambda key: key if is_well_formed(key or "") else new_key()])

    def refuse(self, error: AppError) -> None:
        """A refusal is final, so the corrected form gets a new key; while the outcome is open the key is kept."""
        is_silence = isinstance(error, NoAnswer) and error.may_have_arrived
        self.outcome_is_open = is_silence or error.details.get("outcome") == "unknown"
        if error.code == "IDEMPOTENCY_KEY_REUSED":
            error.message = _KEY_REUSED
        if self.outcome_is_open:
            error.message = _OPEN
        if error.status != 503:
            self.idempotency_key.data = new_key()
        super().refuse(error)


class PaymentForm(MoneyForm):
    """An amount for somebody, and what it is for."""

    amount = AmountField("Amount", [InputRequired(NO_AMOUNT)])
    description = StringField("Description", [at_most(200)])

    @property
    def body(self) -> dict[str, object]:
        """What to send to the service; fields left empty are left out."""
        ours = {"idempotency_key", "csrf_token"}
        return {field.name: str(field.data) for field in self if field.data and field.name not in ours}

    def refuse(self, error: AppError) -> None:
        """Show a refusal beside the field that it is about."""
        name = _FIELD_OF.get(error.code, "")
        if name in self._fields:
            error.details = {name: error.message}
        super().refuse(error)


class OwnAccountForm(PaymentForm):
    """A deposit or a withdrawal."""

    account_id = SelectField("Account", [InputRequired("Choose an account."), can_move_money])

    def __init__(self, own: Iterable[Account]) -> None:
        super().__init__(data={"account_id": request.args.get("account_id")})
        self.account_id.choices = account_options(own)


class TransferForm(PaymentForm):
    """Money for another account: one of one's own, or one known by its number.

    A `draft` is what was entered before: it fills the form in.
    """

    from_account_id = SelectField("From", [InputRequired("Choose an account."), can_move_money])
    to_account_id = SelectField(
        "To one of your accounts",
        [can_move_money],
        render_kw={
            "data-either": "to_account_number",
            "data-missing": _NO_PAYEE,
            "data-malformed": _TWO_PAYEES,
            "data-unlike": "from_account_id",
            "data-clash": _SAME_ACCOUNT,
        },
    )
    to_account_number = StringField(
        "Or to an account number",
        filters=[lambda text: re.sub(r"[\s-]", "", text or "")],
        render_kw={"pattern": r"\s*([0-9][\s\-]*){10}", "title": _WRONG_NUMBER, "data-malformed": _WRONG_NUMBER},
    )

    def __init__(self, own: Iterable[Account], draft: Draft | None = None, **how: Any) -> None:
        asked = {name: request.args.get(name, "") for name in ("from_account_id", "to_account_id")}
        super().__init__(data=draft or asked, **how)
        self.from_account_id.choices = account_options(own)
        self.to_account_id.choices = account_options(own, "Choose an account")

    @property
    def draft(self) -> Draft:
        """What was entered, and the idempotency key, as text by field."""
        return {field.name: str(field.data or "") for field in self if field.name != "csrf_token"}

    def validate_to_account_id(self, field: SelectField) -> None:
        """There is one payee, and it is not the payer."""
        if not (field.data or self.to_account_number.data):
            raise ValidationError(_NO_PAYEE)
        if field.data and self.to_account_number.data:
            raise ValidationError(_TWO_PAYEES)
        if field.data == self.from_account_id.data:
            raise ValidationError(_SAME_ACCOUNT)

    def validate_to_account_number(self, field: StringField) -> None:
        """A mistyped number is noticed by its check digit."""
        if field.data and not check_digits.is_valid(field.data):
            raise ValidationError(_WRONG_NUMBER)


class ReviewedTransferForm(TransferForm):
    """A draft under review. It is checked like a form that was sent, but it only shows, and needs no token."""

    class Meta:
        """As WTForms wants to be told."""

        csrf = False

    def __init__(self, own: Iterable[Account], draft: Draft) -> None:
        super().__init__(own, formdata=MultiDict(draft))

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        """Check the draft, and set the page's status."""
        is_good: bool = super().validate(*args, **kwargs)
        self.status_code = 200 if is_good else 400
        return is_good
