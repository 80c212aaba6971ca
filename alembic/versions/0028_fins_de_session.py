"""A session goes so long after its end: when it was ended or left to expire, not the day it could have lasted until."""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.execute("create index sessions_finies on sessions (least(terminee_le, expire_le))")
    op.execute("drop index sessions_perimees")


def downgrade() -> None:
    op.execute("create index sessions_perimees on sessions (fin_le)")
    op.execute("drop index sessions_finies")
