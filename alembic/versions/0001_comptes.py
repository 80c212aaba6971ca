"""Accounts, their contacts, and the next free homonym."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    # Every lifetime goes by this clock: one for all processes, and the only one a test has to move.
    op.execute("create function horloge() returns timestamptz language sql volatile as 'select clock_timestamp()'")
    op.execute(
        """
        create table comptes (
          id uuid primary key,
          identifiant text collate "C" not null constraint comptes_identifiant_unique unique
            constraint comptes_identifiant_canonique
            check (length(identifiant) between 3 and 64 and identifiant ~ '^[a-z0-9]+([._-][a-z0-9]+)*$'),
          etat text not null default 'en_attente'
            constraint comptes_etat_connu check (etat in ('en_attente', 'actif', 'suspendu', 'efface')),
          profil jsonb not null,
          type text not null generated always as (profil ->> 'type') stored
            constraint comptes_type_connu check (type in ('citoyen', 'entreprise', 'association')),
          empreinte_mdp text,
          langue text not null constraint comptes_langue_connue check (langue in ('fr', 'en')),
          cree_le timestamptz not null default horloge(),
          expire_le timestamptz not null,
          active_le timestamptz,
          constraint comptes_actif_date check (etat = 'en_attente' or active_le is not null)
        )
        """
    )
    op.execute("create index comptes_abandonnes on comptes (expire_le) where etat = 'en_attente'")
    op.execute(
        """
        create table contacts (
          compte_id uuid not null references comptes on delete cascade,
          nature text not null
            constraint contacts_nature_connue check (nature in ('email', 'telephone_mobile', 'telephone_fixe')),
          valeur text not null constraint contacts_valeur_bornee check (length(valeur) between 3 and 254),
          recoit_sms boolean not null default false,
          verifie_le timestamptz,
          primary key (compte_id, nature),
          constraint contacts_sms_mobile check (not recoit_sms or nature = 'telephone_mobile')
        )
        """
    )
    # Doubling then halving finds a free number in a few index probes, whatever the number of homonyms; names chosen far ahead
    # ("jean.martin999999") do not drag the series along, and gaps left by abandoned sign-ups are used again.
    op.execute(
        """
        create function premier_libre(p_base text) returns text language plpgsql stable as $$
        declare
          v_pris bigint := 1;
          v_libre bigint := 2;
          v_milieu bigint;
        begin
          if not exists (select from comptes where identifiant = p_base) then
            return p_base;
          end if;
          while exists (select from comptes where identifiant = p_base || v_libre) loop
            v_pris := v_libre;
            v_libre := v_libre * 2;
          end loop;
          while v_libre - v_pris > 1 loop
            v_milieu := (v_pris + v_libre) / 2;
            if exists (select from comptes where identifiant = p_base || v_milieu) then
              v_pris := v_milieu;
            else
              v_libre := v_milieu;
            end if;
          end loop;
          return p_base || v_libre;
        end
        $$
        """
    )


def downgrade() -> None:
    op.execute("drop function premier_libre(text)")
    op.execute("drop table contacts")
    op.execute("drop table comptes")
    op.execute("drop function horloge()")
