"""The base of all forms: CSRF token, and refusals of services shown beside the fields that they name."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, SelectMultipleField, SubmitField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # types-WTForms is behind WTForms here
from wtforms.validators import EqualTo, InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from shared.core.errors import AppError, InvalidCredentials, NotFound, ServiceUnavailable

T = TypeVar("T")
_NAME_IN_API = re.compile(r"\b[a-z]+(_[a-z]+)+\b")  # a field name like end_date; people know the label instead
REFUSALS = frozenset({400, 409, 422})
WRONG_PROOFS = frozenset({InvalidCredentials.code, "INVALID_OTP", "INVALID_PASSKEY"})
"""Codes of 401 that come from what was typed, not from a session that has ended."""


def options(choices: Mapping[str, str], first: str | None = None) -> list[Any]:
    """Return choices of a select from labels by value. `first` labels a leading empty choice."""
    labels = {**({} if first is None else {"": first}), **choices}
    return [SelectChoice(value, label) for value, label in labels.items()]


def at_most(characters: int) -> Length:
    """Return a validator that limits the length."""
    return Length(max=characters, message="Use at most %(max)d characters.")


class Checkboxes(SelectMultipleField):
    """Choices of which any number may be chosen."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class BankForm(FlaskForm):
    """The base of all forms. `status_code` is its page's: 200, 400 with errors, 503 when a service is unavailable.

    `outcome_is_open` says that the request may have taken effect; only sending it again with the same key can tell.
    """

    status_code = 200
    outcome_is_open = False

    @property
    def reload_shows_empty_form(self) -> bool:
        """Return whether a reload of the page with this form's errors may show the empty form instead."""
        return self.status_code == 400 and not self.outcome_is_open

    def submitted(self, action: Callable[[], T]) -> T | None:
        """Run `action` if the form was sent and is valid, and return its result; None means to show the form.

        A refusal by the service is shown beside the field that it names, or above the form. Other errors are raised.
        """
        if not self.is_submitted():
            return None
        self.status_code = 400
        return self.attempted(action) if self.validate() else None

    def carried_out(self, action: Callable[[], object]) -> bool:
        """Run `action` as `submitted` does, and return whether it ran; for an action that returns nothing."""
        return self.submitted(lambda: (action(),)) is not None

    def attempted(self, action: Callable[[], T]) -> T | None:
        """Return the result of `action`, or None if it is refused and the form shows why. Other errors are raised."""
        try:
            return action()
        except AppError as error:
            if not _belongs_to_form(error):
                raise
            self.refuse(error)
            return None

    def refuse(self, error: AppError) -> None:
        """Show a service's refusal in the form and set the status of the page."""
        self.status_code = 503 if error.status == 503 else 400
        others = [f"{name} {reason}." for name, reason in error.details.items() if not self._show_beside(name, reason)]
        if others or not error.details:
            self.form_errors.append(" ".join([error.message, *others]))

    def _show_beside(self, name: str, reason: Any) -> bool:
        field = next((field for field in self if field.name == name), None)
        if field is None or isinstance(field, HiddenField | SubmitField):
            return False
        labels = {field.name: field.label.text for field in self}
        text = _NAME_IN_API.sub(lambda name: labels.get(name[0], name[0]), str(reason))
        field.errors = [*field.errors, f"{field.label.text} {text}." if text[:1].islower() else text]
        return True


class NewPasswordForm(BankForm):
    """A form with a new password, entered twice."""

    new_password = PasswordField("New password", [InputRequired("Choose a new password."), at_most(1000)])
    confirm_password = PasswordField(
        "Confirm new password",
        [InputRequired("Enter the new password again."), EqualTo("new_password", "The two passwords differ.")],
    )


def _belongs_to_form(error: AppError) -> bool:
    """Return whether a form shows this error. A 404 is about the form only if the page's own address has no id."""
    if error.status == NotFound.status:
        return not request.view_args
    return error.status in REFUSALS or isinstance(error, ServiceUnavailable) or error.code in WRONG_PROOFS
