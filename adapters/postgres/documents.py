"""Legal documents, read only: publishing is another role's business."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from adapters.postgres.lectures import Lectures
from domain.juridique import Document, Version
from domain.ports import Documents

_EN_VIGUEUR = """
    select distinct on (code) code, version, titre, sha256, en_vigueur_le, langue from documents_juridiques
     where en_vigueur_le <= horloge()::date order by code, en_vigueur_le desc, publie_le desc
"""
_DOCUMENT = """
    select code, version, titre, sha256, en_vigueur_le, langue, texte from documents_juridiques where code = $1 and version = $2
"""


class PgDocuments(Documents):
    def __init__(self, lectures: Lectures) -> None:
        self._lectures = lectures

    async def en_vigueur(self) -> Mapping[str, Version]:
        lignes = await self._lectures.lignes(_EN_VIGUEUR)
        return {ligne["code"]: msgspec.convert(dict(ligne), Version) for ligne in lignes}

    async def document(self, code: str, version: str) -> Document | None:
        ligne = await self._lectures.ligne(_DOCUMENT, code, version)
        return None if ligne is None else msgspec.convert(dict(ligne), Document)
