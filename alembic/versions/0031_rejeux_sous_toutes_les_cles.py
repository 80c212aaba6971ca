"""A retry is known under every server key, whichever signs by now: promoting one serves no request twice."""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    # By another name: the former code, beside for a while, calls `reserver` without saying its arguments' types.
    # The digests under the first key, which is written, have their unique indexes; those under the others are looked for, one
    # at a time for a request: beside, a process may write under another.
    op.execute(
        """
        create function reserver_parmi(p_cles bytea[], p_demandes bytea[], p_prise uuid, p_duree interval) returns boolean
        language plpgsql set enable_seqscan = off as $$
        begin
          if cardinality(p_demandes) > 1 then
            perform pg_advisory_xact_lock(hashtextextended(min(encode(d, 'hex')), 0)) from unnest(p_demandes) d;
          end if;
          delete from idempotence where (cle = any (p_cles) or demande = any (p_demandes)) and expire_le <= horloge();
          insert into idempotence (cle, demande, prise, expire_le)
          select p_cles[1], p_demandes[1], p_prise, horloge() + p_duree
           where not exists (select from idempotence where cle = any (p_cles[2:]) or demande = any (p_demandes[2:]))
          on conflict do nothing;
          return found;
        end
        $$
        """
    )


def downgrade() -> None:
    op.execute("drop function reserver_parmi(bytea[], bytea[], uuid, interval)")
