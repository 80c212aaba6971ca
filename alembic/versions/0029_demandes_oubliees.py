"""What nobody took care of in a day is found by its date: the one rule of retention that had no index."""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.execute("create index recuperations_oubliees on recuperations (cree_le)")


def downgrade() -> None:
    op.execute("drop index recuperations_oubliees")
