"""Accounts: opened with all that comes with them in one statement, read with their latest proof in one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.registre import ACTER
from adapters.postgres.registre import colonnes as actes_en_colonnes
from domain.activation import Jeton
from domain.activite import Activite
from domain.compte import CONTACT_DU_CANAL, ActivationOuverte, Contact, InscriptionOuverte, NouveauCompte
from domain.erreurs import Sature
from domain.juridique import Acte
from domain.profils import type_profil
from domain.transaction import Comptes

# ON CONFLICT keeps the transaction alive where a unique violation would have doomed it.
_OUVRIR = text(
    f"""
    with compte as (
      insert into comptes (id, identifiant, profil, empreinte_mdp, langue, expire_le)
      select :id, coalesce(:identifiant, premier_libre(:base)), cast(:profil as jsonb), :empreinte, :langue, horloge() + :duree
       where not exists (select from identifiants_retires where empreinte = empreinte_identifiant(:identifiant))
      on conflict (identifiant) do nothing
      returning id, identifiant, expire_le
    ), joindre as (
      insert into contacts (compte_id, nature, valeur, recoit_sms)
      select compte.id, c.*
        from compte, unnest(cast(:natures as text[]), cast(:valeurs as text[]), cast(:recoit_sms as boolean[])) c
    ), acter as ({ACTER}), noter as (
      insert into activites (compte_id, nature) select id, 'compte_cree' from compte
    )
    select identifiant, expire_le from compte
    """  # noqa: S608  (constants)
)
_VERROU_DE_BASE = text("select pg_advisory_xact_lock(hashtextextended(:base, 0))")
# By itself: a statement that waited for a lock goes on with the snapshot it had before the wait.
TENIR = text("select from comptes where id = :compte for no key update")
_EN_ATTENTE = text(
    """
    select c.id, c.etat, c.type, c.identifiant, c.langue, c.expire_le, c.expire_le <= horloge() as expiree,
           c.secret_depense_le is not null as remise,
           (select jsonb_agg(jsonb_build_array(nature, valeur, recoit_sms)) from contacts where compte_id = c.id) as contacts,
           (select jsonb_agg(jsonb_build_object(
                     'jeton', jsonb_build_object('id', j.id, 'compte_id', c.id, 'usage', usage, 'canal', canal,
                                                 'destination', destination, 'cle_id', cle_id),
                     'essais', essais, 'envois', envois, 'expire_le', j.expire_le, 'expiree', j.expire_le <= horloge(),
                     'renvoi_possible_le', renvoi_le,
                     'livraison', coalesce((select livraison from outbox where jeton_id = j.id order by cree_le desc limit 1),
                                           'retenu')) order by j.cree_le desc)
              from jetons j where compte_id = c.id and usage = 'activation' and depense_le is null and annule_le is null
           ) as activations
      from comptes c
     where c.id = :id and c.etat in ('en_attente', 'actif')
    """
)
_CORRIGER = text(
    """
    insert into contacts (compte_id, nature, valeur, recoit_sms)
    select :id, c.* from unnest(cast(:natures as text[]), cast(:valeurs as text[]), cast(:recoit_sms as boolean[])) c
    on conflict (compte_id, nature)
    do update set valeur = excluded.valeur, recoit_sms = excluded.recoit_sms, verifie_le = null
    """
)
_ACTIVER = text(
    """
    with prouve as (
      update contacts set verifie_le = horloge() where compte_id = :compte and nature = :nature and valeur = :destination
    ), fermes as (
      update jetons set annule_le = horloge() where compte_id = :compte and depense_le is null and annule_le is null
    ), retires as (
      update outbox set livraison = 'annule' where compte_id = :compte and livraison in ('en_file', 'nouvel_essai')
    ), active as (
      update comptes set etat = 'actif', active_le = horloge(), vu_le = horloge()::date
       where id = :compte and etat = 'en_attente' returning id
    ), noter as (
      insert into activites (compte_id, nature, details)
      select id, 'compte_active', jsonb_build_object('canal', cast(:canal as text)) from active
    )
    select pg_notify('comptoir', 'inscription.' || id) from active
    """
)
_DEPENSER_SECRET = text(
    "update comptes set secret_depense_le = horloge() where id = :id and etat = 'actif' and secret_depense_le is null"
)
_EFFACER = text(
    """
    with efface as (delete from comptes where id = :id and etat = 'en_attente' returning id)
    select pg_notify('comptoir', 'inscription.' || id) from efface
    """
)
# Losing the race for a number this often means hundreds of the same name at this very instant.
_REPRISES = 200


class PgComptes(Comptes):
    """`notees`: where the lines of the feed are told too."""

    def __init__(self, connexion: AsyncConnection, notees: list[tuple[UUID, Activite]]) -> None:
        self._connexion, self._notees = connexion, notees

    async def ouvrir(
        self, compte: NouveauCompte, actes: Sequence[Acte], duree: timedelta, requete: str
    ) -> InscriptionOuverte | None:
        parametres = _parametres(compte, actes, duree, requete)
        obtenu = await self._inserer(compte, parametres)
        if obtenu is not None or compte.identifiant is not None:
            return obtenu
        # Beaten to the number: from here on, sign-ups of this name go one at a time.
        await self._connexion.execute(_VERROU_DE_BASE, {"base": compte.base})
        for _ in range(_REPRISES):
            if (obtenu := await self._inserer(compte, parametres)) is not None:
                return obtenu
        raise Sature(1)

    async def _inserer(self, compte: NouveauCompte, parametres: dict[str, Any]) -> InscriptionOuverte | None:
        ligne = (await self._connexion.execute(_OUVRIR, parametres)).one_or_none()
        if ligne is None:
            return None
        self._notees.append((compte.id, Activite(nature="compte_cree")))
        return InscriptionOuverte(
            id=compte.id,
            etat="en_attente",
            type=type_profil(compte.profil),
            identifiant=ligne.identifiant,
            langue=compte.langue,
            expire_le=ligne.expire_le,
            expiree=False,
            remise=False,
            contacts=compte.contacts,
            activations=(),
        )

    async def inscription(self, id: UUID) -> InscriptionOuverte | None:
        ligne = (await self._connexion.execute(_EN_ATTENTE, {"id": id})).mappings().one_or_none()
        return None if ligne is None else _compte(ligne)

    async def verrouiller(self, id: UUID) -> InscriptionOuverte | None:
        await self._connexion.execute(TENIR, {"compte": id})
        return await self.inscription(id)

    async def corriger(self, id: UUID, contacts: Sequence[Contact]) -> None:
        await self._connexion.execute(_CORRIGER, {"id": id} | _colonnes(contacts))

    async def depenser_secret(self, id: UUID) -> bool:
        return (await self._connexion.execute(_DEPENSER_SECRET, {"id": id})).rowcount == 1

    async def activer(self, jeton: Jeton) -> bool:
        ordre = {
            "compte": jeton.compte_id,
            "canal": jeton.canal,
            "nature": CONTACT_DU_CANAL[jeton.canal],
            "destination": jeton.destination,
        }
        active = (await self._connexion.execute(_ACTIVER, ordre)).rowcount == 1
        if active:
            self._notees.append((jeton.compte_id, Activite(nature="compte_active")))
        return active

    async def effacer_demande(self, id: UUID) -> bool:
        return (await self._connexion.execute(_EFFACER, {"id": id})).rowcount == 1


def _parametres(compte: NouveauCompte, actes: Sequence[Acte], duree: timedelta, requete: str) -> dict[str, Any]:
    return (
        {
            "id": compte.id,
            "identifiant": compte.identifiant,
            "base": compte.base,
            "profil": msgspec.json.encode(compte.profil).decode(),
            "empreinte": compte.empreinte_mdp,
            "langue": compte.langue,
            "duree": duree,
            "requete": requete,
        }
        | actes_en_colonnes(actes)
        | _colonnes(compte.contacts)
    )


def _colonnes(contacts: Sequence[Contact]) -> dict[str, Any]:
    return {
        "natures": [c.nature for c in contacts],
        "valeurs": [c.valeur for c in contacts],
        "recoit_sms": [c.recoit_sms for c in contacts],
    }


def _compte(ligne: RowMapping) -> InscriptionOuverte:
    brut = dict(ligne)
    brut["contacts"] = tuple(Contact(*c) for c in brut["contacts"] or ())
    brut["activations"] = msgspec.convert(brut["activations"] or [], tuple[ActivationOuverte, ...])
    return msgspec.convert(brut, InscriptionOuverte)
