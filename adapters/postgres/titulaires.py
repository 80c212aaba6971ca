"""An active account seen from a live session: one statement, which the hot read and every change share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.avis import CANAL
from adapters.postgres.comptes import TENIR
from domain.activation import OPPOSITION, Canal, Jeton
from domain.compte import CONTACT_DU_CANAL, Contact, Langue
from domain.profils import Profil
from domain.session import FRAICHEUR
from domain.titulaire import Provenance, Titulaire, mots_connus
from domain.transaction import Titulaires

# As JSON text, for msgspec to read at once: dates, ids and the profile's union are checked on the way in. The texts in
# force are read in one pass; the session by its key (OFFSET is a fence), however many there are.
TITULAIRE = f"""
    select json_build_object(
             'id', c.id, 'session_id', s.id, 'identifiant', c.identifiant, 'langue', c.langue, 'profil', c.profil,
             'provenances', c.provenances,
             'contacts', coalesce((select json_agg(json_build_object(
                           'nature', nature, 'valeur', valeur, 'recoit_sms', recoit_sms, 'verifie_le', verifie_le)
                           order by nature) from contacts where compte_id = c.id), '[]'),
             'identites', coalesce((select json_agg(json_build_object(
                            'id', id, 'fournisseur', fournisseur, 'emetteur', emetteur, 'sub', sub,
                            'rattachee_le', rattachee_le, 'vue_le', vue_le, 'revendications', revendications)
                            order by rattachee_le)
                            from identites_federees where compte_id = c.id), '[]'),
             'actes', c.actes, 'cgu_en_vigueur', v.cgu, 'rgpd_en_vigueur', v.rgpd,
             'mot_de_passe_defini', c.empreinte_mdp is not null,
             'recent', s.authentifiee_le > horloge() - interval '{FRAICHEUR.total_seconds()} seconds',
             'cree_le', c.cree_le, 'active_le', c.active_le, 'modifie_le', c.modifie_le)::text
      from comptes c
      join (select * from sessions where id = :session offset 0) s on s.compte_id = c.id
     cross join (
             select max(version) filter (where code = 'cgu') as cgu, max(version) filter (where code = 'rgpd') as rgpd
               from (select distinct on (code) code, version from documents_juridiques
                      where en_vigueur_le <= horloge()::date order by code, en_vigueur_le desc, publie_le desc) derniers) v
     where c.id = :compte and c.etat = 'actif' and c.effacement_le is null and s.terminee_le is null and s.expire_le > horloge()
"""  # noqa: S608  (constants)

_TITULAIRE = text(TITULAIRE)
_VERROUILLER = text("select id from comptes where id = :compte and etat = 'actif' for no key update")
_EMPREINTE = text("select empreinte_mdp, epoque from comptes where id = :compte")
_PROFIL = text("select profil, provenances from comptes where id = :compte")
_CONNU = text(
    """
    select profil, identifiant, array(select valeur from contacts where compte_id = c.id) as contacts
      from comptes c where id = :compte
    """
)
_MOT_DE_PASSE = text(
    """
    update comptes
       set empreinte_mdp = :empreinte, secret_depense_le = coalesce(secret_depense_le, horloge()), epoque = epoque + 1
     where id = :compte returning epoque
    """
)
_RENOMMER = text(
    """
    with ancien as (
      insert into identifiants_retires (empreinte, compte_id, libere_le)
      select empreinte_identifiant(identifiant), id, horloge() + :quarantaine from comptes
       where id = :compte and not exists (select from comptes where identifiant = :identifiant)
         and not exists (select from identifiants_retires
                          where empreinte = empreinte_identifiant(:identifiant) and compte_id is distinct from :compte)
      on conflict (empreinte) do update set libere_le = excluded.libere_le
      returning empreinte
    )
    update comptes set identifiant = :identifiant, modifie_le = horloge() where id = :compte and exists (select from ancien)
    """
)
# One's own former name, taken again, is in nobody's quarantine any more.
_REPRENDRE = text(
    "delete from identifiants_retires where compte_id = :compte and empreinte = empreinte_identifiant(:identifiant)"
)
_MODIFIER = text(
    """
    with fixe as (
      insert into contacts (compte_id, nature, valeur)
      select :compte, 'telephone_fixe', :fixe where cast(:fixe as text) is not null
      on conflict (compte_id, nature) do update set valeur = excluded.valeur, verifie_le = null
    ), sans_fixe as (
      delete from contacts where compte_id = :compte and nature = 'telephone_fixe' and cast(:fixe as text) is null
    )
    update comptes
       set profil = cast(:profil as jsonb), provenances = cast(:provenances as jsonb), langue = :langue, modifie_le = horloge()
     where id = :compte
    """
)
_REMPLACER = text(
    """
    with compte as (
      update comptes set modifie_le = horloge() where id = :compte
    )
    insert into contacts (compte_id, nature, valeur, recoit_sms, verifie_le)
    values (:compte, :nature, :valeur, :recoit_sms, coalesce(:prouve_le, horloge()))
    on conflict (compte_id, nature)
    do update set valeur = excluded.valeur, recoit_sms = excluded.recoit_sms, verifie_le = excluded.verifie_le
    """
)
_RETIRER_MOBILE = text(
    """
    with retire as (delete from contacts where compte_id = :compte and nature = 'telephone_mobile')
    update comptes set modifie_le = horloge() where id = :compte
    """
)
_PROUVE_LE = text("select verifie_le from contacts where compte_id = :compte and nature = :nature and valeur = :destination")
_DEMETTRE = text(
    f"""
    update contacts set verifie_le = null
     where compte_id = :compte
       and verifie_le > greatest(cast(:depuis as timestamptz), horloge() - cast(:opposition as interval))
    returning {CANAL} as canal, valeur
    """  # noqa: S608  (constants)
)
_PREVOIR = text("update comptes set effacement_le = horloge() + :delai where id = :compte returning effacement_le")
_PREVU = text("select effacement_le is not null from comptes where id = :compte")
_ANNULER = text("update comptes set effacement_le = null where id = :compte")


# SQLSTATE of a unique violation.
_DOUBLON = "23505"


class PgTitulaires(Titulaires):
    def __init__(self, connexion: AsyncConnection) -> None:
        self._connexion = connexion

    async def tenir(self, compte_id: UUID, session_id: UUID) -> Titulaire | None:
        await self._connexion.execute(TENIR, {"compte": compte_id})
        brut = (await self._connexion.execute(_TITULAIRE, {"compte": compte_id, "session": session_id})).scalar()
        return None if brut is None else msgspec.json.decode(brut, type=Titulaire)

    async def verrouiller(self, compte_id: UUID) -> bool:
        return (await self._connexion.execute(_VERROUILLER, {"compte": compte_id})).one_or_none() is not None

    async def empreinte_mdp(self, compte_id: UUID) -> tuple[str | None, int]:
        ligne = (await self._connexion.execute(_EMPREINTE, {"compte": compte_id})).one()
        return ligne.empreinte_mdp, ligne.epoque

    async def profil(self, compte_id: UUID) -> tuple[Profil, dict[str, Provenance]]:
        ligne = (await self._connexion.execute(_PROFIL, {"compte": compte_id})).one()
        return msgspec.convert(ligne.profil, Profil), msgspec.convert(ligne.provenances, dict[str, Provenance])

    async def mots_connus(self, compte_id: UUID) -> list[str]:
        ligne = (await self._connexion.execute(_CONNU, {"compte": compte_id})).one_or_none()
        return [] if ligne is None else mots_connus(msgspec.convert(ligne.profil, Profil), ligne.identifiant, ligne.contacts)

    async def changer_mot_de_passe(self, compte_id: UUID, empreinte: str | None) -> int:
        ordre = {"compte": compte_id, "empreinte": empreinte}
        epoque: int = (await self._connexion.execute(_MOT_DE_PASSE, ordre)).scalar_one()
        return epoque

    async def renommer(self, compte_id: UUID, identifiant: str, quarantaine: timedelta) -> bool:
        ordre: dict[str, Any] = {"compte": compte_id, "identifiant": identifiant, "quarantaine": quarantaine}
        # Of two that want it at once, by renaming or signing up, the unique index lets one through; to the other it is taken.
        try:
            async with self._connexion.begin_nested():
                renomme = (await self._connexion.execute(_RENOMMER, ordre)).rowcount == 1
        except IntegrityError as conflit:
            if getattr(conflit.orig, "sqlstate", None) != _DOUBLON:
                raise
            renomme = False
        if not renomme:
            return False
        await self._connexion.execute(_REPRENDRE, {"compte": compte_id, "identifiant": identifiant})
        return True

    async def modifier(
        self, compte_id: UUID, profil: Profil, provenances: Mapping[str, Provenance], langue: Langue, fixe: str | None
    ) -> None:
        ordre = {
            "compte": compte_id,
            "profil": msgspec.json.encode(profil).decode(),
            "provenances": msgspec.json.encode(provenances).decode(),
            "langue": langue,
            "fixe": fixe,
        }
        await self._connexion.execute(_MODIFIER, ordre)

    async def remplacer_contact(self, compte_id: UUID, contact: Contact, prouve_le: datetime | None = None) -> None:
        ordre = {
            "compte": compte_id,
            "nature": contact.nature,
            "valeur": contact.valeur,
            "recoit_sms": contact.recoit_sms,
            "prouve_le": prouve_le,
        }
        await self._connexion.execute(_REMPLACER, ordre)

    async def retirer_mobile(self, compte_id: UUID) -> None:
        await self._connexion.execute(_RETIRER_MOBILE, {"compte": compte_id})

    async def prouve_le(self, jeton: Jeton) -> datetime | None:
        ordre = {"compte": jeton.compte_id, "nature": CONTACT_DU_CANAL[jeton.canal], "destination": jeton.destination}
        instant: datetime | None = (await self._connexion.execute(_PROUVE_LE, ordre)).scalar()
        return instant

    async def demettre(self, compte_id: UUID, depuis: datetime) -> list[tuple[Canal, str]]:
        ordre = {"compte": compte_id, "depuis": depuis, "opposition": OPPOSITION}
        return [(ligne.canal, ligne.valeur) for ligne in await self._connexion.execute(_DEMETTRE, ordre)]

    async def prevoir_effacement(self, compte_id: UUID, delai: timedelta) -> datetime:
        jour: datetime = (await self._connexion.execute(_PREVOIR, {"compte": compte_id, "delai": delai})).scalar_one()
        return jour

    async def effacement_prevu(self, compte_id: UUID) -> bool:
        return bool((await self._connexion.execute(_PREVU, {"compte": compte_id})).scalar())

    async def annuler_effacement(self, compte_id: UUID) -> None:
        await self._connexion.execute(_ANNULER, {"compte": compte_id})
