"""The texts of all mails. They contain nothing that another person has entered."""

from dataclasses import dataclass
from datetime import datetime

from auth_service.mail.mail_logic import Renderer
from auth_service.mail.mail_models import OutgoingMail
from auth_service.mail.mail_schemas import MailContent

_IF_NOT_YOU = (
    "If it was you, there is nothing to do.",
    "If it was not you, set a new password right away at {url}/forgot-password. That logs everybody out. And tell us "
    "about it. {contact}",
)
TEMPLATES = {
    "new_device": MailContent(
        "A login from a new device",
        (
            "Your login {username} was used on {minute} from a device that we have not seen before: {device}, "
            "from the address {ip}.",
            *_IF_NOT_YOU,
        ),
    ),
    "second_factor_changed": MailContent(
        "Your second factor was changed",
        ("On {minute}, {what} for your login {username}, from the address {ip}.", *_IF_NOT_YOU),
    ),
    "recovery_code_used": MailContent(
        "A recovery code was used",
        (
            "A recovery code of your login {username} was used on {minute}, from the address {ip}. Codes left: {left}.",
            *_IF_NOT_YOU,
        ),
    ),
    "password_changed": MailContent(
        "Your password was changed",
        (
            "The password of your login {username} was changed on {minute}, from the address {ip}. "
            "You are logged out everywhere else.",
            *_IF_NOT_YOU,
        ),
    ),
    "contact_corrected": MailContent(
        "Your contact data were corrected",
        (
            "On {minute} our staff corrected {what} for your login {username}. You see it in your profile.",
            "If you did not ask for it, tell us. {contact}",
        ),
    ),
    "case_answered": MailContent(
        "You have a message from the bank",
        (
            "On {minute} we wrote to you. To read it, log in as {username} at {url}/login and open Messages.",
            "We never ask for your password or for a code, neither by mail nor in a message.",
        ),
    ),
    "export_ready": MailContent(
        "Your statements of {year} are ready",
        (
            "The statements of {year} that you asked for are ready. You can download them for a week.",
            "The link leads to the page with your downloads, where you may have to log in.",
        ),
        "{url}/reports/exports",
        "See the statements",
    ),
    "email_check": MailContent(
        "Please verify your e-mail address",
        (
            "This address was given to us as that of a customer. Please tell us that it is yours.",
            "The link is good for three days. By this address you get back in when you forget your password.",
            "If you have not given us this address, somebody has mistyped theirs: do not use the link.",
        ),
        "{url}/verify-email?token={token}",
        "Verify this address",
    ),
    "email_changed": MailContent(
        "Your e-mail address was changed",
        (
            "The e-mail address of your login {username} was changed on {minute}. If it was you, there is nothing to "
            "do.",
            "If it was not you, use the link within seven days. It brings this address back, logs everybody out, "
            "and makes the present password useless; we send you a link to set a new one.",
        ),
        "{url}/undo-email-change?token={token}",
        "It was not me: undo the change",
    ),
    "password_reset": MailContent(
        "Set a new password",
        (
            "Somebody asked for a new password for your login {username}.",
            "The link is good for 30 minutes, and works once. It ends all sessions of yours.",
            "If it was not you, there is nothing to do: your password stays as it is.",
        ),
        "{url}/reset-password?token={token}",
        "Set a new password",
    ),
}
"""The text of each kind of mail. The facts of the mail, and what `MailTemplates` adds, fill in the names in braces."""


@dataclass(frozen=True)
class MailTemplates:
    """Renders mails. Links begin with `url`, the bank's public address; `contact` is a sentence on how to reach it."""

    url: str
    contact: str

    @property
    def renderers(self) -> dict[str, Renderer]:
        """The function that renders each kind of mail."""
        return dict.fromkeys(TEMPLATES, self.render)

    def render(self, mail: OutgoingMail, **more: str) -> MailContent:
        """Render a mail with its facts and `more`."""
        template = TEMPLATES[mail.kind]
        facts = {**mail.facts, **more, "url": self.url, "contact": self.contact}
        if "at" in facts:
            facts["minute"] = _minute_of(facts["at"])
        paragraphs = tuple(paragraph.format_map(facts) for paragraph in template.paragraphs)
        link = template.link.format_map(facts)
        return MailContent(template.subject.format_map(facts), paragraphs, link, template.link_text)


def _minute_of(instant: str) -> str:
    """Format an instant of ISO 8601 in UTC for people: "28 November 2026 at 09:05 UTC"."""
    moment = datetime.fromisoformat(instant)
    return f"{moment.day} {moment:%B %Y} at {moment:%H:%M} UTC"
