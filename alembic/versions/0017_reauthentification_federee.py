"""Passages that leave to prove again who one is: of an account, as those that attach."""

from alembic import op

revision = "0017"
down_revision = "0016"

_AVANT, _APRES = (
    "'connexion', 'inscription', 'rattachement'",
    "'connexion', 'inscription', 'rattachement', 'reauthentification'",
)


def _contraindre(intentions: str, d_un_compte: str) -> None:
    op.execute("alter table passages drop constraint passages_intention_connue, drop constraint passages_rattachement")
    op.execute(
        f"""
        alter table passages
          add constraint passages_intention_connue check (intention in ({intentions})),
          add constraint passages_rattachement check ((intention {d_un_compte}) = (compte_id is not null))
        """
    )


def upgrade() -> None:
    _contraindre(_APRES, "in ('rattachement', 'reauthentification')")


def downgrade() -> None:
    op.execute("delete from passages where intention = 'reauthentification'")
    _contraindre(_AVANT, "= 'rattachement'")
