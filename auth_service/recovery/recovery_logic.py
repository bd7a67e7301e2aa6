"""Links that are sent by mail: each is good once, for one purpose, for a limited time, and stored only as a digest.

A link is made when its mail is sent, so asking for one takes the same time whether the address is known or not, and
retrying a mail makes another link. Several links may be good at a time; using one deletes the others.
"""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta

from auth_service import auth_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import MailLink, User
from auth_service.mail.mail_logic import Writer
from auth_service.mail.mail_models import OutgoingMail
from auth_service.mail.mail_schemas import Letter
from auth_service.recovery.recovery_schemas import PasswordReset, Purpose
from shared.core import clock, periods
from shared.core.errors import Refused
from shared.db.outages import rerun_when_aborted
from shared.http import origins

LIFETIMES: dict[Purpose, timedelta] = {"password_reset": timedelta(minutes=30)}
MOST_LINKS = 3
_log = logging.getLogger(__name__)


class InvalidLink(Refused):
    """400: the link was used, has expired, was replaced by a change of the login, or never existed."""

    code = "INVALID_LINK"
    message = "This link can't be used any more. Ask for a new one."


@dataclass(frozen=True)
class Recovery:
    """The tools of the rules, and the public address of the bank for links."""

    tools: Tools
    url: str

    @property
    def writers(self) -> dict[str, Writer]:
        """The function that writes each kind of mail with a link."""
        return {"password_reset": self._write_password_reset}

    def _write_password_reset(self, mail: OutgoingMail) -> Letter | None:
        """Write the letter with a link for a new password; None when nobody who may log in has that address.

        MOST_LINKS limits how often somebody else can have a person written to.
        """
        user = self.tools.users.find_by_email(mail.recipient)
        if user is None or user.status != "active":
            return None
        token = _make_link(self.tools, user, "password_reset")
        if token is None:
            return None
        return Letter(
            "Set a new password",
            (
                f"Somebody asked for a new password for your login {user.username}.",
                "The link is good for 30 minutes, and works once. It ends all sessions of yours.",
                "If it was not you, there is nothing to do: your password stays as it is.",
            ),
            f"{self.url}/reset-password?token={token}",
            "Set a new password",
            user.email,
        )


def ask_for_reset(tools: Tools, email: str) -> None:
    """Queue the mail with a link for a new password. Nobody can tell from it whether the address is known."""
    with tools.transaction():
        tools.mails.add_mail("password_reset", email)
    _log.info("password reset asked for")


def check(tools: Tools, purpose: Purpose, token: str) -> MailLink:
    """Return the link with this token. Raises InvalidLink when it can't be used."""
    link = tools.links.find_link(_digest(token), purpose, clock.now())
    user = tools.users.find_user(link.user_id) if link else None
    if link is None or user is None or not _is_good(link, user):
        raise InvalidLink
    return link


def reset_password(tools: Tools, reset: PasswordReset) -> None:
    """Set a new password by a link, and end all sessions of its owner. Raises InvalidLink, InvalidRequest.

    A password that is refused leaves the link good. The link also proves that its owner reads the mail of that address,
    and ends a lockout.
    """
    link = tools.links.find_link(_digest(reset.token), "password_reset", clock.now())
    user = tools.users.find_user(link.user_id) if link else None
    if link is None or user is None or not _is_good(link, user):
        audit_logic.record(tools.audit, "password.reset", subject=user, outcome="refused", details={"reason": "link"})
        raise InvalidLink
    auth_logic.require_uncommon("new_password", reset.new_password, user.username, user.email)
    password_hash = tools.hash(reset.new_password)
    _set_password(tools, reset.token, password_hash)
    _log.info("password reset", extra={"user_id": str(user.id), "ip": origins.current().address})


def clean_up(tools: Tools) -> None:
    """Delete links that have expired."""
    with tools.transaction():
        tools.links.delete_expired(clock.now())


@rerun_when_aborted
def _set_password(tools: Tools, token: str, password_hash: str) -> None:
    now = clock.now()
    with tools.transaction():
        link = tools.links.find_link_to_change(_digest(token), "password_reset", now)
        user = tools.users.find_user_to_change(link.user_id) if link else None
        if link is None or user is None or not _is_good(link, user):
            raise InvalidLink  # it was used while the new password was hashed
        user.password_hash = password_hash
        tools.links.delete_links(user.id, "password_reset")
        tools.sessions.end_sessions(user.id, now)
        auth_logic.clear_failures(tools, user.username)
        facts = {"username": user.username, "at": periods.to_text(now), "ip": origins.current().address}
        tools.mails.add_mail("password_changed", user.email, **facts)
        audit_logic.record(tools.audit, "password.reset", actor=user, subject=user)


@rerun_when_aborted
def _make_link(tools: Tools, user: User, purpose: Purpose) -> str | None:
    """Store a new link and return its token; None when MOST_LINKS are good already."""
    token, now = secrets.token_urlsafe(32), clock.now()
    with tools.transaction():
        if tools.links.count_links(user.id, purpose, now) >= MOST_LINKS:
            return None
        link = MailLink(
            digest=_digest(token),
            purpose=purpose,
            user_id=user.id,
            email=user.email,
            bound_to=_bound_to(purpose, user),
            expires_at=now + LIFETIMES[purpose],
        )
        tools.links.add_link(link)
    return token


def _is_good(link: MailLink, user: User) -> bool:
    """Return whether the user may use the link, and nothing that it depends on has changed since it was made."""
    return user.status == "active" and link.bound_to == _bound_to(link.purpose, user)


def _bound_to(purpose: str, user: User) -> str:
    """Return a digest of what has to stay the same: a link for a new password ends with any change of the login."""
    return _digest(f"{purpose} {user.email} {user.password_hash}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
