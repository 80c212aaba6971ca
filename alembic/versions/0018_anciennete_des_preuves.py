"""A way back remembers since when its destination was proven: the oldest proof has the last word."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("alter table jetons add column prouve_le timestamptz")


def downgrade() -> None:
    op.execute("alter table jetons drop column prouve_le")
