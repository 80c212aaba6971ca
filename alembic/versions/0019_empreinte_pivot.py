"""The digest that recognises a changed civil status, made without a server key: it outlives their rotation."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    # What `preremplissage.empreinte_pivot` makes of the claims, which lie in the same row; null where one is missing.
    op.execute(
        r"""
        update identites_federees
           set empreinte_pivot = sha256(
                 convert_to(emetteur, 'UTF8')
                 || '\x00' || convert_to(coalesce(revendications -> 'given_name_array' ->> 0,
                                                  split_part(coalesce(revendications ->> 'given_name', ''), ' ', 1)), 'UTF8')
                 || '\x00' || convert_to(nullif(revendications ->> 'birthdate', ''), 'UTF8')
                 || '\x00' || convert_to(coalesce(revendications ->> 'birthplace', ''), 'UTF8')
                 || '\x00' || convert_to(revendications ->> 'birthcountry', 'UTF8'))
         where fournisseur = 'franceconnect'
        """
    )


def downgrade() -> None:
    # The former code makes its own as identities are attached.
    op.execute("update identites_federees set empreinte_pivot = null")
