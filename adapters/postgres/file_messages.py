"""The outbox as the worker sees it. A lease commits before the provider is called: no transaction waits for a provider."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.pannes import traduire_pannes
from domain.activation import Canal, Livraison
from domain.message import Message
from domain.ports import FileMessages

# MATERIALIZED: a planner may otherwise run the inner query again and lock more than it returns.
_LOUER = text(
    """
    with due as materialized (
      select id from outbox
       where canal = :canal and livraison in ('en_file', 'nouvel_essai') and a_partir_de <= (select horloge())
       order by a_partir_de limit 1 for update skip locked
    ), louee as (
      update outbox o set tentatives = tentatives + 1, a_partir_de = horloge() + make_interval(secs => :bail)
        from due where o.id = due.id
      returning o.*
    )
    select l.id, l.compte_id, l.canal, l.modele, l.tentatives, l.donnees as faits, c.langue, c.identifiant,
           coalesce(j.destination, l.destination) as destination,
           case when j.id is not null then jsonb_build_object('id', j.id, 'compte_id', j.compte_id, 'usage', j.usage,
                  'canal', j.canal, 'destination', j.destination, 'cle_id', j.cle_id) end as jeton,
           coalesce(i.identifiants, '{}') as identifiants,
           -- A proof that is no longer good, or a list that has become empty.
           coalesce(j.expire_le <= horloge() or j.annule_le is not null or j.depense_le is not null,
                    l.modele = 'identifiants' and i.identifiants is null) as perime
      from louee l join comptes c on c.id = l.compte_id left join jetons j on j.id = l.jeton_id
      left join lateral (
        select array_agg(a.identifiant order by a.identifiant) as identifiants
          from contacts k join comptes a on a.id = k.compte_id and a.etat = 'actif' and a.effacement_le is null
         where l.modele = 'identifiants' and k.nature = 'email' and k.verifie_le is not null
           and lower(k.valeur collate "C") = lower(l.destination collate "C")) i on true
    """
)
_ENVOYE = text("update outbox set livraison = 'envoye', envoye_le = horloge(), motif = null where id = :id")
_DIFFERER = text(
    """
    update outbox set livraison = 'nouvel_essai', motif = :motif, a_partir_de = horloge() + make_interval(secs => :attendre)
     where id = :id and livraison in ('en_file', 'nouvel_essai')
    """
)
_ABANDONNER = text(
    """
    update outbox set livraison = :livraison, motif = :motif where id = :id and livraison in ('en_file', 'nouvel_essai')
    """
)
_PROCHAIN = text(
    """
    select extract(epoch from min(a_partir_de) - horloge())::float from outbox
     where canal = :canal and livraison in ('en_file', 'nouvel_essai')
    """
)


class PgFileMessages(FileMessages):
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def louer(self, canal: Canal, bail: int) -> Message | None:
        async with traduire_pannes(), self._engine.connect() as connexion:
            ligne = (await connexion.execute(_LOUER, {"canal": canal, "bail": bail})).one_or_none()
        return None if ligne is None else msgspec.convert(ligne._asdict(), Message)

    async def envoye(self, id: UUID) -> None:
        await self._noter(_ENVOYE, {"id": id})

    async def differer(self, id: UUID, motif: str, attendre: float) -> None:
        await self._noter(_DIFFERER, {"id": id, "motif": motif, "attendre": attendre})

    async def abandonner(self, id: UUID, motif: str, livraison: Livraison) -> None:
        await self._noter(_ABANDONNER, {"id": id, "motif": motif, "livraison": livraison})

    async def prochain(self, canal: Canal) -> float | None:
        async with traduire_pannes(), self._engine.connect() as connexion:
            secondes: float | None = (await connexion.execute(_PROCHAIN, {"canal": canal})).scalar()
        return secondes

    async def _noter(self, ordre: TextClause, parametres: dict[str, Any]) -> None:
        async with traduire_pannes(), self._engine.connect() as connexion:
            await connexion.execute(ordre, parametres)
