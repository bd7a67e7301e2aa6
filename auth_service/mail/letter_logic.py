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
        return {"password_changed": self.password_changed}

    def password_changed(self, mail: OutgoingMail) -> Letter:
        """Tell that the password was changed, and what to do if somebody else did so."""
        return Letter(
            "Your password was changed",
            (
                f"The password of your login {mail.facts['username']} was changed on {_minute(mail.facts['at'])}, "
                f"from the address {mail.facts['ip']}. Everywhere else you are logged out.",
                "If it was you, there is nothing to do.",
                f"If it was not you, set a new password right away at {self.url}/forgot-password, "
                f"and tell us about it. {self.contact}",
            ),
        )


def _minute(instant: str) -> str:
    """Format an instant of ISO 8601 in UTC for people: "28 November 2026 at 09:05 UTC"."""
    moment = datetime.fromisoformat(instant)
    return f"{moment.day} {moment:%B %Y} at {moment:%H:%M} UTC"
