"""Legal documents, read only: publishing is another role's business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.pannes import traduire_pannes
from domain.juridique import Document, Version
from domain.ports import Documents

_EN_VIGUEUR = text(
    """
    select distinct on (code) code, version, titre, sha256, en_vigueur_le from documents_juridiques
     where en_vigueur_le <= horloge()::date order by code, en_vigueur_le desc, publie_le desc
    """
)
_VERSIONS = text(
    """
    select code, version, titre, sha256, en_vigueur_le from documents_juridiques
     where code = :code order by en_vigueur_le desc, publie_le desc
    """
)
_DOCUMENT = text(
    """
    select code, version, titre, sha256, en_vigueur_le, texte from documents_juridiques
     where code = :code and version = :version
    """
)


class PgDocuments(Documents):
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def en_vigueur(self) -> Mapping[str, Version]:
        async with traduire_pannes(), self._engine.connect() as connexion:
            lignes = (await connexion.execute(_EN_VIGUEUR)).mappings()
            return {ligne["code"]: msgspec.convert(dict(ligne), Version) for ligne in lignes}

    async def versions(self, code: str) -> Sequence[Version]:
        async with traduire_pannes(), self._engine.connect() as connexion:
            return [
                msgspec.convert(dict(ligne), Version)
                for ligne in (await connexion.execute(_VERSIONS, {"code": code})).mappings()
            ]

    async def document(self, code: str, version: str) -> Document | None:
        async with traduire_pannes(), self._engine.connect() as connexion:
            ligne = (await connexion.execute(_DOCUMENT, {"code": code, "version": version})).mappings().one_or_none()
            return None if ligne is None else msgspec.convert(dict(ligne), Document)
