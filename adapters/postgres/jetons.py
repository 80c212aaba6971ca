"""One-time proofs: opened with their message, counted before they are compared, spent once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.activation import ESSAIS_MAX, OPPOSITION, Canal, Jeton, Usage
from domain.compte import ActivationOuverte
from domain.transaction import EtatJeton, Jetons

# The old proof is voided by a statement of its own: within one, the unique index would still see it open.
_FERMER = text(
    """
    with fermes as (
      update jetons set annule_le = horloge()
       where compte_id = :compte and usage = any (cast(:usages as text[])) and (cast(:canal as text) is null or canal = :canal)
         and depense_le is null and annule_le is null
      returning id
    )
    update outbox set livraison = 'annule' from fermes where jeton_id = fermes.id and livraison in ('en_file', 'nouvel_essai')
    """
)
# A code held back lives from the moment when it may leave.
_OUVRIR = text(
    """
    with jeton as (
      insert into jetons (id, compte_id, usage, canal, destination, cle_id, donnees, prouve_le, envois, expire_le, renvoi_le)
      values (:id, :compte, :usage, :canal, :destination, :cle_id, cast(:faits as jsonb), :prouve_le,
              case when :envoyer then 1 else 0 end,
              horloge() + coalesce(make_interval(secs => :retenue), interval '0') + :duree,
              horloge() + coalesce(make_interval(secs => :retenue), :delai))
      returning *
    ), message as (
      insert into outbox (compte_id, jeton_id, canal, modele, donnees)
      select compte_id, id, canal, usage, donnees from jeton where :envoyer
    )
    select envois, expire_le, renvoi_le from jeton
    """
)
_RENVOYER = text(
    """
    with jeton as (
      update jetons set envois = envois + 1, renvoi_le = horloge() + :delai
       where id = :id and depense_le is null and annule_le is null
      returning *
    ), remplaces as (
      update outbox set livraison = 'annule' from jeton
       where jeton_id = jeton.id and livraison in ('en_file', 'nouvel_essai')
    )
    insert into outbox (compte_id, jeton_id, canal, modele, donnees) select compte_id, id, canal, usage, donnees from jeton
    """
)
_COMPTER = text(
    """
    update jetons set essais = essais + 1
     where id = :id and usage = :usage and depense_le is null and annule_le is null and expire_le > horloge()
       and essais < :max and envois > 0 and (cast(:compte as uuid) is null or compte_id = :compte)
    returning id, compte_id, usage, canal, destination, cle_id, essais
    """
)
_COMPTER_REPRISE = text(
    """
    update jetons set essais = essais + 1
     where id = :id and usage = :usage and depense_le > horloge() - cast(:reprise as interval) and essais < :max
       and (cast(:compte as uuid) is null or compte_id = :compte)
    returning id, compte_id, usage, canal, destination, cle_id
    """
)
_RENDRE_ESSAI = text("update jetons set essais = essais - 1 where id = :id and essais > 0")
_ETAT = text(
    """
    select id, compte_id, usage, canal, destination, cle_id, essais,
           case when depense_le is not null then 'depense' when annule_le is not null then 'remplace'
                when expire_le <= horloge() then 'expire' when envois = 0 then 'retenu' else 'ouvert' end as etat
      from jetons where id = :id
    """
)
_DEPENSER = text(
    """
    update jetons set depense_le = horloge()
     where id = :id and depense_le is null and annule_le is null and expire_le > horloge()
    """
)


_OUVERT = text(
    """
    select id, compte_id, usage, canal, destination, cle_id, essais, envois, expire_le, expire_le <= horloge() as expiree,
           renvoi_le as renvoi_possible_le,
           coalesce((select livraison from outbox where jeton_id = j.id order by cree_le desc limit 1), 'retenu') as livraison
      from jetons j
     where compte_id = :compte and usage = :usage and canal = :canal and depense_le is null and annule_le is null
    """
)
_ANNULER_RETOURS = text(
    """
    update jetons set annule_le = horloge()
     where compte_id = :compte and usage = 'annulation_contact'
       and coalesce(prouve_le, cree_le) >= greatest(cast(:depuis as timestamptz), horloge() - cast(:opposition as interval))
       and depense_le is null and annule_le is null
    """
)
# Those of before this was remembered: their destination was proven when they were made.
_PROUVE_LE = text("select coalesce(prouve_le, cree_le) from jetons where id = :id")
_FAITS = text("select donnees from jetons where id = :id")
_PRECISER = text(
    """
    with jeton as (update jetons set donnees = cast(:faits as jsonb) where id = :id returning id, donnees)
    update outbox o set donnees = jeton.donnees from jeton
     where o.jeton_id = jeton.id and o.livraison in ('en_file', 'nouvel_essai')
    """
)


class PgJetons(Jetons):
    def __init__(self, connexion: AsyncConnection) -> None:
        self._connexion = connexion

    async def ouvrir(
        self,
        jeton: Jeton,
        duree: timedelta,
        delai: timedelta,
        retenue: float | None,
        faits: Mapping[str, str] = {},
        prouve_le: datetime | None = None,
    ) -> ActivationOuverte:
        ordre = {
            "id": jeton.id,
            "compte": jeton.compte_id,
            "usage": jeton.usage,
            "faits": msgspec.json.encode(faits).decode(),
            "canal": jeton.canal,
            "destination": jeton.destination,
            "cle_id": jeton.cle_id,
            "prouve_le": prouve_le,
            "envoyer": retenue is None,
            "retenue": retenue,
            "duree": duree,
            "delai": delai,
        }
        ligne = (await self._connexion.execute(_OUVRIR, ordre)).one()
        return ActivationOuverte(
            jeton=jeton,
            essais=0,
            envois=ligne.envois,
            expire_le=ligne.expire_le,
            expiree=False,
            renvoi_possible_le=ligne.renvoi_le,
            livraison="en_file" if retenue is None else "retenu",
        )

    async def renvoyer(self, id: UUID, delai: timedelta) -> None:
        await self._connexion.execute(_RENVOYER, {"id": id, "delai": delai})

    async def ouvert(self, compte_id: UUID, usage: Usage, canal: Canal) -> ActivationOuverte | None:
        ordre = {"compte": compte_id, "usage": usage, "canal": canal}
        ligne = (await self._connexion.execute(_OUVERT, ordre)).one_or_none()
        return None if ligne is None else msgspec.convert(ligne._asdict() | {"jeton": _jeton(ligne)}, ActivationOuverte)

    async def faits(self, id: UUID) -> Mapping[str, str]:
        faits: dict[str, str] = (await self._connexion.execute(_FAITS, {"id": id})).scalar_one()
        return faits

    async def preciser(self, id: UUID, faits: Mapping[str, str]) -> None:
        await self._connexion.execute(_PRECISER, {"id": id, "faits": msgspec.json.encode(faits).decode()})

    async def compter_essai(self, usage: Usage, id: UUID, compte_id: UUID | None = None) -> tuple[Jeton, int] | None:
        ordre = {"id": id, "usage": usage, "compte": compte_id, "max": ESSAIS_MAX}
        ligne = (await self._connexion.execute(_COMPTER, ordre)).one_or_none()
        return None if ligne is None else (_jeton(ligne), ESSAIS_MAX - ligne.essais)

    async def compter_reprise(self, usage: Usage, id: UUID, reprise: timedelta, compte_id: UUID | None = None) -> Jeton | None:
        ordre = {"id": id, "usage": usage, "reprise": reprise, "compte": compte_id, "max": ESSAIS_MAX}
        ligne = (await self._connexion.execute(_COMPTER_REPRISE, ordre)).one_or_none()
        return None if ligne is None else _jeton(ligne)

    async def rendre_essai(self, id: UUID) -> None:
        await self._connexion.execute(_RENDRE_ESSAI, {"id": id})

    async def etat(self, id: UUID) -> tuple[Jeton, EtatJeton] | None:
        ligne = (await self._connexion.execute(_ETAT, {"id": id})).one_or_none()
        return None if ligne is None else (_jeton(ligne), EtatJeton(ligne.etat))

    async def depenser(self, id: UUID) -> bool:
        return (await self._connexion.execute(_DEPENSER, {"id": id})).rowcount == 1

    async def prouve_le(self, id: UUID) -> datetime:
        instant: datetime = (await self._connexion.execute(_PROUVE_LE, {"id": id})).scalar_one()
        return instant

    async def annuler_retours(self, compte_id: UUID, depuis: datetime) -> None:
        await self._connexion.execute(_ANNULER_RETOURS, {"compte": compte_id, "depuis": depuis, "opposition": OPPOSITION})

    async def annuler(self, compte_id: UUID, usages: Sequence[Usage], canal: Canal | None = None) -> None:
        await self._connexion.execute(_FERMER, {"compte": compte_id, "usages": list(usages), "canal": canal})


def _jeton(ligne: Row[Any]) -> Jeton:
    return msgspec.convert(ligne, Jeton, from_attributes=True)
