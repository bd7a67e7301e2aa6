"""What all forms have in common: their CSRF token, and refusals of a service shown where they belong."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask_wtf import FlaskForm
from wtforms import HiddenField, SubmitField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the types are of an older version
from wtforms.validators import Length

from shared.core.errors import AppError, InvalidCredentials, ServiceUnavailable

T = TypeVar("T")
_NAME_IN_API = re.compile(r"\b[a-z]+(_[a-z]+)+\b")  # such as end_date; people know the field by its label
REFUSALS = frozenset({400, 404, 409, 422})


def options(choices: Mapping[str, str], first: str | None = None) -> list[Any]:
    """The choices of a select, label by value; `first` stands at the top for none of them."""
    labels = {**({} if first is None else {"": first}), **choices}
    return [SelectChoice(value, label) for value, label in labels.items()]


def at_most(characters: int) -> Length:
    """A validator: no longer than this."""
    return Length(max=characters, message="Use at most %(max)d characters.")


class BankForm(FlaskForm):
    """A form of the bank. `status_code` is its page's: 400 when it comes back, or 503 when a service is away.

    `outcome_is_open` when what was sent may have had its effect, and only the same again can tell.
    """

    status_code = 200
    outcome_is_open = False

    @property
    def may_be_fetched_anew(self) -> bool:
        """Whether the page with this form's errors can be replaced by the empty form when it is reloaded."""
        return self.status_code == 400 and not self.outcome_is_open

    def submitted(self, action: Callable[[], T]) -> T | None:
        """What `action` gives when the form was sent and is good, else None: then show the page (again).

        What the service refuses stands beside the field it names, or above the form. Other errors are raised on.
        """
        if not self.is_submitted():
            return None
        self.status_code = 400
        return self.attempted(action) if self.validate() else None

    def attempted(self, action: Callable[[], T]) -> T | None:
        """What `action` gives; None when it is refused, and then the form says why. Other errors are raised on."""
        try:
            return action()
        except AppError as error:
            if not _belongs_to_form(error):
                raise
            self.refuse(error)
            return None

    def refuse(self, error: AppError) -> None:
        """Show what a service has refused, and set the page's status."""
        self.status_code = 503 if error.status == 503 else 400
        unplaced = [f"{name} {reason}." for name, reason in error.details.items() if not self._place(name, reason)]
        if unplaced or not error.details:
            self.form_errors.append(" ".join([error.message, *unplaced]))

    def _place(self, name: str, reason: Any) -> bool:
        field = next((field for field in self if field.name == name), None)
        if field is None or isinstance(field, HiddenField | SubmitField):
            return False
        labels = {field.name: field.label.text for field in self}
        text = _NAME_IN_API.sub(lambda name: labels.get(name[0], name[0]), str(reason))
        field.errors = [*field.errors, f"{field.label.text} {text}." if text[:1].islower() else text]
        return True


def _belongs_to_form(error: AppError) -> bool:
    return error.status in REFUSALS or isinstance(error, ServiceUnavailable) or error.code == InvalidCredentials.code
