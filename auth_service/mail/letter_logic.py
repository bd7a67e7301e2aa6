"""Mails about the events of a login. They contain nothing that another person has entered."""

from dataclasses import dataclass
from datetime import datetime

from auth_service.mail.mail_logic import Writer
from auth_service.mail.mail_models import OutgoingMail
from auth_service.mail.mail_schemas import Letter

EVENTS = {
    "new_device": (
        "A login from a new device",
        "Your login {username} was used on {minute} from a device that we have not seen before: {device}, "
        "from the address {ip}.",
    ),
    "second_factor_changed": (
        "Your second factor was changed",
        "On {minute}, {what} for your login {username}, from the address {ip}.",
    ),
    "recovery_code_used": (
        "A recovery code was used",
        "A recovery code of your login {username} was used on {minute}, from the address {ip}. Codes left: {left}.",
    ),
    "password_changed": (
        "Your password was changed",
        "The password of your login {username} was changed on {minute}, from the address {ip}. "
        "Everywhere else you are logged out.",
    ),
}
"""The subject and the first paragraph of mails about logins. The facts of the mail fill in the names in braces."""


@dataclass(frozen=True)
class Letters:
    """Writes letters that link to `url`, the bank's public address; `contact` is a sentence on how to reach it."""

    url: str
    contact: str

    @property
    def writers(self) -> dict[str, Writer]:
        """The function that writes each kind of mail."""
        return {
            **dict.fromkeys(EVENTS, self.login_event),
            "case_answered": self.case_answered,
            "contact_corrected": self.contact_corrected,
            "export_ready": self.export_ready,
        }

    def login_event(self, mail: OutgoingMail) -> Letter:
        """Describe what happened to a login, and what to do if somebody else did it."""
        subject, event = EVENTS[mail.kind]
        return Letter(
            subject,
            (
                event.format(**mail.facts, minute=minute_of(mail.facts["at"])),
                "If it was you, there is nothing to do.",
                f"If it was not you, set a new password right away at {self.url}/forgot-password. That logs everybody "
                f"out. And tell us about it. {self.contact}",
            ),
        )

    def export_ready(self, mail: OutgoingMail) -> Letter:
        """Notify a user that a ZIP with statements is ready."""
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

    def case_answered(self, mail: OutgoingMail) -> Letter:
        """Notify a customer of a message of the bank. The mail does not contain the message."""
        return Letter(
            "You have a message from the bank",
            (
                f"On {minute_of(mail.facts['at'])} we wrote to you. To read it, log in as {mail.facts['username']} at "
                f"{self.url}/login and open Messages.",
                "We never ask for your password or for a code, neither by mail nor in a message.",
            ),
        )

    def contact_corrected(self, mail: OutgoingMail) -> Letter:
        """Notify a customer that staff corrected the name or the phone number. The mail contains neither."""
        return Letter(
            "Your contact data were corrected",
            (
                f"On {minute_of(mail.facts['at'])} our staff corrected {mail.facts['what']} for your login "
                f"{mail.facts['username']}. You see it in your profile.",
                f"If you did not ask for it, tell us. {self.contact}",
            ),
        )


def minute_of(instant: str) -> str:
    """Format an instant of ISO 8601 in UTC for people: "28 November 2026 at 09:05 UTC"."""
    moment = datetime.fromisoformat(instant)
    return f"{moment.day} {moment:%B %Y} at {moment:%H:%M} UTC"
