"""Tables of the second factor: authenticator apps, recovery codes and passkeys."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.auth_models import Base, EncryptedText
from shared.core.clock import now
from shared.db.columns import UtcDateTime


class EncryptedSecret(EncryptedText):
    """A secret of any length that only this service can read."""

    impl = Text()
    cache_ok = True


class Authenticator(Base):
    """The authenticator app of a user (TOTP, RFC 6238). It is used once `is_enabled`, after a first code.

    `last_step` is the time step of the last accepted code. Codes of this step and of earlier ones are refused.
    """

    __tablename__ = "authenticator"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), primary_key=True)
    secret: Mapped[str] = mapped_column("encrypted_secret", EncryptedSecret("authenticator secrets"))
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    is_enabled: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class RecoveryCode(Base):
    """A recovery code of a user, stored only as its SHA-256. A used one is kept and refused."""

    __tablename__ = "recovery_code"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Passkey(Base):
    """A passkey of a user (Web Authentication, level 3): the public key of a credential on their device."""

    __tablename__ = "passkey"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)
    public_key: Mapped[str] = mapped_column(Text)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SpentChallenge(Base):
    """The SHA-256 of a challenge that was answered, so that no answer counts twice."""

    __tablename__ = "spent_challenge"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    spent_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
