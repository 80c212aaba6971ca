"""Sliding windows, spent by one function of the database: exact under concurrency and across processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.erreurs import TropDeDemandes
from domain.limites import ECHECS_LIBRES, ECHECS_PAR_JOUR, Limite
from domain.transaction import Limites

_DEPENSER = text("select depenser(cast(:cles as bytea[]), cast(:nombres as integer[]), cast(:secondes as integer[]))")


_FREINER = text("select freiner(:frein)")
# What `freiner` waits for: the delay since the last failure, and a place in the day.
_ATTENTE = text(
    """
    select extract(epoch from greatest(
             max(i) + least(interval '15 minutes', interval '1 minute' * 2 ^ (count(*) - :libres)),
             case when count(*) >= :par_jour then min(i) + interval '24 hours' end) - horloge())::float
      from limites, unnest(instants) i where cle = :frein and i > horloge() - interval '24 hours'
    """
)
_RENDRE = text("select rendre(:frein, cast(:cles as bytea[]))")


class PgLimites(Limites):
    def __init__(self, connexion: AsyncConnection) -> None:
        self._connexion = connexion

    async def depenser(self, limites: Sequence[Limite]) -> float | None:
        if not limites:
            return None
        cles, nombres, secondes = colonnes(limites)
        ordre: dict[str, Any] = {"cles": cles, "nombres": nombres, "secondes": secondes}
        attendre: float | None = (await self._connexion.execute(_DEPENSER, ordre)).scalar()
        return attendre

    async def exiger(self, limites: Sequence[Limite]) -> None:
        exiger(await self.depenser(limites))

    async def freiner(self, frein: bytes) -> bool:
        return bool((await self._connexion.execute(_FREINER, {"frein": frein})).scalar())

    async def attente(self, frein: bytes) -> float:
        ordre = {"frein": frein, "libres": ECHECS_LIBRES, "par_jour": ECHECS_PAR_JOUR}
        secondes: float | None = (await self._connexion.execute(_ATTENTE, ordre)).scalar()
        return secondes or 0.0

    async def rendre(self, frein: bytes | None, limites: Sequence[Limite]) -> None:
        if frein is not None or limites:
            await self._connexion.execute(_RENDRE, {"frein": frein, "cles": [limite.cle for limite in limites]})


def exiger(attendre: float | None) -> None:
    if attendre is not None:
        raise TropDeDemandes(attendre)


def colonnes(limites: Sequence[Limite]) -> tuple[list[bytes], list[int], list[int]]:
    """The windows as the database takes them: a key, a number, seconds, one entry a window."""
    lignes = [(limite.cle, f.nombre, f.secondes) for limite in limites for f in limite.fenetres]
    return [c for c, _, _ in lignes], [n for _, n, _ in lignes], [s for _, _, s in lignes]
