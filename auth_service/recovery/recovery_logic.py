"""Links that are sent by mail: each is good once, for one purpose, for a limited time, and stored only as a digest.

A link is made when its mail is sent, so asking for one takes the same time whether the address is known or not, and
retrying a mail makes another link. Several links may be good at a time; using one deletes the others.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from auth_service import auth_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.auth_models import MailLink, User
from auth_service.mail.mail_logic import Renderer
from auth_service.mail.mail_models import OutgoingMail
from auth_service.mail.mail_schemas import MailContent
from auth_service.mail.template_logic import MailTemplates
from auth_service.recovery.recovery_schemas import PasswordReset, Purpose
from auth_service.user_logic import EmailTaken
from shared.core import clock
from shared.core.errors import Refused
from shared.db.outages import rerun_when_aborted
from shared.http import origins
from shared.web.access import Caller

LIFETIMES: dict[Purpose, timedelta] = {
    "email_check": timedelta(days=3),
    "email_undo": timedelta(days=7),
    "password_reset": timedelta(minutes=30),
}
MAX_LINKS = 3


class InvalidLink(Refused):
    """400: the link was used, has expired, was replaced by a change of the login, or never existed."""

    code = "INVALID_LINK"
    message = "This link can't be used any more. Ask for a new one."


@dataclass(frozen=True)
class Recovery:
    """Renders the mails with a link, which is made when the mail is sent."""

    tools: Tools
    templates: MailTemplates

    @property
    def renderers(self) -> dict[str, Renderer]:
        """The function that renders each kind of mail with a link."""
        return {
            "email_changed": self._render_email_changed,
            "email_check": self._render_email_check,
            "password_reset": self._render_password_reset,
        }

    def _render_email_check(self, mail: OutgoingMail) -> MailContent | None:
        """Render the mail that asks to verify an address; None when no user has it unverified any more.

        The address may be somebody else's, so the mail repeats nothing that was entered.
        """
        user = self.tools.users.find_by_email(mail.recipient)
        return None if user is None or user.email_verified_at else self._render(mail, user, "email_check")

    def _render_email_changed(self, mail: OutgoingMail) -> MailContent | None:
        """Render the mail to a replaced address, with the link that undoes the change."""
        user = self.tools.users.find_user(UUID(mail.facts["user_id"]))
        if user is None or user.email == mail.recipient:
            return None
        return self._render(mail, user, "email_undo", mail.recipient)

    def _render_password_reset(self, mail: OutgoingMail) -> MailContent | None:
        """Render the mail with a link for a new password; None when nobody who may log in has that address.

        MAX_LINKS limits how many mails another person can cause.
        """
        user = self.tools.users.find_by_email(mail.recipient)
        if user is None or user.status != "active":
            return None
        content = self._render(mail, user, "password_reset")
        return content and replace(content, recipient=user.email)

    def _render(self, mail: OutgoingMail, user: User, purpose: Purpose, email: str | None = None) -> MailContent | None:
        token = _make_link(self.tools, user, purpose, email)
        return self.templates.render(mail, username=user.username, token=token) if token else None


def ask_for_reset(tools: Tools, email: str) -> None:
    """Queue the mail with a link for a new password. Nobody can tell from it whether the address is known."""
    with tools.transaction():
        tools.mails.add_mail("password_reset", email)


def check(tools: Tools, purpose: Purpose, token: str) -> MailLink:
    """Return the link with this token. Raises InvalidLink when it can't be used."""
    link, user = _find(tools, purpose, token)
    return _require_good(link, user)[0]


def reset_password(tools: Tools, reset: PasswordReset) -> None:
    """Set a new password by a link, and end all sessions of its owner. Raises InvalidLink, InvalidRequest.

    A password that is refused leaves the link good. The link also proves that its owner reads the mail of that address,
    and ends a lockout.
    """
    user = _owner_of(tools, "password_reset", reset.token)
    auth_logic.require_uncommon("new_password", reset.new_password, user.username, user.email)
    password_hash = tools.hash(reset.new_password)
    _set_password(tools, reset.token, password_hash)


def ask_for_check(tools: Tools, caller: Caller) -> None:
    """Queue the mail that asks to verify the caller's address once more. MAX_LINKS limits how often it is sent."""
    with tools.transaction():
        user = tools.users.find_user(caller.user_id)
        if user and user.email_verified_at is None:
            tools.mails.add_mail("email_check", user.email)


@rerun_when_aborted
def verify_email(tools: Tools, token: str) -> None:
    """Mark the e-mail address of a user as verified, by a link. Raises InvalidLink."""
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
    _owner_of(tools, "email_undo", token)
    useless = tools.hash(secrets.token_urlsafe(32))
    _restore_email(tools, token, useless)


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
        auth_logic.notify(tools, user, "password_changed", ip=origins.current().address)
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
    link, user = _find(tools, purpose, token)
    try:
        return _require_good(link, user)[1]
    except InvalidLink:
        audit_logic.record(tools.audit, "link", subject=user, outcome="refused", details={"purpose": purpose})
        raise


def _find(tools: Tools, purpose: Purpose, token: str) -> tuple[MailLink | None, User | None]:
    link = tools.links.find_link(_digest(token), purpose, clock.now())
    return link, tools.users.find_user(link.user_id) if link else None


def _use(tools: Tools, purpose: Purpose, token: str) -> tuple[MailLink, User]:
    """Lock and return a good link and its user. Call it inside a transaction. Raises InvalidLink."""
    link = tools.links.find_link_to_change(_digest(token), purpose, clock.now())
    user = tools.users.find_user_to_change(link.user_id) if link else None
    return _require_good(link, user)


@rerun_when_aborted
def _make_link(tools: Tools, user: User, purpose: Purpose, email: str | None = None) -> str | None:
    """Store a new link and return its token; None when MAX_LINKS are good already."""
    token, now = secrets.token_urlsafe(32), clock.now()
    with tools.transaction():
        if tools.links.count_links(user.id, purpose, now) >= MAX_LINKS:
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


def _require_good(link: MailLink | None, user: User | None) -> tuple[MailLink, User]:
    """Return both. Raises InvalidLink when the user may not use the link, or what it depends on has changed."""
    if link is None or user is None or user.status != "active" or link.bound_to != _bound_to(link.purpose, user):
        raise InvalidLink
    return link, user


def _bound_to(purpose: str, user: User) -> str:
    """Return a digest of what has to stay the same.

    A link for a new password ends with any change of the login, one that verifies an address with its change, and one
    that undoes a change with nothing, since somebody else may have changed everything.
    """
    bound = {"password_reset": f"{user.email} {user.password_hash}", "email_check": user.email, "email_undo": ""}
    return _digest(f"{purpose} {bound[purpose]}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
