"""Every session of an account is found by it, ended ones too: what takes an account away looks for them all."""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    # One index for another: it lists the live ones as well.
    op.execute("create index sessions_par_compte on sessions (compte_id, ouverte_le desc)")
    op.execute("drop index sessions_vivantes")


def downgrade() -> None:
    op.execute("create index sessions_vivantes on sessions (compte_id, ouverte_le desc) where terminee_le is null")
    op.execute("drop index sessions_par_compte")
