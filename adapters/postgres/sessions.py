"""Refresh families. The rank and the digest of the current token decide, by one guarded statement; nothing is read first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.activite import Activite
from domain.session import LONGUE, SESSIONS_PAR_COMPTE, Presentation, SessionNeuve, SessionOuverte
from domain.transaction import NouvelleSession, Sessions

# What a session gives whoever opened it or goes on with it.
RENDU = (
    "id, compte_id, rang, expire_le, fin_le, extract(epoch from fin_le - horloge())::float as reste, "
    f"inactivite = interval '{LONGUE.inactivite} seconds' as rester_connecte"
)
# The account's row is written, hence held: a reset that ran meanwhile has changed the hash, and nothing opens on the old one.
OUVRIR = text(
    f"""
    with compte as (
      update comptes set vu_le = horloge()::date, averti_le = null, empreinte_mdp = coalesce(:rehachee, empreinte_mdp)
       where id = :compte and etat = 'actif' and effacement_le is null
         and (cast(:verifiee as text) is null or empreinte_mdp = :verifiee)
      returning id, epoque
    ), session as (
      insert into sessions
        (id, compte_id, empreinte, inactivite, agent, adresse, appareil_partage, expire_le, fin_le, identite_id,
         authentifiee_le)
      select :id, compte.id, :empreinte, make_interval(secs => :inactivite), :agent, :adresse, :partage,
             horloge() + make_interval(secs => :inactivite), horloge() + make_interval(secs => :absolue),
             cast(:identite as uuid),
             case when cast(:identite as uuid) is not null then coalesce(cast(:authentifiee as timestamptz), '-infinity')
                  when :par_secret then '-infinity'
                  else horloge() end
        from compte
      returning *
    ), noter as (
      insert into activites (compte_id, nature, details)
      select id, 'connexion', jsonb_strip_nulls(jsonb_build_object(
               'agent', cast(:agent as text), 'adresse', cast(:adresse as text),
               'fournisseur', cast(:fournisseur as text)))
        from compte
    )
    select session.*, compte.epoque
      from (select {RENDU} from session) session, compte, borner_sessions(session.id, session.compte_id, :autres)
    """  # noqa: S608  (constants)
)
_PRESENTER = text(
    f"""
    select {RENDU}, empreinte,
           case when terminee_le is not null or expire_le <= horloge()
                  or not exists (select from comptes where id = compte_id and etat = 'actif' and effacement_le is null)
                then 'finie'
                when rang = :rang + 1 and tournee_le > horloge() - cast(:reprise as interval) then 'reprise'
                when rang > :rang then 'reutilisee' else 'finie' end as sens
      from sessions where id = :id for update
    """  # noqa: S608
)
_TERMINER = text(
    """
    update sessions set terminee_le = horloge(), motif = :motif
     where id = :id and compte_id = :compte and terminee_le is null and expire_le > horloge()
    """
)
_TERMINER_TOUTES = text(
    """
    update sessions set terminee_le = horloge(), motif = :motif
     where compte_id = :compte and terminee_le is null and expire_le > horloge() and id is distinct from cast(:sauf as uuid)
    """
)
_TERMINER_OUVERTES_PAR = text(
    """
    update sessions set terminee_le = horloge(), motif = :motif
     where compte_id = :compte and identite_id = any(:identites) and terminee_le is null and expire_le > horloge()
    returning id
    """
)
_REAUTHENTIFIER_PAR = text(
    """
    update sessions s set authentifiee_le = cast(:le as timestamptz)
      from passages p
     where s.id = :id and p.id = :passage and cast(:le as timestamptz) >= p.cree_le - cast(:ecart as interval)
       and cast(:le as timestamptz) > horloge() - cast(:fraicheur as interval)
    returning s.authentifiee_le + cast(:fraicheur as interval)
    """
)
_REAUTHENTIFIER = text("update sessions set authentifiee_le = horloge() where id = :id returning authentifiee_le + :fraicheur")


class PgSessions(Sessions):
    """`notees`: where the lines of the feed are told too."""

    def __init__(self, connexion: AsyncConnection, notees: list[tuple[UUID, Activite]]) -> None:
        self._connexion, self._notees = connexion, notees

    async def ouvrir(self, session: NouvelleSession, rehachee: str | None = None) -> SessionNeuve | None:
        ligne = (await self._connexion.execute(OUVRIR, ordre_ouvrir(session, rehachee))).one_or_none()
        if ligne is None:
            return None
        self._notees.append((session.compte_id, Activite(nature="connexion")))
        return msgspec.convert(ligne, SessionNeuve, from_attributes=True)

    async def presenter(self, id: UUID, rang: int, reprise: timedelta) -> tuple[Presentation, SessionOuverte, bytes] | None:
        ordre = {"id": id, "rang": rang, "reprise": reprise}
        ligne = (await self._connexion.execute(_PRESENTER, ordre)).one_or_none()
        session = _session(ligne)
        return None if ligne is None or session is None else (Presentation(ligne.sens), session, ligne.empreinte)

    async def terminer(self, compte_id: UUID, id: UUID, motif: str) -> bool:
        return (await self._connexion.execute(_TERMINER, {"id": id, "compte": compte_id, "motif": motif})).rowcount == 1

    async def terminer_toutes(self, compte_id: UUID, motif: str, sauf: UUID | None = None) -> None:
        await self._connexion.execute(_TERMINER_TOUTES, {"compte": compte_id, "motif": motif, "sauf": sauf})

    async def terminer_ouvertes_par(self, compte_id: UUID, identites: Sequence[UUID], motif: str) -> list[UUID]:
        ordre = {"compte": compte_id, "identites": list(identites), "motif": motif}
        return list((await self._connexion.execute(_TERMINER_OUVERTES_PAR, ordre)).scalars())

    async def reauthentifier(self, id: UUID, fraicheur: timedelta) -> datetime:
        jusque: datetime = (await self._connexion.execute(_REAUTHENTIFIER, {"id": id, "fraicheur": fraicheur})).scalar_one()
        return jusque

    async def reauthentifier_par(
        self, id: UUID, passage_id: UUID, le: datetime, ecart: timedelta, fraicheur: timedelta
    ) -> datetime | None:
        ordre = {"id": id, "passage": passage_id, "le": le, "ecart": ecart, "fraicheur": fraicheur}
        jusque: datetime | None = (await self._connexion.execute(_REAUTHENTIFIER_PAR, ordre)).scalar()
        return jusque


def _session(ligne: Row[Any] | None) -> SessionOuverte | None:
    return None if ligne is None else msgspec.convert(ligne, SessionOuverte, from_attributes=True)


def ordre_ouvrir(session: NouvelleSession, rehachee: str | None) -> dict[str, Any]:
    return {
        "id": session.id,
        "compte": session.compte_id,
        "empreinte": session.empreinte,
        "inactivite": session.duree.inactivite,
        "absolue": session.duree.absolue,
        "agent": session.agent,
        "adresse": session.adresse,
        "partage": session.appareil_partage,
        "verifiee": session.verifiee,
        "par_secret": session.par_secret,
        "rehachee": rehachee,
        "identite": session.par and session.par.identite_id,
        "fournisseur": session.par and session.par.fournisseur,
        "authentifiee": session.par and session.par.authentifiee_le,
        "autres": SESSIONS_PAR_COMPTE - 1,
    }
