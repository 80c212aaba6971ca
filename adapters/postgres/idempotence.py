"""Idempotency keys. Reserved by themselves before the work, completed inside the transaction that does it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.pannes import traduire_pannes
from domain.ports import Idempotence, Prise
from domain.transaction import ReponseGardee, Reponses

# A reservation outlives the longest request; after a crash the key is free again.
RESERVATION, CONSERVATION = timedelta(seconds=30), timedelta(hours=24)

_PRENDRE = text("select reserver_parmi(:cles, :demandes, :prise, :duree)")
# The request itself first: its author may have used the key for another, from an address where they now are.
_VOIR = text(
    """
    select demande, statut, corps, compte_id from idempotence where cle = any (:cles) or demande = any (:demandes)
     order by demande = any (:demandes) desc nulls last limit 1
    """
)
_LIBERER = text("delete from idempotence where cle = :cle and prise = :prise and statut is null")
_GARDER = text(
    """
    update idempotence set statut = :statut, corps = cast(:corps as jsonb), compte_id = :compte, expire_le = horloge() + :duree
     where cle = :cle and prise = :prise and statut is null
    """
)


class PgIdempotence(Idempotence):
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def prendre(self, cles: Sequence[bytes], demandes: Sequence[bytes], prise: UUID) -> Prise | ReponseGardee:
        visees = {"cles": cles, "demandes": demandes}
        async with traduire_pannes(), self._engine.connect() as connexion:
            if (await connexion.execute(_PRENDRE, visees | {"prise": prise, "duree": RESERVATION})).scalar():
                return Prise.LIBRE
            ligne = (await connexion.execute(_VOIR, visees)).one_or_none()
        if ligne is None or (ligne.statut is None and ligne.demande in demandes):
            return Prise.EN_COURS
        if ligne.demande not in demandes:
            return Prise.AUTRE_CORPS
        return ReponseGardee(statut=ligne.statut, corps=ligne.corps, compte_id=ligne.compte_id)

    async def liberer(self, cle: bytes, prise: UUID) -> None:
        async with traduire_pannes(), self._engine.connect() as connexion:
            await connexion.execute(_LIBERER, {"cle": cle, "prise": prise})


class PgReponses(Reponses):
    def __init__(self, connexion: AsyncConnection) -> None:
        self._connexion = connexion

    async def garder(self, cle: bytes, prise: UUID, reponse: ReponseGardee) -> bool:
        ordre = {
            "cle": cle,
            "prise": prise,
            "statut": reponse.statut,
            "corps": msgspec.json.encode(reponse.corps).decode(),
            "compte": reponse.compte_id,
            "duree": CONSERVATION,
        }
        return (await self._connexion.execute(_GARDER, ordre)).rowcount == 1
