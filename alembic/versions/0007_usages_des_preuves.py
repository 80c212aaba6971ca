"""A proof has a purpose, a message may tell of something without proving anything, and everything sent has its destination."""

from alembic import op

revision = "0007"
down_revision = "0006"

_USAGES = "'activation', 'contact', 'mot_de_passe', 'annulation_contact', 'annulation_effacement', 'accord_parental'"


def upgrade() -> None:
    op.execute(
        f"""
        alter table jetons
          add column usage text not null default 'activation' constraint jetons_usage_connu check (usage in ({_USAGES})),
          add column donnees jsonb not null default '{{}}'
        """
    )
    op.execute("alter table jetons alter column usage drop default")
    op.execute("drop index jetons_un_seul_ouvert")
    # One live proof a purpose and channel; each replaced contact keeps its own way back.
    op.execute(
        """
        create unique index jetons_un_seul_ouvert on jetons (compte_id, usage, canal)
         where depense_le is null and annule_le is null and usage <> 'annulation_contact'
        """
    )
    op.execute("create index jetons_perimes on jetons (expire_le)")
    op.execute(
        """
        alter table outbox
          alter column jeton_id drop not null,
          add column destination text,
          add column donnees jsonb not null default '{}',
          add constraint outbox_destination_connue check (jeton_id is not null or destination is not null)
        """
    )
    op.execute("create index outbox_partis on outbox (cree_le) where livraison not in ('en_file', 'nouvel_essai')")


def downgrade() -> None:
    op.execute("drop index outbox_partis")
    op.execute("delete from outbox where jeton_id is null")
    op.execute(
        """
        alter table outbox drop constraint outbox_destination_connue, drop column donnees, drop column destination,
          alter column jeton_id set not null
        """
    )
    op.execute("drop index jetons_perimes")
    op.execute("drop index jetons_un_seul_ouvert")
    op.execute("delete from jetons where usage <> 'activation'")
    op.execute("alter table jetons drop column donnees, drop column usage")
    op.execute(
        """
        create unique index jetons_un_seul_ouvert on jetons (compte_id, canal) where depense_le is null and annule_le is null
        """
    )
