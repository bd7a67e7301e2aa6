"""Count passkeys as second factors."""

import sqlalchemy as sa
from alembic import op

revision = "auth_0016"
down_revision = "auth_0015"


def upgrade() -> None:
    """Keep with an authenticator app whether it counts; `mfa_enabled` now means a second factor of any kind."""
    op.add_column("authenticator", sa.Column("is_enabled", sa.Boolean(), server_default=sa.false(), nullable=False))
    user = sa.table("user", sa.column("id"), sa.column("mfa_enabled"))
    authenticator = sa.table("authenticator", sa.column("user_id"), sa.column("is_enabled"))
    passkey = sa.table("passkey", sa.column("user_id"))
    with_app = sa.select(user.c.id).where(user.c.mfa_enabled == sa.true())
    op.execute(authenticator.update().where(authenticator.c.user_id.in_(with_app)).values(is_enabled=sa.true()))
    with_passkey = sa.select(passkey.c.user_id)
    op.execute(user.update().where(user.c.id.in_(with_passkey)).values(mfa_enabled=sa.true()))
