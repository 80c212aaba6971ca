"""What an active account needs: the provenance of its fields, when it was last used, when it is to be erased."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(
        """
        alter table comptes
          add column provenances jsonb not null default '{}',
          add column modifie_le timestamptz,
          add column vu_le date,
          add column averti_le timestamptz,
          add column secret_depense_le timestamptz,
          add column effacement_le timestamptz,
          add column efface_le timestamptz
        """
    )
    # By the day: a sign-in then changes an indexed column once a day at most.
    op.execute("update comptes set vu_le = active_le where active_le is not null")
    op.execute("create index comptes_inactifs on comptes (vu_le) where etat in ('actif', 'suspendu')")
    op.execute("create index comptes_a_effacer on comptes (effacement_le) where effacement_le is not null")
    # Signing in and getting back in by address: few mailboxes tell "Ines@" from "ines@" (ASCII letters alone).
    op.execute(
        """
        create index contacts_courriels_prouves on contacts (lower(valeur collate "C"))
         where nature = 'email' and verifie_le is not null
        """
    )
    op.execute(
        """
        alter table actes_juridiques add column par text not null default 'titulaire'
          constraint actes_auteur_connu check (par in ('titulaire', 'conjoint'))
        """
    )


def downgrade() -> None:
    op.execute("alter table actes_juridiques drop column par")
    op.execute("drop index contacts_courriels_prouves")
    op.execute(
        """
        alter table comptes drop column efface_le, drop column effacement_le, drop column secret_depense_le,
          drop column averti_le, drop column vu_le, drop column modifie_le, drop column provenances
        """
    )
