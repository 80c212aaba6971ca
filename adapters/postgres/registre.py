"""The ledger and the feed, written in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.activite import Activite
from domain.juridique import Acte, Par
from domain.transaction import Registre

# The last line of each object, for the account `c` of the statement it stands in: one probe of the index an object.
DERNIERS_ACTES = """
    with recursive derniers as (
      (select objet, nature, valeur, document_version, par from actes_juridiques
        where compte_id = c.id order by objet, id desc limit 1)
      union all
      select suivant.* from derniers cross join lateral (
        select a.objet, a.nature, a.valeur, a.document_version, a.par from actes_juridiques a
         where a.compte_id = c.id and a.objet > derniers.objet order by a.objet, a.id desc limit 1) suivant)
"""
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
_DIFFUSION = text(
    f"""
    select ({DERNIERS_ACTES}
             select jsonb_object_agg(substr(objet, 11), par) filter (where valeur) from derniers where nature = 'consentement'
           ) as diffusion
      from comptes c where id = :compte and etat in ('actif', 'suspendu')
    """  # noqa: S608  (constants)
)
_NOTER = text("insert into activites (compte_id, nature, details) values (:compte, :nature, cast(:details as jsonb))")


class PgRegistre(Registre):
    """`notees`: where the lines of the feed are told too."""

    def __init__(self, connexion: AsyncConnection, notees: list[tuple[UUID, Activite]]) -> None:
        self._connexion, self._notees = connexion, notees

    async def acter(self, compte_id: UUID, actes: Sequence[Acte], requete: str) -> None:
        await self._connexion.execute(_ACTER, {"compte": compte_id, "requete": requete} | colonnes(actes))

    async def diffusion(self, compte_id: UUID) -> dict[str, Par] | None:
        ligne = (await self._connexion.execute(_DIFFUSION, {"compte": compte_id})).one_or_none()
        return None if ligne is None else ligne.diffusion or {}

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
