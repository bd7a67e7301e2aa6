"""The letters that tell people what happened to their login. They name nothing that somebody else has entered."""

from dataclasses import dataclass
from datetime import datetime

from auth_service.mail.mail_logic import Writer
from auth_service.mail.mail_models import OutgoingMail
from auth_service.mail.mail_schemas import Letter


@dataclass(frozen=True)
class Letters:
    """Writes letters that link to `url`, the bank's public address; `contact` is a sentence on how to reach it."""

    url: str
    contact: str

    @property
    def writers(self) -> dict[str, Writer]:
        """The function that writes each kind of mail."""
        return {
            "case_answered": self.case_answered,
            "contact_corrected": self.contact_corrected,
            "export_ready": self.export_ready,
            "new_device": self.new_device,
            "password_changed": self.password_changed,
            "recovery_code_used": self.recovery_code_used,
            "second_factor_changed": self.second_factor_changed,
        }

    def export_ready(self, mail: OutgoingMail) -> Letter:
        """Tell that a ZIP with statements can be downloaded."""
        year = mail.facts["year"]
        return Letter(
            f"Your statements of {year} are ready",
            (
                f"The statements of {year} that you asked for are ready. You can download them for a week.",
                "The link leads to the page with your downloads, where you may have to log in.",
            ),
            f"{self.url}/reports/exports",
            "See the statements",
        )

    def new_device(self, mail: OutgoingMail) -> Letter:
        """Tell of a login from a kind of device that the user has not used before."""
        return Letter(
            "A login from a new device",
            (
                f"Your login {mail.facts['username']} was used on {minute_of(mail.facts['at'])} from a device that we "
                f"have not seen before: {mail.facts['device']}, from the address {mail.facts['ip']}.",
                *self._was_it_you(),
            ),
        )

    def case_answered(self, mail: OutgoingMail) -> Letter:
        """Tell that the bank has written to the customer. What it wrote is read on the bank's pages only."""
        return Letter(
            "You have a message from the bank",
            (
                f"On {minute_of(mail.facts['at'])} we wrote to you. To read it, log in as {mail.facts['username']} at "
                f"{self.url}/login and open Messages.",
                "We never ask for your password or for a code, neither by mail nor in a message.",
            ),
        )

    def contact_corrected(self, mail: OutgoingMail) -> Letter:
        """Tell that staff corrected the name or the phone number, which the mail does not repeat."""
        return Letter(
            "Your contact data were corrected",
            (
                f"On {minute_of(mail.facts['at'])} our staff corrected {mail.facts['what']} for your login "
                f"{mail.facts['username']}. You see it in your profile.",
                f"If you did not ask for it, tell us. {self.contact}",
            ),
        )

    def second_factor_changed(self, mail: OutgoingMail) -> Letter:
        """Tell that the second factor was set up or removed, or that its recovery codes were replaced."""
        return Letter(
            "Your second factor was changed",
            (
                f"On {minute_of(mail.facts['at'])}, {mail.facts['what']} for your login {mail.facts['username']}, "
                f"from the address {mail.facts['ip']}.",
                *self._was_it_you(),
            ),
        )

    def recovery_code_used(self, mail: OutgoingMail) -> Letter:
        """Tell that a recovery code took the place of the second factor, and how many are left."""
        return Letter(
            "A recovery code was used",
            (
                f"A recovery code of your login {mail.facts['username']} was used on {minute_of(mail.facts['at'])}, "
                f"from the address {mail.facts['ip']}. Codes left: {mail.facts['left']}.",
                *self._was_it_you(),
            ),
        )

    def password_changed(self, mail: OutgoingMail) -> Letter:
        """Tell that the password was changed, and what to do if somebody else did so."""
        return Letter(
            "Your password was changed",
            (
                f"The password of your login {mail.facts['username']} was changed on {minute_of(mail.facts['at'])}, "
                f"from the address {mail.facts['ip']}. Everywhere else you are logged out.",
                *self._was_it_you(),
            ),
        )

    def _was_it_you(self) -> tuple[str, str]:
        return (
            "If it was you, there is nothing to do.",
            f"If it was not you, set a new password right away at {self.url}/forgot-password. That logs everybody out. "
            f"And tell us about it. {self.contact}",
        )


def minute_of(instant: str) -> str:
    """Format an instant of ISO 8601 in UTC for people: "28 November 2026 at 09:05 UTC"."""
    moment = datetime.fromisoformat(instant)
    return f"{moment.day} {moment:%B %Y} at {moment:%H:%M} UTC"
