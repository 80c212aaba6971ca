"""The ledger and the feed, written in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.activite import Activite
from domain.inscription import LISTES
from domain.juridique import Acte, ActeRetenu, Par, objet_de
from domain.transaction import Registre

# For the account `compte` of the statement it stands in.
ACTER = """
    insert into actes_juridiques
      (compte_id, nature, objet, valeur, document_code, document_version, document_sha256, par, langue, requete_id)
    select compte.id, a.*, :requete
      from compte, unnest(cast(:a_natures as text[]), cast(:a_objets as text[]), cast(:a_valeurs as boolean[]),
                          cast(:a_codes as text[]), cast(:a_versions as text[]), cast(:a_sha256 as text[]),
                          cast(:a_par as text[]), cast(:a_langues as text[])) a
"""
_ACTER = text(f"with compte as (select cast(:compte as uuid) as id) {ACTER}")
_RETENUS = text("select actes from comptes where id = :compte and etat in ('actif', 'suspendu')")
_NOTER = text("insert into activites (compte_id, nature, details) values (:compte, :nature, cast(:details as jsonb))")


class PgRegistre(Registre):
    """`notees`: where the lines of the feed are told too."""

    def __init__(self, connexion: AsyncConnection, notees: list[tuple[UUID, Activite]]) -> None:
        self._connexion, self._notees = connexion, notees

    async def acter(self, compte_id: UUID, actes: Sequence[Acte], requete: str) -> None:
        await self._connexion.execute(_ACTER, {"compte": compte_id, "requete": requete} | colonnes(actes))

    async def diffusion(self, compte_id: UUID) -> dict[str, Par] | None:
        actes = (await self._connexion.execute(_RETENUS, {"compte": compte_id})).scalar()
        if actes is None:
            return None
        retenus = msgspec.convert(actes, dict[str, ActeRetenu])
        return {liste: acte.par for liste in LISTES if (acte := retenus.get(objet_de(liste))) and acte.valeur}

    async def noter(self, compte_id: UUID, activite: Activite) -> None:
        details = msgspec.json.encode(activite.details).decode()
        await self._connexion.execute(_NOTER, {"compte": compte_id, "nature": activite.nature, "details": details})
        self._notees.append((compte_id, activite))


def colonnes(actes: Sequence[Acte]) -> dict[str, Any]:
    """The lines of the ledger, a column each."""
    return {
        "a_natures": [a.nature for a in actes],
        "a_objets": [a.objet for a in actes],
        "a_valeurs": [a.valeur for a in actes],
        "a_codes": [a.document.code for a in actes],
        "a_versions": [a.document.version for a in actes],
        "a_sha256": [a.document.sha256 for a in actes],
        "a_par": [a.par for a in actes],
        "a_langues": [a.document.langue for a in actes],
    }
