"""The language each legal text is written in: what the ledger says was presented, whatever the account's own language."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute(
        """
        alter table documents_juridiques
          add column langue text not null default 'fr' constraint documents_langue_connue check (langue in ('fr', 'en'))
        """
    )


def downgrade() -> None:
    op.execute("alter table documents_juridiques drop column langue")
