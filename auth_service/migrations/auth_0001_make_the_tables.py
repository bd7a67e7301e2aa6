"""Make the tables: people, logins, refresh tokens, the feed of ended sessions, lockouts.

Each is made where it is missing, so that a database from before the revisions is taken over as it is.
"""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "auth_0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _ended_session()
    _lockout()
    _user()
    _login_session()
    _refresh_token()


def _ended_session() -> None:
    op.create_table(
        "ended_session",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    op.create_index("ix_ended_session_ended_at", "ended_session", ["ended_at"], if_not_exists=True)


def _lockout() -> None:
    op.create_table(
        "lockout",
        sa.Column("name_digest", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", UtcDateTime(), nullable=False),
        sa.Column("locked_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name_digest"),
        if_not_exists=True,
    )
    op.create_index("ix_lockout_failed_at", "lockout", ["failed_at"], if_not_exists=True)


def _user() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(length=50), nullable=False),
        sa.Column("email", sa.String(length=100), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("full_name", sa.String(length=100), nullable=True),
        sa.Column("phone", sa.String(length=30), nullable=True),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("role IN ('customer', 'employee', 'admin')", name="known_role"),
        sa.CheckConstraint("status IN ('active', 'disabled')", name="known_status"),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("user_by_username", "user", [sa.text("lower(username)")], unique=True, if_not_exists=True)
    op.create_index("user_by_email", "user", [sa.text("lower(email)")], unique=True, if_not_exists=True)
    op.create_index("user_by_age", "user", ["created_at", "id"], if_not_exists=True)


def _login_session() -> None:
    op.create_table(
        "login_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_login_session_expires_at", "login_session", ["expires_at"], if_not_exists=True)
    op.create_index("login_session_by_user", "login_session", ["user_id", "created_at", "id"], if_not_exists=True)


def _refresh_token() -> None:
    op.create_table(
        "refresh_token",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["login_session.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest"),
        if_not_exists=True,
    )
    op.create_index("ix_refresh_token_session_id", "refresh_token", ["session_id"], if_not_exists=True)
