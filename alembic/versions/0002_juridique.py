"""Legal documents, immutable, and the append-only ledger of what was accepted, acknowledged or consented."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        create table documents_juridiques (
          code text not null constraint documents_code_connu check (code in ('cgu', 'rgpd')),
          version text collate "C" not null,
          titre text not null,
          texte text not null,
          sha256 text not null
            constraint documents_sha256_juste check (sha256 = encode(sha256(convert_to(texte, 'UTF8')), 'hex')),
          en_vigueur_le date not null,
          publie_le timestamptz not null default horloge(),
          primary key (code, version)
        )
        """
    )
    op.execute("create index documents_en_vigueur on documents_juridiques (code, en_vigueur_le desc, publie_le desc)")
    op.execute(
        """
        create table actes_juridiques (
          id bigint generated always as identity primary key,
          compte_id uuid not null references comptes on delete cascade,
          nature text not null
            constraint actes_nature_connue check (nature in ('acceptation', 'prise_de_connaissance', 'consentement')),
          objet text not null,
          valeur boolean not null,
          document_code text not null,
          document_version text collate "C" not null,
          document_sha256 text not null,
          langue text not null,
          requete_id text not null,
          fait_le timestamptz not null default horloge(),
          foreign key (document_code, document_version) references documents_juridiques
        )
        """
    )
    op.execute("create index actes_par_compte on actes_juridiques (compte_id)")
    # A belt beside the missing privilege: whoever connects, proof is neither rewritten nor deleted by itself. Deleting an
    # abandoned sign-up still takes its lines along, from inside the foreign key's own trigger.
    op.execute(
        """
        create function immuable() returns trigger language plpgsql as $$
        begin
          if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
            return old;
          end if;
          raise insufficient_privilege using message = tg_table_name || ' is append-only';
        end
        $$
        """
    )
    for table in ("documents_juridiques", "actes_juridiques"):
        op.execute(f"create trigger immuable before update or delete on {table} for each row execute function immuable()")
        op.execute(f"create trigger intronquable before truncate on {table} for each statement execute function immuable()")


def downgrade() -> None:
    op.execute("drop table actes_juridiques")
    op.execute("drop table documents_juridiques")
    op.execute("drop function immuable()")
