"""The hot reads, on asyncpg directly: a statement through SQLAlchemy costs more than all the rest of such a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import asyncpg

from adapters.postgres.limites import colonnes
from adapters.postgres.pannes import traduire_pannes
from adapters.postgres.store import COMMANDE, CONNEXION
from domain.erreurs import TropDeDemandes
from domain.limites import Limite
from domain.ports import Disponibilites

_LIBRE = "select not exists (select from comptes where identifiant = $1)"
# The limit is spent in the statement that answers; what it forbids is not looked at.
_LIBRE_COMPTEE = """
    select l.attendre, l.attendre is null and not exists (select from comptes where identifiant = $1) as libre
      from (select depenser_sans_attendre($2, $3, $4) as attendre offset 0) l
"""
_PREMIERS = "select premier_libre(b) from unnest($1::text[]) with ordinality u (b, rang) order by rang"
_DEPENSER = "select depenser_sans_attendre($1, $2, $3)"


class PgDisponibilites(Disponibilites):
    """An asynchronous context: the pool lives inside. Connections are made at the first need, not at start."""

    def __init__(self, url: str, taille: int) -> None:
        self._url, self._taille = url, taille
        self._pool: asyncpg.Pool

    async def __aenter__(self) -> Self:
        self._pool = await asyncpg.create_pool(
            self._url, min_size=0, max_size=self._taille, timeout=CONNEXION, command_timeout=COMMANDE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def libre(self, identifiant: str, limites: Sequence[Limite]) -> bool:
        async with traduire_pannes():
            if not limites:
                return bool(await self._pool.fetchval(_LIBRE, identifiant))
            attendre, libre = await self._pool.fetchrow(_LIBRE_COMPTEE, identifiant, *colonnes(limites))
        _exiger(attendre)
        return bool(libre)

    async def premiers_libres(self, bases: Sequence[str], limites: Sequence[Limite]) -> list[str]:
        async with traduire_pannes(), self._pool.acquire() as connexion:
            if limites:
                _exiger(await connexion.fetchval(_DEPENSER, *colonnes(limites)))
            return [ligne[0] for ligne in await connexion.fetch(_PREMIERS, list(bases))]


def _exiger(attendre: float | None) -> None:
    if attendre is not None:
        raise TropDeDemandes(attendre)
