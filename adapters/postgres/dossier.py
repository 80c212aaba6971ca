"""What the holder of an account reads, on the light pool: single statements, no transaction."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

import msgspec

from adapters.postgres.lectures import Lectures
from adapters.postgres.titulaires import TITULAIRE
from domain.activite import LigneActivite
from domain.consentements import LigneActe
from domain.export import MessageEnvoye
from domain.ports import Dossier
from domain.session import Porteur, SessionVue
from domain.titulaire import Titulaire

T = TypeVar("T")

_TITULAIRE = TITULAIRE.replace(":compte", "$1").replace(":session", "$2")
_SESSIONS = """
    select id, id = $2 as courante, agent, adresse, appareil_partage, ouverte_le, tournee_le as vue_le, expire_le, fin_le
      from sessions where compte_id = $1 and terminee_le is null and expire_le > horloge() order by ouverte_le desc, id
"""
_ACTIVITES = """
    select id, nature, fait_le, details::text from activites where compte_id = $1 and id < $2 order by id desc limit $3
"""
_ACTES = """
    select id, nature, objet, valeur, document_code as document, document_version as version,
           document_sha256 as sha256, par, langue, fait_le
      from actes_juridiques where compte_id = $1 and id < $2 order by id desc limit $3
"""
_MESSAGES = """
    select o.modele, o.canal, o.livraison as etat, o.cree_le as demande_le, o.envoye_le,
           case when o.modele <> 'accord_parental' then coalesce(j.destination, o.destination) end as destination
      from outbox o left join jetons j on j.id = o.jeton_id where o.compte_id = $1 order by o.cree_le desc
"""
_DERNIER = 2**63 - 1


class PgDossier(Dossier):
    def __init__(self, lectures: Lectures) -> None:
        self._lectures = lectures

    async def titulaire(self, porteur: Porteur) -> Titulaire | None:
        brut = await self._lectures.valeur(_TITULAIRE, porteur.compte_id, porteur.session_id)
        return None if brut is None else msgspec.json.decode(brut, type=Titulaire)

    async def sessions(self, porteur: Porteur) -> list[SessionVue]:
        return await self._lire(SessionVue, _SESSIONS, porteur.compte_id, porteur.session_id)

    async def activites(self, compte_id: UUID, avant: int | None, nombre: int) -> list[LigneActivite]:
        lignes = await self._lectures.lignes(_ACTIVITES, compte_id, _DERNIER if avant is None else avant, nombre)
        return [msgspec.convert(dict(n) | {"details": msgspec.json.decode(n["details"])}, LigneActivite) for n in lignes]

    async def actes(self, compte_id: UUID, avant: int | None, nombre: int) -> list[LigneActe]:
        return await self._lire(LigneActe, _ACTES, compte_id, _DERNIER if avant is None else avant, nombre)

    async def messages(self, compte_id: UUID) -> list[MessageEnvoye]:
        return await self._lire(MessageEnvoye, _MESSAGES, compte_id)

    async def _lire(self, type_: type[T], ordre: str, *valeurs: Any) -> list[T]:
        return [msgspec.convert(dict(ligne), type_) for ligne in await self._lectures.lignes(ordre, *valeurs)]
