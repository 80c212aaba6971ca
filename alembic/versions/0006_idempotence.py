"""Idempotency keys: a reservation, then the answer to replay."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """
        create table idempotence (
          cle bytea primary key,
          empreinte bytea not null,
          prise uuid not null,
          statut integer,
          corps jsonb,
          compte_id uuid references comptes on delete cascade,
          expire_le timestamptz not null
        )
        """
    )
    op.execute("create index idempotence_perimee on idempotence (expire_le)")
    op.execute("create index idempotence_par_compte on idempotence (compte_id)")


def downgrade() -> None:
    op.execute("drop table idempotence")
