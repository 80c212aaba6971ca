"""A consent that the service itself must withdraw is not one that its subject took back: the ledger says who did."""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    _auteurs("'titulaire', 'conjoint', 'service'")


def downgrade() -> None:
    # The former code knows two authors: what the service withdrew stays withdrawn.
    op.execute("alter table actes_juridiques disable trigger immuable")
    op.execute("update actes_juridiques set par = 'titulaire' where par = 'service'")
    op.execute("alter table actes_juridiques enable trigger immuable")
    _auteurs("'titulaire', 'conjoint'")


def _auteurs(connus: str) -> None:
    op.execute("alter table actes_juridiques drop constraint actes_auteur_connu")
    op.execute(f"alter table actes_juridiques add constraint actes_auteur_connu check (par in ({connus}))")
