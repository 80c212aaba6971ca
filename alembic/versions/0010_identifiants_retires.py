"""Quarantine: a name given up, or of an erased account, is nobody else's for a time. Only its digest is kept."""

from alembic import op

revision = "0010"
down_revision = "0009"

_PORTE = "exists (select from comptes where identifiant = {nom})"
_PORTE_OU_RETIRE = f"({_PORTE} or exists (select from identifiants_retires where empreinte = empreinte_identifiant({{nom}})))"


def _premier_libre(pris: str) -> str:
    return f"""
        create or replace function premier_libre(p_base text) returns text language plpgsql stable as $$
        declare
          v_pris bigint := 1;
          v_libre bigint := 2;
          v_milieu bigint;
        begin
          if not {pris.format(nom="p_base")} then
            return p_base;
          end if;
          while {pris.format(nom="p_base || v_libre")} loop
            v_pris := v_libre;
            v_libre := v_libre * 2;
          end loop;
          while v_libre - v_pris > 1 loop
            v_milieu := (v_pris + v_libre) / 2;
            if {pris.format(nom="p_base || v_milieu")} then
              v_pris := v_milieu;
            else
              v_libre := v_milieu;
            end if;
          end loop;
          return p_base || v_libre;
        end
        $$
        """


def upgrade() -> None:
    op.execute(
        """
        create function empreinte_identifiant(p_identifiant text) returns bytea language sql immutable strict parallel safe
        return sha256(convert_to('comptoir/identifiant/' || p_identifiant, 'UTF8'))
        """
    )
    op.execute(
        """
        create table identifiants_retires (
          empreinte bytea primary key,
          compte_id uuid references comptes on delete set null,
          libere_le timestamptz not null
        )
        """
    )
    op.execute("create index identifiants_retires_par_compte on identifiants_retires (compte_id)")
    op.execute("create index identifiants_liberes on identifiants_retires (libere_le)")
    op.execute(_premier_libre(_PORTE_OU_RETIRE))
    # A sign-up that waited for the name to be given up had looked at the quarantine before: it looks once more. It fails like a
    # serialization, which is what it is: trying again gives the right answer.
    op.execute(
        """
        create function verifier_quarantaine() returns trigger language plpgsql as $$
        begin
          if exists (select from identifiants_retires
                      where empreinte = empreinte_identifiant(new.identifiant) and compte_id is distinct from new.id) then
            raise serialization_failure using message = 'identifiant en quarantaine';
          end if;
          return null;
        end
        $$
        """
    )
    op.execute(
        """
        create trigger quarantaine after insert or update of identifiant on comptes
        for each row execute function verifier_quarantaine()
        """
    )


def downgrade() -> None:
    op.execute("drop trigger quarantaine on comptes")
    op.execute("drop function verifier_quarantaine()")
    op.execute(_premier_libre(_PORTE))
    op.execute("drop table identifiants_retires")
    op.execute("drop function empreinte_identifiant(text)")
