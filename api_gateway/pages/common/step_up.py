"""A fresh code of the second factor, asked for in the form of what needs it."""

from collections.abc import Callable
from typing import TypeVar

from flask import session
from wtforms import StringField

from api_gateway.clients.second_factor import SecondFactorClient
from api_gateway.pages.common.forms import BankForm, at_most
from api_gateway.pages.common.responses import peer
from shared.core.errors import Forbidden, Refused
from shared.web.access import Caller, StepUpRequired

T = TypeVar("T")


class CodeNeeded(Refused):
    """400: the form is shown again, with a field for the code."""

    code = StepUpRequired.code
    message = "Confirm this with your second factor."


class StepUpForm(BankForm):
    """A form whose action may require a fresh second factor. The template shows the field `otp` if `needs_code`."""

    otp = StringField("Code", [at_most(64)])
    needs_code = False

    def confirmed(self, caller: Caller, action: Callable[[str], T]) -> T:
        """Return what `action` returns, which gets the token to call with. Proves a code that was entered first.

        Raises CodeNeeded when a service wants a fresh code, and what `action` raises.
        """
        token = caller.token
        if self.otp.data:
            self.needs_code = True
            token = session["token"] = SecondFactorClient(peer("auth-service")).step_up(token, self.otp.data)
            self.needs_code = False
        try:
            return action(token)
        except Forbidden as error:
            if error.code != StepUpRequired.code:
                raise
            self.needs_code = True
            raise CodeNeeded(
                details={"otp": "Enter the code that your authenticator app shows now, or a recovery code."}
            ) from None
