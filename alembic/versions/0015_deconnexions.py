"""A session may have gone through several providers: what signing out of each needs."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute(
        """
        create table deconnexions (
          session_id uuid not null references sessions on delete cascade,
          fournisseur text not null
            constraint deconnexions_fournisseur_connu check (fournisseur in ('franceconnect', 'proconnect')),
          jeton_identite bytea not null,
          primary key (session_id, fournisseur)
        )
        """
    )
    op.execute(
        """
        insert into deconnexions select id, fournisseur, jeton_identite from sessions
         where jeton_identite is not null
        """
    )
    # `sessions.fournisseur` and `jeton_identite` stay while the former code, beside for a while, writes them.


def downgrade() -> None:
    # One of them only: the former code has room for no more.
    op.execute(
        """
        update sessions s set fournisseur = d.fournisseur, jeton_identite = d.jeton_identite
          from deconnexions d where d.session_id = s.id
        """
    )
    op.execute("drop table deconnexions")
