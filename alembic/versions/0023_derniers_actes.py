"""What an account last said of each object of the ledger is found in as many probes as objects, however long its ledger."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    # One index for another: it begins by the account too.
    op.execute("create index actes_derniers on actes_juridiques (compte_id, objet, id desc)")
    op.execute("drop index actes_par_compte")


def downgrade() -> None:
    op.execute("create index actes_par_compte on actes_juridiques (compte_id)")
    op.execute("drop index actes_derniers")
