"""Links that are sent by mail: each is good once, for one purpose, for a limited time, and stored only as a digest.

A link is made when its mail is sent, so asking for one takes the same time whether the address is known or not, and
retrying a mail makes another link. Several links may be good at a time; using one deletes the others.
"""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from auth_service import auth_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import MailLink, User
from auth_service.mail.letter_logic import minute_of
from auth_service.mail.mail_logic import Writer
from auth_service.mail.mail_models import OutgoingMail
from auth_service.mail.mail_schemas import Letter
from auth_service.recovery.recovery_schemas import PasswordReset, Purpose
from auth_service.user_logic import EmailTaken
from shared.core import clock, periods
from shared.core.errors import Refused
from shared.db.outages import rerun_when_aborted
from shared.http import origins
from shared.web.access import Caller

LIFETIMES: dict[Purpose, timedelta] = {
    "email_check": timedelta(days=3),
    "email_undo": timedelta(days=7),
    "password_reset": timedelta(minutes=30),
}
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
        return {
            "email_changed": self._write_email_changed,
            "email_check": self._write_email_check,
            "password_reset": self._write_password_reset,
        }

    def _write_email_check(self, mail: OutgoingMail) -> Letter | None:
        """Write the letter that asks to verify an address; None when no user has it unverified any more.

        The letter goes to an address that may be somebody else's, so it repeats nothing that was entered.
        """
        user = self.tools.users.find_by_email(mail.recipient)
        if user is None or user.email_verified_at:
            return None
        token = _make_link(self.tools, user, "email_check")
        if token is None:
            return None
        return Letter(
            "Please verify your e-mail address",
            (
                "This address was given to us as that of a customer. Please tell us that it is yours.",
                "The link is good for three days. By this address you get back in when you forget your password.",
                "If you have not given us this address, somebody has mistyped theirs: do not use the link.",
            ),
            f"{self.url}/verify-email?token={token}",
            "Verify this address",
        )

    def _write_email_changed(self, mail: OutgoingMail) -> Letter | None:
        """Write the letter to a replaced address, with the link that returns to it."""
        user = self.tools.users.find_user(UUID(mail.facts["user_id"]))
        if user is None or user.email == mail.recipient:
            return None
        token = _make_link(self.tools, user, "email_undo", mail.recipient)
        if token is None:
            return None
        return Letter(
            "Your e-mail address was changed",
            (
                f"The e-mail address of your login {user.username} was changed on "
                f"{minute_of(mail.facts['at'])}. If it was you, there is nothing to do.",
                "If it was not you, use the link within seven days. It brings this address back, logs everybody out, "
                "and makes the present password useless; we send you a link to set a new one.",
            ),
            f"{self.url}/undo-email-change?token={token}",
            "It was not me: undo the change",
        )

    def _write_password_reset(self, mail: OutgoingMail) -> Letter | None:
        """Write the letter with a link for a new password; None when nobody who may log in has that address.

        MOST_LINKS limits how many mails another person can cause.
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
    user = _owner_of(tools, "password_reset", reset.token)
    auth_logic.require_uncommon("new_password", reset.new_password, user.username, user.email)
    password_hash = tools.hash(reset.new_password)
    _set_password(tools, reset.token, password_hash)
    _log.info("password reset", extra={"user_id": str(user.id), "ip": origins.current().address})


def ask_for_check(tools: Tools, caller: Caller) -> None:
    """Queue the mail that asks to verify the caller's address once more. MOST_LINKS limits how often it is sent."""
    with tools.transaction():
        user = tools.users.find_user(caller.user_id)
        if user and user.email_verified_at is None:
            tools.mails.add_mail("email_check", user.email)


@rerun_when_aborted
def verify_email(tools: Tools, token: str) -> None:
    """Note that a user reads the mail of their address. Raises InvalidLink."""
    with tools.transaction():
        _link, user = _use(tools, "email_check", token)
        tools.links.delete_links(user.id, "email_check")
        user.email_verified_at = clock.now()
        audit_logic.record(tools.audit, "email.verify", actor=user, subject=user)


def undo_email(tools: Tools, token: str) -> None:
    """Return to the address before a change that somebody else made. Raises InvalidLink, EmailTaken.

    All sessions end and the password becomes useless, since somebody else may know it. The owner gets a link for a new
    one by mail.
    """
    user = _owner_of(tools, "email_undo", token)
    useless = tools.hash(secrets.token_urlsafe(32))
    _restore_email(tools, token, useless)
    _log.warning("change of an e-mail address undone", extra={"user_id": str(user.id)})


def clean_up(tools: Tools) -> None:
    """Delete links that have expired."""
    with tools.transaction():
        tools.links.delete_expired(clock.now())


@rerun_when_aborted
def _set_password(tools: Tools, token: str, password_hash: str) -> None:
    now = clock.now()
    with tools.transaction():
        _link, user = _use(tools, "password_reset", token)
        user.password_hash = password_hash
        user.email_verified_at = user.email_verified_at or now
        tools.links.delete_links(user.id, "password_reset")
        tools.sessions.end_sessions(user.id, now)
        auth_logic.clear_failures(tools, user.username)
        facts = {"username": user.username, "at": periods.to_text(now), "ip": origins.current().address}
        tools.mails.add_mail("password_changed", user.email, **facts)
        audit_logic.record(tools.audit, "password.reset", actor=user, subject=user)


@rerun_when_aborted
def _restore_email(tools: Tools, token: str, password_hash: str) -> None:
    now = clock.now()
    with tools.transaction():
        link, user = _use(tools, "email_undo", token)
        holder = tools.users.find_by_email(link.email)
        if holder is not None and holder.id != user.id:
            raise EmailTaken
        user.email, user.email_verified_at, user.password_hash = link.email, now, password_hash
        tools.links.delete_newer_links(link)
        tools.sessions.end_sessions(user.id, now)
        tools.mails.add_mail("password_reset", user.email)
        audit_logic.record(tools.audit, "email.undo", actor=user, subject=user)


def _owner_of(tools: Tools, purpose: Purpose, token: str) -> User:
    """Return the user whose link this is, without using it. Raises InvalidLink, which is audited."""
    link = tools.links.find_link(_digest(token), purpose, clock.now())
    user = tools.users.find_user(link.user_id) if link else None
    if link is None or user is None or not _is_good(link, user):
        audit_logic.record(tools.audit, "link", subject=user, outcome="refused", details={"purpose": purpose})
        raise InvalidLink
    return user


def _use(tools: Tools, purpose: Purpose, token: str) -> tuple[MailLink, User]:
    """Lock and return a good link and its user. Call it inside a transaction. Raises InvalidLink."""
    link = tools.links.find_link_to_change(_digest(token), purpose, clock.now())
    user = tools.users.find_user_to_change(link.user_id) if link else None
    if link is None or user is None or not _is_good(link, user):
        raise InvalidLink
    return link, user


@rerun_when_aborted
def _make_link(tools: Tools, user: User, purpose: Purpose, email: str | None = None) -> str | None:
    """Store a new link and return its token; None when MOST_LINKS are good already."""
    token, now = secrets.token_urlsafe(32), clock.now()
    with tools.transaction():
        if tools.links.count_links(user.id, purpose, now) >= MOST_LINKS:
            return None
        link = MailLink(
            digest=_digest(token),
            purpose=purpose,
            user_id=user.id,
            email=email or user.email,
            bound_to=_bound_to(purpose, user),
            expires_at=now + LIFETIMES[purpose],
        )
        tools.links.insert(link)
    return token


def _is_good(link: MailLink, user: User) -> bool:
    """Return whether the user may use the link, and nothing that it depends on has changed since it was made."""
    return user.status == "active" and link.bound_to == _bound_to(link.purpose, user)


def _bound_to(purpose: str, user: User) -> str:
    """Return a digest of what has to stay the same.

    A link for a new password ends with any change of the login, one that verifies an address with its change, and one
    that undoes a change with nothing, since somebody else may have changed everything.
    """
    bound = {"password_reset": f"{user.email} {user.password_hash}", "email_check": user.email, "email_undo": ""}
    return _digest(f"{purpose} {bound[purpose]}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
