"""The model CGU and RGPD notice, to be replaced by the deploying administration's own."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TEXTES = Path(__file__).parent.parent / "textes"
_MODELES = (
    ("cgu", "Conditions générales d'utilisation"),
    ("rgpd", "Règles de confidentialité et protection des données personnelles"),
)
_INSERTION = sa.text(
    """
    insert into documents_juridiques (code, version, titre, texte, sha256, en_vigueur_le)
    values (:code, '2026-11', :titre, :texte, encode(sha256(convert_to(:texte, 'UTF8')), 'hex'), '2026-11-01')
    """
)


def upgrade() -> None:
    for code, titre in _MODELES:
        texte = (_TEXTES / f"{code}-2026-11.md").read_text(encoding="utf-8")
        op.get_bind().execute(_INSERTION, {"code": code, "titre": titre, "texte": texte})


def downgrade() -> None:
    op.execute("alter table documents_juridiques disable trigger immuable")
    op.execute("delete from documents_juridiques where version = '2026-11'")
    op.execute("alter table documents_juridiques enable trigger immuable")
