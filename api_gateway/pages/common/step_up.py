"""A fresh second factor, asked for in the form of what needs it: a code, or a passkey where the person has one."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from flask import session, url_for
from werkzeug.wrappers import Response
from wtforms import HiddenField, StringField

from api_gateway.clients.auth import RenewedTokens
from api_gateway.pages.common.forms import BankForm, at_most
from api_gateway.pages.common.responses import see_other
from api_gateway.pages.common.services import Services
from api_gateway.web.browser_session import replace_session
from shared.core.errors import AppError, Forbidden, Refused
from shared.web.access import Caller, StepUpRequired

T = TypeVar("T")


class CodeNeeded(Refused):
    """400: the form is shown again with fields for the second factor."""

    code = StepUpRequired.code
    message = "Confirm this with your second factor."


class StepUpForm(BankForm):
    """A form whose action may require a fresh second factor. The template calls `second_factor(form)` for its fields.

    `needs_code` says that they are shown, and `passkey_options` what the browser asks a passkey with.
    """

    otp = StringField("Code", [at_most(64)])
    credential = HiddenField()
    needs_code = False
    passkey_options: str | None = None

    def confirmed(self, caller: Caller, action: Callable[[Caller], T]) -> T:
        """Return what `action` returns, which gets the caller to call as. Proves what was entered first.

        Raises CodeNeeded when a service requires a fresh second factor, and what `action` raises. A proof ends the
        session of `caller`: go on with `caller_at_browser()`.
        """
        if self.otp.data or self.credential.data:
            caller = self._prove(caller)
        try:
            return action(caller)
        except Forbidden as error:
            if error.code != StepUpRequired.code:
                raise
            self._ask(caller)
            raise CodeNeeded(
                details={"otp": "Enter the code that your authenticator app shows now, or a recovery code."}
            ) from None

    def _prove(self, caller: Caller) -> Caller:
        try:
            return replace_session(self._step_up(caller))
        except AppError:
            self._ask(caller)
            raise

    def _step_up(self, caller: Caller) -> RenewedTokens:
        if self.otp.data or not self.credential.data:
            return Services(caller).second_factor.step_up(self.otp.data or "")
        passkey_token, credential = str(session.pop("step_up", "")), to_object(self.credential.data)
        return Services(caller).passkeys.step_up(passkey_token=passkey_token, credential=credential)

    def _ask(self, caller: Caller) -> None:
        self.needs_code, self.credential.data = True, ""
        try:
            begun = Services(caller).passkeys.begin_step_up()
        except AppError:  # without a passkey, or without an answer, the person enters a code
            return
        session["step_up"] = begun.passkey_token
        self.passkey_options = json.dumps(begun.options)


def show_recovery_codes(codes: list[str], message: str) -> Response:
    """Redirect to the page that shows the codes once. The encrypted session holds them until then."""
    session["recovery_codes"] = codes
    return see_other(message, url_for("second_factor.recovery_codes"))


def to_object(text: str) -> dict[str, Any]:
    """Return the JSON object in a field that a script filled in; an empty one for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
