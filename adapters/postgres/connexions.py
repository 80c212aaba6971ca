"""Signing in and going on, on the light pool: single statements, each of which commits by itself."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from adapters.postgres.lectures import Lectures, positionnel
from adapters.postgres.limites import colonnes, exiger
from adapters.postgres.sessions import OUVRIR, RENDU, ordre_ouvrir
from domain.limites import Limite
from domain.ports import Connexions
from domain.session import Candidat, SessionNeuve, SessionOuverte
from domain.transaction import NouvelleSession

_CANDIDAT = """c.id, c.etat, c.empreinte_mdp, c.epoque, c.effacement_le is not null as effacement_prevu,
    c.etat = 'en_attente' and c.expire_le <= horloge() as expire"""
_PAR_IDENTIFIANT = f"select {_CANDIDAT} from comptes c where c.identifiant = $1"  # noqa: S608  (constants)
# Two are enough to know that it designates nobody.
_PAR_EMAIL = f"""
    select {_CANDIDAT} from contacts k join comptes c on c.id = k.compte_id
     where k.nature = 'email' and k.verifie_le is not null and lower(k.valeur collate "C") = lower($1 collate "C")
       and c.etat = 'actif' limit 2
"""  # noqa: S608
_TENTER = "select permis, attendre from tenter_connexion($1, $2, $3, $4)"
_RENDRE = "select rendre_sans_attendre($1, $2)"
_OUVRIR, _NOMS = positionnel(OUVRIR)
_TOURNER = f"""
    update sessions
       set rang = rang + 1, empreinte = $4, tournee_le = horloge(), expire_le = least(fin_le, horloge() + inactivite)
     where id = $1 and rang = $2 and empreinte = $3 and terminee_le is null and expire_le > horloge()
       and exists (select from comptes where id = compte_id and etat = 'actif' and effacement_le is null)
    returning {RENDU}
"""  # noqa: S608


class PgConnexions(Connexions):
    def __init__(self, lectures: Lectures) -> None:
        self._lectures = lectures

    async def par_identifiant(self, identifiant: str) -> Candidat | None:
        return _candidat(await self._lectures.lignes(_PAR_IDENTIFIANT, identifiant))

    async def par_email(self, email: str) -> Candidat | None:
        return _candidat(await self._lectures.lignes(_PAR_EMAIL, email))

    async def tenter(self, frein: bytes | None, limites: Sequence[Limite]) -> bool:
        if frein is None and not limites:
            return True
        [(permis, attendre)] = await self._lectures.lignes(_TENTER, frein, *colonnes(limites))
        exiger(attendre)
        return bool(permis)

    async def rendre(self, frein: bytes | None, limites: Sequence[Limite]) -> None:
        if frein is not None or limites:
            await self._lectures.lignes(_RENDRE, frein, [limite.cle for limite in limites])

    async def annuler(self, frein: bytes | None, limites: Sequence[Limite]) -> None:
        # The account's count is one like the others here: its last instant goes, and not the whole of it.
        cles = [*([] if frein is None else [frein]), *(limite.cle for limite in limites)]
        if cles:
            await self._lectures.lignes(_RENDRE, None, cles)

    async def ouvrir(self, session: NouvelleSession, rehachee: str | None = None) -> SessionNeuve | None:
        ordre = ordre_ouvrir(session, rehachee)
        ligne = await self._lectures.ligne(_OUVRIR, *(ordre[nom] for nom in _NOMS))
        return None if ligne is None else msgspec.convert(dict(ligne), SessionNeuve)

    async def tourner(self, id: UUID, rang: int, presentee: bytes, suivante: bytes) -> SessionOuverte | None:
        ligne = await self._lectures.ligne(_TOURNER, id, rang, presentee, suivante)
        return None if ligne is None else msgspec.convert(dict(ligne), SessionOuverte)


def _candidat(lignes: Sequence[asyncpg.Record]) -> Candidat | None:
    return msgspec.convert(dict(lignes[0]), Candidat) if len(lignes) == 1 else None
