"""Erasing an account: one function, one transaction, and what is left of it."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    # The tombstone keeps the ledger, whose lines hold no identity, and the digest of the name. Everything else goes.
    op.execute(
        """
        create function effacer_compte(p_id uuid, p_quarantaine interval) returns boolean language plpgsql as $$
        declare
          v_identifiant text;
        begin
          select identifiant into v_identifiant from comptes where id = p_id and etat in ('actif', 'suspendu') for update;
          if not found then
            return false;
          end if;
          delete from recuperations r where r.saisie = v_identifiant
             or r.saisie in (select lower(valeur collate "C") from contacts where compte_id = p_id and nature = 'email');
          delete from sessions where compte_id = p_id;
          delete from outbox where compte_id = p_id;
          delete from jetons where compte_id = p_id;
          delete from contacts where compte_id = p_id;
          delete from activites where compte_id = p_id;
          delete from idempotence where compte_id = p_id;
          update comptes
             set etat = 'efface', identifiant = 'efface-' || replace(p_id::text, '-', ''),
                 profil = jsonb_build_object('type', type), provenances = '{}', empreinte_mdp = null,
                 vu_le = null, averti_le = null, modifie_le = null, effacement_le = null, efface_le = horloge()
           where id = p_id;
          insert into identifiants_retires (empreinte, compte_id, libere_le)
          values (empreinte_identifiant(v_identifiant), p_id, horloge() + p_quarantaine)
          on conflict (empreinte) do update set compte_id = excluded.compte_id, libere_le = excluded.libere_le;
          return true;
        end
        $$
        """
    )


def downgrade() -> None:
    op.execute("drop function effacer_compte(uuid, interval)")
