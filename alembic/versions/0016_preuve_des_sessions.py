"""Which identity opened a session; and each identity has an id."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    # Of an account, one identity among several can be named, hence detached.
    op.execute("alter table identites_federees add column id uuid not null default gen_random_uuid() unique")
    op.execute("alter table sessions add column identite_id uuid")


def downgrade() -> None:
    op.execute("alter table sessions drop column identite_id")
    op.execute("alter table identites_federees drop column id")
