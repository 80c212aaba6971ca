"""What stands before a sign-in, on the light pool: the account named, and the count of its failures."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import msgspec

from adapters.postgres.lectures import Lectures
from adapters.postgres.limites import colonnes
from domain.erreurs import TropDeDemandes
from domain.limites import Limite
from domain.ports import Connexions
from domain.session import Candidat

_CANDIDAT = "c.id, c.etat, c.empreinte_mdp, c.effacement_le is not null as effacement_prevu"
_PAR_IDENTIFIANT = f"select {_CANDIDAT} from comptes c where c.identifiant = $1"  # noqa: S608  (constants)
# Two are enough to know that it designates nobody.
_PAR_EMAIL = f"""
    select {_CANDIDAT} from contacts k join comptes c on c.id = k.compte_id
     where k.nature = 'email' and k.verifie_le is not null and lower(k.valeur collate "C") = lower($1 collate "C")
       and c.etat = 'actif' limit 2
"""  # noqa: S608
_TENTER = "select permis, attendre from tenter_connexion($1, $2, $3, $4)"


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
        if attendre is not None:
            raise TropDeDemandes(attendre)
        return bool(permis)


def _candidat(lignes: Sequence[asyncpg.Record]) -> Candidat | None:
    return msgspec.convert(dict(lignes[0]), Candidat) if len(lignes) == 1 else None
