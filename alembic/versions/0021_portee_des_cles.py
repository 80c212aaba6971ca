"""An idempotency key belongs to who asks; a request, by its key and body, is itself from wherever it comes."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    # The former code, beside for a while, knows nothing of `demande` and still writes `empreinte`.
    op.execute("alter table idempotence add column demande bytea unique, alter column empreinte drop not null")
    # Of simultaneous ones that share the key or the request, one is true.
    # A connection plans once: were the table empty then, it would read it whole for ever after.
    op.execute(
        """
        create function reserver(p_cle bytea, p_demande bytea, p_prise uuid, p_duree interval) returns boolean
        language plpgsql set enable_seqscan = off as $$
        begin
          delete from idempotence where (cle = p_cle or demande = p_demande) and expire_le <= horloge();
          insert into idempotence (cle, demande, prise, expire_le) values (p_cle, p_demande, p_prise, horloge() + p_duree)
          on conflict do nothing;
          return found;
        end
        $$
        """
    )


def downgrade() -> None:
    op.execute("drop function reserver(bytea, bytea, uuid, interval)")
    op.execute("delete from idempotence where empreinte is null")
    op.execute("alter table idempotence drop column demande, alter column empreinte set not null")
