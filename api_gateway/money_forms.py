"""Forms that move money or open accounts: each counts once, however often it is sent."""

import re
import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from flask import current_app, request
from pydantic import TypeAdapter
from pydantic import ValidationError as Unreadable
from werkzeug.datastructures import MultiDict
from wtforms import HiddenField, SelectField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from api_gateway.gateway_forms import BankForm, options
from api_gateway.gateway_schemas import Account
from shared import check_digits
from shared.errors import AppError, InvalidRequest
from shared.formats import money
from shared.http_client import NoAnswer
from shared.money import Amount, Currency

Draft = dict[str, str]
_AMOUNT: TypeAdapter[Decimal] = TypeAdapter(Amount)
_WELL_FORMED_KEY = re.compile(r"[!-~]{1,255}")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?:\D|$))")
_FIELD_OF = {
    "INSUFFICIENT_FUNDS": "amount",
    "SAME_ACCOUNT": "to_account_id",
    "NOT_FOUND": "to_account_number",
}
_KEY_REUSED = "This page has been sent already, with other entries. Look at what came of it before you send it again."
_OPEN = "We can't tell yet what came of this. Send it again as it is to find out: it will count only once."


def new_key() -> str:
    """An idempotency key."""
    return str(uuid.uuid4())


def bank_currency() -> Currency:
    """The bank's one currency."""
    currency: Currency = current_app.extensions["currency"]
    return currency


def plain_amount(text: str | None) -> str:
    """An amount as people type it, as the services read it: " 1,250.00 " → "1250.00"."""
    return _THOUSANDS.sub("", (text or "").strip())


def is_amount(_form: Any, field: StringField) -> None:
    """A validator: an amount of the bank's currency. Raises ValidationError with what is wrong."""
    currency = bank_currency()
    try:
        currency.to_minor(_AMOUNT.validate_python(field.data))
    except Unreadable as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValidationError(f"The amount {reason}.") from None
    except InvalidRequest:
        raise ValidationError(f"Amounts in {currency.code} have {currency.decimals or 'no'} decimals.") from None


def active(accounts: Iterable[Account]) -> dict[str, str]:
    """The accounts that money can move on, by id, with what they hold: to choose from."""
    return {
        str(account.id): f"{account.label} ({money(account.balance, account.currency)})"
        for account in accounts
        if account.is_active
    }


class MoneyForm(BankForm):
    """A form that moves money or opens an account: by the `idempotency_key` of its page it counts once."""

    idempotency_key = HiddenField(filters=[lambda key: key if _WELL_FORMED_KEY.fullmatch(key or "") else new_key()])

    def refuse(self, error: AppError) -> None:
        """A refusal is final, so the corrected form gets a new key; while the outcome is open the key is kept."""
        in_progress = error.code == "IDEMPOTENT_REQUEST_IN_PROGRESS"
        self.outcome_is_open = in_progress or (isinstance(error, NoAnswer) and error.may_have_arrived)
        if error.code == "IDEMPOTENCY_KEY_REUSED":
            error.message = _KEY_REUSED
        if self.outcome_is_open:
            error.message = _OPEN
        if not in_progress and error.status != 503:
            self.idempotency_key.data = new_key()
        super().refuse(error)


class PaymentForm(MoneyForm):
    """An amount for somebody, and what it is for."""

    amount = StringField("Amount", [InputRequired("Enter an amount."), is_amount], filters=[plain_amount])
    description = StringField("Description", [Length(max=200, message="Use at most 200 characters.")])

    @property
    def body(self) -> dict[str, object]:
        """What to send to the service; fields left empty are left out."""
        ours = {"idempotency_key", "csrf_token"}
        return {field.name: field.data for field in self if field.data and field.name not in ours}

    def refuse(self, error: AppError) -> None:
        """Show a refusal beside the field that it is about."""
        name = _FIELD_OF.get(error.code, "")
        if name in self._fields:
            error.details = {name: error.message}
        super().refuse(error)


class OwnAccountForm(PaymentForm):
    """A deposit or a withdrawal."""

    account_id = SelectField("Account", [InputRequired("Choose an account.")])

    def __init__(self, own: Iterable[Account]) -> None:
        super().__init__(data={"account_id": request.args.get("account_id")})
        self.account_id.choices = options(active(own))


class TransferForm(PaymentForm):
    """Money for another account: one of one's own, or one known by its number.

    A `draft` is what was entered before: it fills the form in.
    """

    from_account_id = SelectField("From", [InputRequired("Choose an account.")])
    to_account_id = SelectField("To one of your accounts")
    to_account_number = StringField("Or to an account number", filters=[lambda text: re.sub(r"[\s-]", "", text or "")])

    def __init__(self, own: Iterable[Account], draft: Draft | None = None, **how: Any) -> None:
        asked = {name: request.args.get(name, "") for name in ("from_account_id", "to_account_id")}
        super().__init__(data=draft or asked, **how)
        self.from_account_id.choices = options(active(own))
        self.to_account_id.choices = options(active(own), "Choose an account")

    @property
    def draft(self) -> Draft:
        """What was entered, and the idempotency key, as text by field."""
        return {field.name: field.data or "" for field in self if field.name != "csrf_token"}

    def validate_to_account_id(self, field: SelectField) -> None:
        """There is one payee, and it is not the payer."""
        if not (field.data or self.to_account_number.data):
            raise ValidationError("Choose one of your accounts, or enter an account number.")
        if field.data and self.to_account_number.data:
            raise ValidationError("Choose one of your accounts or enter a number, but not both.")
        if field.data == self.from_account_id.data:
            raise ValidationError("Choose an account other than the one the money comes from.")

    def validate_to_account_number(self, field: StringField) -> None:
        """A mistyped number is noticed by its check digit."""
        if field.data and not (len(field.data) == 10 and check_digits.is_valid(field.data)):
            raise ValidationError("This is not an account number. Please check the digits.")


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
