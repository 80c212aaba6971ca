"""What an account last said of each object of the ledger lies in its own row: what reads the account reads it there."""

from alembic import op

revision = "0032"
down_revision = "0031"

# By the order of the lines: of two of one statement, the last has it.
_RETENUS = """
    select compte_id,
           jsonb_object_agg(objet, jsonb_build_object('version', document_version, 'valeur', valeur, 'par', par) order by id)
             as derniers
      from {lignes} group by compte_id
"""


def upgrade() -> None:
    op.execute("alter table comptes add column actes jsonb not null default '{}'")
    # The lines of an account are written by whoever holds its row: their order is that of these updates.
    nouveaux, tous = (_RETENUS.format(lignes=lignes) for lignes in ("nouveaux", "actes_juridiques"))
    op.execute(
        f"""
        create function retenir_actes() returns trigger language plpgsql as $$
        begin
          update comptes set actes = actes || derniers from ({nouveaux}) n where id = compte_id;
          return null;
        end
        $$
        """  # noqa: S608  (constants)
    )
    op.execute(
        """
        create trigger actes_retenus after insert on actes_juridiques referencing new table as nouveaux
          for each statement execute function retenir_actes()
        """
    )
    op.execute(f"update comptes set actes = derniers from ({tous}) n where id = compte_id")  # noqa: S608


def downgrade() -> None:
    op.execute("drop trigger actes_retenus on actes_juridiques")
    op.execute("drop function retenir_actes()")
    op.execute("alter table comptes drop column actes")
