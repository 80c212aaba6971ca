"""Proofs kept from the application's role too: an account that was active is not deleted, a line bears its text's own hash."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    # The ledger goes with its account: only a sign-up that was never active may go, and an account never waits again.
    op.execute(
        """
        create function garder_compte() returns trigger language plpgsql as $$
        begin
          raise insufficient_privilege using message = 'an account that was active keeps its ledger';
        end
        $$
        """
    )
    op.execute(
        """
        create trigger ineffacable before delete on comptes for each row when (old.etat <> 'en_attente')
        execute function garder_compte()
        """
    )
    op.execute(
        """
        create trigger sans_retour before update of etat on comptes for each row
        when (old.etat <> 'en_attente' and new.etat = 'en_attente') execute function garder_compte()
        """
    )
    op.execute("alter table documents_juridiques add constraint documents_par_sha256 unique (code, version, sha256)")
    op.execute(
        """
        alter table actes_juridiques
          drop constraint actes_juridiques_document_code_document_version_fkey,
          add constraint actes_document foreign key (document_code, document_version, document_sha256)
            references documents_juridiques (code, version, sha256)
        """
    )


def downgrade() -> None:
    op.execute(
        """
        alter table actes_juridiques
          drop constraint actes_document,
          add constraint actes_juridiques_document_code_document_version_fkey
            foreign key (document_code, document_version) references documents_juridiques
        """
    )
    op.execute("alter table documents_juridiques drop constraint documents_par_sha256")
    op.execute("drop trigger sans_retour on comptes")
    op.execute("drop trigger ineffacable on comptes")
    op.execute("drop function garder_compte()")
