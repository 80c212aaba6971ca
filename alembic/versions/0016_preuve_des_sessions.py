"""What proves a session: the identity that opened it, and the moment its provider tells, when it tells one."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    # Of an account, one identity among several can be named, hence detached.
    op.execute("alter table identites_federees add column id uuid not null default gen_random_uuid() unique")
    op.execute("alter table sessions add column identite_id uuid, alter column authentifiee_le drop not null")


def downgrade() -> None:
    op.execute("update sessions set authentifiee_le = '-infinity' where authentifiee_le is null")
    op.execute("alter table sessions alter column authentifiee_le set not null, drop column identite_id")
    op.execute("alter table identites_federees drop column id")
