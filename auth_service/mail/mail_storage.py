"""Queries on the mails that wait to be sent."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from auth_service.mail.mail_models import OutgoingMail
from shared.db.database import Storage


class MailStorage(Storage):
    """Queries on the queue of mails."""

    def add_mail(self, kind: str, recipient: str, **facts: str) -> None:
        """Queue a mail of this kind; `facts` are what its text tells. It is sent after the commit."""
        self.insert(OutgoingMail(kind=kind, recipient=recipient, facts=facts))

    def has_due(self, now: datetime) -> bool:
        """Return whether a mail is to be sent by now."""
        return self._session.scalar(select(OutgoingMail.id).where(OutgoingMail.due_at <= now).limit(1)) is not None

    def find_due_to_change(self, now: datetime) -> OutgoingMail | None:
        """Return the mail that was due first and that no other process has locked, locked until the end."""
        query = select(OutgoingMail).where(OutgoingMail.due_at <= now).order_by(OutgoingMail.due_at).limit(1)
        return self._session.scalar(query.with_for_update(skip_locked=True))

    def delete_mail(self, mail_id: UUID) -> None:
        """Take a mail out of the queue."""
        self._session.execute(delete(OutgoingMail).where(OutgoingMail.id == mail_id))
