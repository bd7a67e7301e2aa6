"""Forms that move money or open accounts. Each has an idempotency key, so it takes effect at most once."""

import re
import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict
from wtforms import Field, HiddenField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # types-WTForms is behind WTForms here
from wtforms.validators import InputRequired, ValidationError
from wtforms.widgets import TextInput

from api_gateway.clients.account import Account
from api_gateway.pages.common.display import balances_are_hidden
from api_gateway.pages.common.forms import BankForm, at_most, options
from api_gateway.pages.common.step_up import CodeNeeded, StepUpForm
from api_gateway.web.tools import tools
from shared.core import check_digits
from shared.core.errors import AppError
from shared.core.formats import money
from shared.core.money import Mistakes
from shared.http.client import NoAnswer
from shared.web.access import Caller
from shared.web.idempotency_keys import is_well_formed

Draft = dict[str, str]
_FIELD_BY_CODE = {
    "INSUFFICIENT_FUNDS": "amount",
    "TILL_SHORT": "amount",
    "SAME_ACCOUNT": "to_account_id",
    "NOT_FOUND": "to_account_number",
}
NO_AMOUNT = "Enter an amount."
_KEY_REUSED = "This form was sent before, with other values. Check the outcome of that before you send it again."
_NO_PAYEE = "Choose one of your accounts, or enter an account number."
_TWO_PAYEES = "Choose one of your accounts or enter an account number, but not both."
_SAME_ACCOUNT = "Choose an account other than the one the money comes from."
_WRONG_NUMBER = "This is not an account number. Check its ten digits."
_OUTCOME_OPEN = "We can't tell yet what came of this. Send it again as it is to find out: it will count only once."


def seal_draft(caller: Caller, page: str, draft: Draft) -> str:
    """Encrypt a draft for an address. Only the same user can open it, and only for the same `page`."""
    return tools().drafts.seal({"user_id": caller.user_id, "page": page, "draft": draft})


def draft_in_address(caller: Caller, page: str) -> Draft | None:
    """Return the draft in the address, or None if there is none of this caller for `page`."""
    opened = tools().drafts.open(request.args.get("draft", "")) or {}
    is_mine = (opened.get("user_id"), opened.get("page")) == (str(caller.user_id), page)
    return opened["draft"] if is_mine else None


def new_key() -> str:
    """Return a new random idempotency key."""
    return str(uuid.uuid4())


class AmountField(Field):
    """An amount in the bank's currency, as people type it.

    `data` is the Decimal, or None without a valid amount; the typed text is kept for display. With `is_bound` the
    amount is a limit to compare with, and may be zero.
    """

    widget = TextInput()

    def __init__(self, label: str, validators: list[Any], *, is_bound: bool = False, **options: Any) -> None:
        super().__init__(label, validators, **options)
        self._is_bound = is_bound

    @property
    def mistakes(self) -> Mistakes:
        """Return what a page can check itself, after stripping: (pattern, sentence to show) pairs."""
        known = tools().currency.mistakes(is_bound=self._is_bound)
        return (("^$", NO_AMOUNT), *((pattern, _sentence(reason)) for pattern, reason in known))

    @property
    def hint(self) -> str:
        """Return a sentence on how an amount can be written."""
        currency = tools().currency
        plain, grouped = currency.write(1250), currency.write(1250, grouped=True)
        if currency.takes_commas:
            return f"You can write “{grouped}” or “{plain}”."
        return f"Write thousands without a comma, as in “{plain}”."

    @property
    def placeholder(self) -> str:
        """Return zero, with the decimals of the currency."""
        return tools().currency.write(0)

    def process_data(self, value: str | None) -> None:
        """Set an amount that was validated before, from plain text."""
        self.data = Decimal(value) if value else None

    def process_formdata(self, valuelist: list[str]) -> None:
        """Parse the typed amount. Raises ValueError with the message for the field."""
        if not valuelist:
            return
        self.data = None
        if not valuelist[0].strip():
            raise ValueError(NO_AMOUNT)  # in an optional field the Optional validator drops this error
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

    A frozen account is shown as such, and can't be chosen. `first` labels a leading choice of no account. Each choice
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
    """Refuse a frozen account, which a select shows but disables. A validator: raises ValidationError."""
    choices: list[Any] = list(field.iter_choices())  # types-WTForms is behind WTForms here
    if any(choice.value == field.data and "disabled" in choice.render_kw for choice in choices):
        raise ValidationError("This account is frozen: no money can move in or out of it.")


class MoneyForm(BankForm):
    """A form that moves money or opens an account, at most once for each `idempotency_key`."""

    idempotency_key = HiddenField(filters=[lambda key: key if is_well_formed(key or "") else new_key()])

    @property
    def key(self) -> str:
        """Return the idempotency key to send."""
        return self.idempotency_key.data or ""

    def refuse(self, error: AppError) -> None:
        """Show a refusal. It is final, so the corrected form gets a new key; an open outcome keeps the key."""
        is_silence = isinstance(error, NoAnswer) and error.may_have_arrived
        self.outcome_is_open = is_silence or error.details.get("outcome") == "unknown"
        if error.code == "IDEMPOTENCY_KEY_REUSED":
            error.message = _KEY_REUSED
        if self.outcome_is_open:
            error.message = _OUTCOME_OPEN
        if error.status != 503 and not isinstance(error, CodeNeeded):
            self.idempotency_key.data = new_key()
        super().refuse(error)


class PaymentForm(MoneyForm):
    """The amount and the description of a payment."""

    amount = AmountField("Amount", [InputRequired(NO_AMOUNT)])
    description = StringField("Description", [at_most(200)])

    @property
    def body(self) -> dict[str, object]:
        """Return the request body. Empty fields are left out."""
        ours = {"idempotency_key", "csrf_token", "otp", "payee_name"}
        return {field.name: str(field.data) for field in self if field.data and field.name not in ours}

    def refuse(self, error: AppError) -> None:
        """Show a refusal beside the field that it is about."""
        name = _FIELD_BY_CODE.get(error.code, "")
        if name in self._fields:
            error.details = {name: error.message}
        super().refuse(error)


class OwnAccountForm(PaymentForm):
    """A deposit or a withdrawal."""

    account_id = SelectField("Account", [InputRequired("Choose an account."), can_move_money])

    def __init__(self, own: Iterable[Account]) -> None:
        super().__init__(data={"account_id": request.args.get("account_id")})
        self.account_id.choices = account_options(own)


class TransferForm(PaymentForm, StepUpForm):
    """A transfer to one of the caller's own accounts, or to an account number.

    A `draft` is an earlier input, which fills in the form.
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

    payee_name = StringField("Name of the payee", [at_most(100)], filters=[lambda text: (text or "").strip()])

    def __init__(self, own: Iterable[Account], draft: Draft | None = None, **how: Any) -> None:
        asked = {name: request.args.get(name, "") for name in ("from_account_id", "to_account_id")}
        super().__init__(data=draft or asked, **how)
        self.from_account_id.choices = account_options(own)
        self.to_account_id.choices = account_options(own, "Choose an account")

    @property
    def draft(self) -> Draft:
        """Return the input and the idempotency key, as text by field."""
        proofs = ("csrf_token", "otp", "credential")
        return {field.name: str(field.data or "") for field in self if field.name not in proofs}

    def validate_to_account_id(self, field: SelectField) -> None:
        """Require exactly one payee, other than the payer."""
        if not (field.data or self.to_account_number.data):
            raise ValidationError(_NO_PAYEE)
        if field.data and self.to_account_number.data:
            raise ValidationError(_TWO_PAYEES)
        if field.data == self.from_account_id.data:
            raise ValidationError(_SAME_ACCOUNT)

    def validate_to_account_number(self, field: StringField) -> None:
        """Refuse a number with a wrong check digit."""
        if field.data and not check_digits.is_valid(field.data):
            raise ValidationError(_WRONG_NUMBER)


class ReviewedTransferForm(TransferForm):
    """A draft under review. It is validated like a submitted form, but sends nothing and needs no CSRF token."""

    class Meta:
        """Options of WTForms."""

        csrf = False

    def __init__(self, own: Iterable[Account], draft: Draft) -> None:
        super().__init__(own, formdata=MultiDict(draft))

    def validate(self, *args: Any, **kwargs: Any) -> bool:
        """Validate the draft and set the status of the page."""
        is_good: bool = super().validate(*args, **kwargs)
        self.status_code = 200 if is_good else 400
        return is_good
