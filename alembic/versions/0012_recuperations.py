"""Forgotten passwords and usernames: what was typed waits here, the same for everybody, until the worker looks at it."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute(
        """
        create table recuperations (
          id uuid primary key,
          objet text not null constraint recuperations_objet_connu check (objet in ('mot_de_passe', 'identifiant')),
          saisie text not null constraint recuperations_saisie_bornee check (length(saisie) <= 254),
          canal text constraint recuperations_canal_connu check (canal in ('sms', 'email')),
          client text not null,
          cree_le timestamptz not null default horloge(),
          a_partir_de timestamptz not null default horloge()
        )
        """
    )
    op.execute("create index recuperations_en_attente on recuperations (a_partir_de)")
    op.execute(
        """
        create function annoncer_recuperation() returns trigger language plpgsql as $$
        begin
          perform pg_notify('comptoir', 'recuperation');
          return null;
        end
        $$
        """
    )
    op.execute("create trigger annoncer after insert on recuperations for each row execute function annoncer_recuperation()")


def downgrade() -> None:
    op.execute("drop table recuperations")
    op.execute("drop function annoncer_recuperation()")
