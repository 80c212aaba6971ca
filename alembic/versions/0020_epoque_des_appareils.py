"""The devices an account knows are those of its password: another password, other devices."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute("alter table comptes add column epoque integer not null default 0")


def downgrade() -> None:
    op.execute("alter table comptes drop column epoque")
