"""A page of an account's ledger is read in its order, however long the ledger."""

from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    # One index for another: nothing looks for the last line of an object any more.
    op.execute("create index actes_par_compte on actes_juridiques (compte_id, id desc)")
    op.execute("drop index actes_derniers")


def downgrade() -> None:
    op.execute("create index actes_derniers on actes_juridiques (compte_id, objet, id desc)")
    op.execute("drop index actes_par_compte")
