"""What all forms have in common: their CSRF token, and refusals of a service shown where they belong."""

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from flask_wtf import FlaskForm
from wtforms import HiddenField, SubmitField

from shared.errors import AppError, InvalidCredentials, ServiceUnavailable

T = TypeVar("T")
REFUSALS = frozenset({400, 404, 409, 422})


class BankForm(FlaskForm):
    """A form of the bank. `status` is that of the page when the form comes back: 400, or 503 when a service is away."""

    status = 200

    def submitted(self, action: Callable[[], T]) -> T | None:
        """What `action` gives when the form was sent and is good, else None: then show the page (again).

        What the service refuses stands beside the field it names, or above the form. Other errors are raised on.
        """
        if not self.is_submitted():
            return None
        self.status = 400
        if not self.validate():
            return None
        try:
            return action()
        except AppError as error:
            if not _belongs_to_form(error):
                raise
            self.refuse(error)
            return None

    def refuse(self, error: AppError) -> None:
        """Show what a service has refused, and set the page's status."""
        self.status = 503 if error.status == 503 else 400
        unplaced = [reason for name, reason in error.details.items() if not self._place(name, reason)]
        if unplaced or not error.details:
            self.form_errors.append(error.message)

    def _place(self, name: str, reason: Any) -> bool:
        field = self._fields.get(name)
        if field is None or isinstance(field, HiddenField | SubmitField):
            return False
        text = str(reason)
        field.errors = [*field.errors, f"{field.label.text} {text}" if text[:1].islower() else text]
        return True


class MoneyForm(BankForm):
    """A form that moves money: its `idempotency_key`, made when the page was rendered, lets it count once."""

    idempotency_key = HiddenField(default=lambda: str(uuid.uuid4()))

    def refuse(self, error: AppError) -> None:
        """A refusal is final, so the corrected form gets a new key; after silence the same key must be sent again."""
        super().refuse(error)
        if error.status != 503:
            self.idempotency_key.data = str(uuid.uuid4())


def _belongs_to_form(error: AppError) -> bool:
    return error.status in REFUSALS or isinstance(error, ServiceUnavailable) or error.code == InvalidCredentials.code
