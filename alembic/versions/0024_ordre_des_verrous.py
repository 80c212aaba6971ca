"""Giving back what a sign-in was counted on takes the rows in the order in which counting took them."""

from alembic import op

revision = "0024"
down_revision = "0023"

_FREIN = """
          delete from limites where cle = p_frein;"""
_CLES = """
          if cardinality(p_cles) > 0 then
            perform from limites where cle = any (p_cles) order by cle for update;
            update limites set instants = instants[1 : cardinality(instants) - 1], nombre = greatest(0, nombre - 1)
             where cle = any (p_cles);
          end if;"""


def _rendre(*ordres: str) -> None:
    op.execute(
        f"""
        create or replace function rendre(p_frein bytea, p_cles bytea[]) returns void
        language plpgsql set enable_seqscan = off as $$
        begin{"".join(ordres)}
        end
        $$
        """
    )


def upgrade() -> None:
    _rendre(_CLES, _FREIN)


def downgrade() -> None:
    _rendre(_FREIN, _CLES)
