"""Sessions: one row a family of refresh tokens. No token in it: the digest of the current one, and its rank."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(
        """
        create table sessions (
          id uuid primary key,
          compte_id uuid not null references comptes on delete cascade,
          rang integer not null default 0,
          empreinte bytea not null constraint sessions_empreinte_sha256 check (length(empreinte) = 32),
          inactivite interval not null,
          agent text constraint sessions_agent_borne check (length(agent) <= 200),
          adresse text,
          appareil_partage boolean not null,
          ouverte_le timestamptz not null default horloge(),
          authentifiee_le timestamptz not null default horloge(),
          tournee_le timestamptz not null default horloge(),
          expire_le timestamptz not null,
          fin_le timestamptz not null,
          terminee_le timestamptz,
          motif text,
          constraint sessions_bornees check (expire_le <= fin_le)
        )
        """
    )
    op.execute("create index sessions_vivantes on sessions (compte_id, ouverte_le desc) where terminee_le is null")
    op.execute("create index sessions_perimees on sessions (fin_le)")
    # What a person may read again of their account; the reference they quote is made from the number.
    op.execute(
        """
        create table activites (
          id bigint generated always as identity primary key,
          compte_id uuid not null references comptes on delete cascade,
          nature text not null,
          details jsonb not null default '{}',
          fait_le timestamptz not null default horloge()
        )
        """
    )
    op.execute("create index activites_par_compte on activites (compte_id, id desc)")
    op.execute("create index activites_anciennes on activites (fait_le)")


def downgrade() -> None:
    op.execute("drop table activites")
    op.execute("drop table sessions")
