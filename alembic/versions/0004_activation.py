"""One-time proofs, and the messages that carry them."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        """
        create table jetons (
          id uuid primary key,
          compte_id uuid not null references comptes on delete cascade,
          canal text not null constraint jetons_canal_connu check (canal in ('sms', 'email')),
          destination text not null,
          cle_id text not null,
          essais integer not null default 0 constraint jetons_essais_bornes check (essais between 0 and 5),
          envois integer not null default 0 constraint jetons_envois_bornes check (envois between 0 and 5),
          cree_le timestamptz not null default horloge(),
          expire_le timestamptz not null,
          renvoi_le timestamptz not null,
          depense_le timestamptz,
          annule_le timestamptz
        )
        """
    )
    op.execute("create index jetons_par_compte on jetons (compte_id)")
    # One live code a channel.
    op.execute(
        """
        create unique index jetons_un_seul_ouvert on jetons (compte_id, canal) where depense_le is null and annule_le is null
        """
    )
    op.execute(
        """
        create table outbox (
          id uuid primary key default gen_random_uuid(),
          compte_id uuid not null references comptes on delete cascade,
          jeton_id uuid not null references jetons on delete cascade,
          canal text not null constraint outbox_canal_connu check (canal in ('sms', 'email')),
          modele text not null,
          livraison text not null default 'en_file' constraint outbox_livraison_connue check (livraison in (
            'en_file', 'nouvel_essai', 'envoye', 'annule',
            'echec_destinataire', 'echec_expire', 'echec_interne')),
          tentatives integer not null default 0,
          a_partir_de timestamptz not null default horloge(),
          motif text,
          cree_le timestamptz not null default horloge(),
          envoye_le timestamptz
        )
        """
    )
    op.execute("create index outbox_par_compte on outbox (compte_id)")
    op.execute("create index outbox_par_jeton on outbox (jeton_id, cree_le desc)")
    op.execute("create index outbox_a_envoyer on outbox (canal, a_partir_de) where livraison in ('en_file', 'nouvel_essai')")
    op.execute(
        """
        create function annoncer_message() returns trigger language plpgsql as $$
        begin
          perform pg_notify('comptoir', 'message.' || new.canal);
          return null;
        end
        $$
        """
    )
    op.execute("create trigger annoncer after insert on outbox for each row execute function annoncer_message()")


def downgrade() -> None:
    op.execute("drop table outbox")
    op.execute("drop function annoncer_message()")
    op.execute("drop table jetons")
