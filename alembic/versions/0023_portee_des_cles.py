"""An idempotency key belongs to who asks; a request, by its key and body, is itself from wherever it comes."""

from alembic import op

revision = "0023"
down_revision = "0014"


def upgrade() -> None:
    # The former code, beside for a while, knows nothing of `demande` and still writes `empreinte`.
    op.execute("alter table idempotence add column demande bytea unique, alter column empreinte drop not null")


def downgrade() -> None:
    op.execute("delete from idempotence where empreinte is null")
    op.execute("alter table idempotence drop column demande, alter column empreinte set not null")
