"""Passages through a provider, and the identities attached to accounts: each step is one guarded statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.federation import Fournisseur, IdentiteAttachee, IdentiteRecue
from domain.identites import Passages
from domain.passage import IdentiteConnue, Passage
from domain.profils import Profil
from domain.titulaire import Provenance

_RENDU = "id, fournisseur, intention, retour, compte_id, session_id, identite"
_OUVRIR = text(
    """
    insert into passages (id, fournisseur, intention, retour, defi, compte_id, session_id, expire_le)
    values (:id, :fournisseur, :intention, :retour, :defi, :compte, :session, horloge() + :duree)
    returning expire_le
    """
)
_REVENIR = text(
    f"""
    update passages set revenu_le = horloge() where id = :id and revenu_le is null and expire_le > horloge() returning {_RENDU}
    """  # noqa: S608  (constants)
)
_RETOUR = text(
    """
    select retour, identite is not null and echange_le is null and expire_le > horloge() as attendu from passages where id = :id
    """
)
_DEPOSER = text("update passages set identite = :identite, expire_le = horloge() + :duree where id = :id")
_ECHANGER = text(
    f"""
    update passages set echange_le = horloge(), expire_le = horloge() + :duree
     where id = :id and defi = :defi and identite is not null and echange_le is null and expire_le > horloge()
    returning {_RENDU}, expire_le
    """  # noqa: S608
)
_A_DEPENSER = """id = :id and echange_le is not null and depense_le is null
   and compte_id is not distinct from cast(:compte as uuid) and expire_le > horloge()"""
_ABANDONNER = text(
    f"""
    update passages set depense_le = coalesce(depense_le, horloge())
     where id = :id and echange_le is not null and compte_id is null and expire_le > horloge()
    returning {_RENDU}
    """  # noqa: S608
)
_DEPENSER = text(f"update passages set depense_le = horloge() where {_A_DEPENSER} returning {_RENDU}")  # noqa: S608
_REGARDER = text(f"select {_RENDU} from passages where {_A_DEPENSER}")  # noqa: S608
_CONNUE = text(
    """
    select i.id, c.id as compte_id, c.identifiant, c.etat, c.effacement_le is not null as effacement_prevu
      from identites_federees i join comptes c on c.id = i.compte_id where i.emetteur = :emetteur and i.sub = :sub
    """
)
_SEMBLABLE = text(
    """
    select exists (select from identites_federees i join comptes c on c.id = i.compte_id
                    where i.empreinte_pivot = :empreinte and c.etat = 'actif')
    """
)
# Whoever would attach an identity takes their turn.
_VERROU_D_IDENTITE = text("select pg_advisory_xact_lock(hashtextextended(:emetteur || chr(10) || :sub, 0))")
# By itself, after that wait: it sees what the others did. An activation under way is waited for, and wins.
_RECOMMENCER = text(
    """
    with efface as (
      delete from comptes
       where etat = 'en_attente' and id = (select compte_id from identites_federees where emetteur = :emetteur and sub = :sub)
      returning id
    )
    select pg_notify('comptoir', 'inscription.' || id) from efface
    """
)
_ATTACHER = text(
    """
    insert into identites_federees (emetteur, sub, compte_id, fournisseur, revendications, empreinte_pivot, jeton_identite)
    values (:emetteur, :sub, :compte, :fournisseur, cast(:revendications as jsonb), :empreinte, :jeton)
    on conflict (emetteur, sub) do nothing
    """
)
_REVOIR = text(
    """
    update identites_federees set vue_le = horloge(), revendications = cast(:revendications as jsonb)
     where emetteur = :emetteur and sub = :sub
    """
)
_IDENTITES = text(
    """
    select id, fournisseur, emetteur, sub, rattachee_le, vue_le, revendications
      from identites_federees where compte_id = :compte order by rattachee_le
    """
)
# What was on its way to be attached is given up too: that proof was of before (R79).
_DETACHER = text(
    """
    with abandonnes as (delete from passages where compte_id = :compte)
    delete from identites_federees where compte_id = :compte and id = any(:identites)
    """
)
_EVINCER = text(
    """
    with abandonnes as (delete from passages where compte_id = :compte),
    depuis as (select min(verifie_le) as le from contacts where compte_id = :compte),
    detachees as (
      delete from identites_federees using depuis where compte_id = :compte and rattachee_le > le returning fournisseur
    )
    select distinct fournisseur from detachees order by fournisseur
    """
)
_NOTER = text(
    """
    insert into deconnexions (session_id, fournisseur, jeton_identite)
    select id, :fournisseur, :jeton from sessions where id = :session
    on conflict (session_id, fournisseur) do update set jeton_identite = excluded.jeton_identite
    """
)
# The sign-up's secret, good for days, says nothing of when its author proved to be that person.
_CONFIER = text(
    """
    with recent as (
      select id, fournisseur, jeton_identite from identites_federees
       where compte_id = :compte and jeton_identite is not null order by rattachee_le desc limit 1
    ), ouverte as (
      update sessions s set identite_id = recent.id from recent where s.id = :session
    ), confie as (
      insert into deconnexions (session_id, fournisseur, jeton_identite)
      select :session, fournisseur, jeton_identite from recent
    )
    update identites_federees set jeton_identite = null where compte_id = :compte and jeton_identite is not null
    """
)
_JETONS = text("select fournisseur, jeton_identite from deconnexions where session_id = :session order by fournisseur")
_COMPLETER = text(
    """
    update comptes set profil = cast(:profil as jsonb), provenances = cast(:provenances as jsonb) where id = :compte
    """
)


class PgPassages(Passages):
    def __init__(self, connexion: AsyncConnection) -> None:
        self._connexion = connexion

    async def ouvrir(self, passage: Passage, defi: str, duree: timedelta) -> datetime:
        ordre = {
            "id": passage.id,
            "fournisseur": passage.fournisseur,
            "intention": passage.intention,
            "retour": passage.retour,
            "defi": defi,
            "compte": passage.compte_id,
            "session": passage.session_id,
            "duree": duree,
        }
        fin: datetime = (await self._connexion.execute(_OUVRIR, ordre)).scalar_one()
        return fin

    async def revenir(self, id: UUID) -> Passage | None:
        return _passage((await self._connexion.execute(_REVENIR, {"id": id})).one_or_none())

    async def retour(self, id: UUID) -> tuple[str, bool] | None:
        ligne = (await self._connexion.execute(_RETOUR, {"id": id})).one_or_none()
        return None if ligne is None else (ligne.retour, ligne.attendu)

    async def deposer(self, id: UUID, identite: bytes, duree: timedelta) -> None:
        await self._connexion.execute(_DEPOSER, {"id": id, "identite": identite, "duree": duree})

    async def echanger(self, id: UUID, defi: str, duree: timedelta) -> tuple[Passage, datetime] | None:
        ligne = (await self._connexion.execute(_ECHANGER, {"id": id, "defi": defi, "duree": duree})).one_or_none()
        passage = _passage(ligne)
        return None if ligne is None or passage is None else (passage, ligne.expire_le)

    async def depenser(self, id: UUID, compte_id: UUID | None = None) -> Passage | None:
        return _passage((await self._connexion.execute(_DEPENSER, {"id": id, "compte": compte_id})).one_or_none())

    async def abandonner(self, id: UUID) -> Passage | None:
        return _passage((await self._connexion.execute(_ABANDONNER, {"id": id})).one_or_none())

    async def regarder(self, id: UUID) -> Passage | None:
        return _passage((await self._connexion.execute(_REGARDER, {"id": id, "compte": None})).one_or_none())

    async def connue(self, emetteur: str, sub: str) -> IdentiteConnue | None:
        ligne = (await self._connexion.execute(_CONNUE, {"emetteur": emetteur, "sub": sub})).one_or_none()
        return None if ligne is None else msgspec.convert(ligne, IdentiteConnue, from_attributes=True)

    async def semblable(self, empreinte: bytes) -> bool:
        return bool((await self._connexion.execute(_SEMBLABLE, {"empreinte": empreinte})).scalar())

    async def recommencer(self, emetteur: str, sub: str) -> None:
        cle = {"emetteur": emetteur, "sub": sub}
        await self._connexion.execute(_VERROU_D_IDENTITE, cle)
        await self._connexion.execute(_RECOMMENCER, cle)

    async def attacher(
        self, compte_id: UUID, identite: IdentiteRecue, empreinte: bytes | None, jeton: bytes | None = None
    ) -> bool:
        ordre = _cle(identite) | {
            "compte": compte_id,
            "fournisseur": identite.fournisseur,
            "empreinte": empreinte,
            "jeton": jeton,
        }
        return (await self._connexion.execute(_ATTACHER, ordre)).rowcount == 1

    async def revoir(self, identite: IdentiteRecue) -> None:
        await self._connexion.execute(_REVOIR, _cle(identite))

    async def identites(self, compte_id: UUID) -> list[IdentiteAttachee]:
        lignes = (await self._connexion.execute(_IDENTITES, {"compte": compte_id})).all()
        return [msgspec.convert(ligne, IdentiteAttachee, from_attributes=True) for ligne in lignes]

    async def detacher(self, compte_id: UUID, identites: Sequence[UUID]) -> None:
        await self._connexion.execute(_DETACHER, {"compte": compte_id, "identites": list(identites)})

    async def evincer(self, compte_id: UUID) -> list[Fournisseur]:
        return list((await self._connexion.execute(_EVINCER, {"compte": compte_id})).scalars())

    async def noter_session(self, session_id: UUID, fournisseur: Fournisseur, jeton: bytes) -> None:
        await self._connexion.execute(_NOTER, {"session": session_id, "fournisseur": fournisseur, "jeton": jeton})

    async def confier_jeton(self, compte_id: UUID, session_id: UUID) -> None:
        await self._connexion.execute(_CONFIER, {"compte": compte_id, "session": session_id})

    async def jetons_de_session(self, session_id: UUID) -> list[tuple[Fournisseur, bytes]]:
        return [(n.fournisseur, n.jeton_identite) for n in await self._connexion.execute(_JETONS, {"session": session_id})]

    async def completer(self, compte_id: UUID, profil: Profil, provenances: Mapping[str, Provenance]) -> None:
        ordre = {
            "compte": compte_id,
            "profil": msgspec.json.encode(profil).decode(),
            "provenances": msgspec.json.encode(provenances).decode(),
        }
        await self._connexion.execute(_COMPLETER, ordre)


def _cle(identite: IdentiteRecue) -> dict[str, Any]:
    revendications = msgspec.json.encode(identite.revendications).decode()
    return {"emetteur": identite.emetteur, "sub": identite.sub, "revendications": revendications}


def _passage(ligne: Any) -> Passage | None:
    return None if ligne is None else msgspec.convert(ligne, Passage, from_attributes=True)
