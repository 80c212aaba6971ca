"""One-time proofs: opened with their message, counted before they are compared, spent once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.activation import ESSAIS_MAX, Canal, Jeton
from domain.compte import ActivationOuverte
from domain.ports import EtatJeton, Jetons

# The old proof is voided by a statement of its own: within one, the unique index would still see it open.
_FERMER = text(
    """
    with fermes as (
      update jetons set annule_le = horloge()
       where compte_id = :compte and canal = :canal and depense_le is null and annule_le is null
      returning id
    )
    update outbox set livraison = 'annule' from fermes where jeton_id = fermes.id and livraison in ('en_file', 'nouvel_essai')
    """
)
# A code held back lives from the moment when it may leave.
_OUVRIR = text(
    """
    with jeton as (
      insert into jetons (id, compte_id, canal, destination, cle_id, envois, expire_le, renvoi_le)
      values (:id, :compte, :canal, :destination, :cle_id, case when :envoyer then 1 else 0 end,
              horloge() + coalesce(make_interval(secs => :retenue), interval '0') + :duree,
              horloge() + coalesce(make_interval(secs => :retenue), :delai))
      returning *
    ), message as (
      insert into outbox (compte_id, jeton_id, canal, modele)
      select compte_id, id, canal, 'activation' from jeton where :envoyer
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
    insert into outbox (compte_id, jeton_id, canal, modele) select compte_id, id, canal, 'activation' from jeton
    """
)
_COMPTER = text(
    """
    update jetons set essais = essais + 1
     where id = :id and compte_id = :compte and depense_le is null and annule_le is null and expire_le > horloge()
       and essais < :max and envois > 0
    returning id, compte_id, canal, destination, cle_id, essais
    """
)
_ETAT = text(
    """
    select id, compte_id, canal, destination, cle_id, essais,
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


class PgJetons(Jetons):
    def __init__(self, connexion: AsyncConnection) -> None:
        self._connexion = connexion

    async def ouvrir(self, jeton: Jeton, duree: timedelta, delai: timedelta, retenue: float | None) -> ActivationOuverte:
        ordre = {
            "id": jeton.id,
            "compte": jeton.compte_id,
            "canal": jeton.canal,
            "destination": jeton.destination,
            "cle_id": jeton.cle_id,
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

    async def compter_essai(self, compte_id: UUID, id: UUID) -> tuple[Jeton, int] | None:
        ordre = {"id": id, "compte": compte_id, "max": ESSAIS_MAX}
        ligne = (await self._connexion.execute(_COMPTER, ordre)).one_or_none()
        return None if ligne is None else (_jeton(ligne), ESSAIS_MAX - ligne.essais)

    async def etat(self, id: UUID) -> tuple[Jeton, EtatJeton] | None:
        ligne = (await self._connexion.execute(_ETAT, {"id": id})).one_or_none()
        return None if ligne is None else (_jeton(ligne), EtatJeton(ligne.etat))

    async def depenser(self, id: UUID) -> bool:
        return (await self._connexion.execute(_DEPENSER, {"id": id})).rowcount == 1

    async def annuler(self, compte_id: UUID, canal: Canal) -> None:
        await self._connexion.execute(_FERMER, {"compte": compte_id, "canal": canal})


def _jeton(ligne: Row[tuple[object, ...]]) -> Jeton:
    return Jeton(id=ligne.id, compte_id=ligne.compte_id, canal=ligne.canal, destination=ligne.destination, cle_id=ligne.cle_id)
