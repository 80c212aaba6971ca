"""A small pool of asyncpg's own connections, for the reads where SQLAlchemy would cost more than the rest of the request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import asyncpg
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from adapters.postgres.adresse import reglages
from adapters.postgres.delais import ATTENTE
from adapters.postgres.pannes import traduire_pannes


class Lectures:
    """An asynchronous context: the pool lives inside. Connections are made at the first need, not at start."""

    def __init__(self, url: str, taille: int) -> None:
        self._reglages, self._taille = reglages(url), taille
        # Connecting is part of it, where the pool has none ready: whoever gave that longer is not cut short.
        self._attente: float = max(ATTENTE, self._reglages["timeout"])
        self._pool: asyncpg.Pool

    async def __aenter__(self) -> Self:
        self._pool = await asyncpg.create_pool(**self._reglages, min_size=0, max_size=self._taille, reset=_rien_a_remettre)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def lignes(self, ordre: str, *valeurs: Any) -> Sequence[asyncpg.Record]:
        """Refuses with `Indisponible`, as every read here."""
        async with self._connexion() as connexion:
            lues: Sequence[asyncpg.Record] = await connexion.fetch(ordre, *valeurs)
            return lues

    async def ligne(self, ordre: str, *valeurs: Any) -> asyncpg.Record | None:
        async with self._connexion() as connexion:
            return await connexion.fetchrow(ordre, *valeurs)

    async def valeur(self, ordre: str, *valeurs: Any) -> Any:
        async with self._connexion() as connexion:
            return await connexion.fetchval(ordre, *valeurs)

    @asynccontextmanager
    async def _connexion(self) -> AsyncIterator[Any]:
        async with traduire_pannes(), self._pool.acquire(timeout=self._attente) as connexion:
            yield connexion


def positionnel(ordre: TextClause) -> tuple[str, tuple[str, ...]]:
    """The same statement for the driver itself, and the names of its parameters in their order."""
    compile_ = ordre.compile(dialect=dialect())  # type: ignore[no-untyped-call]
    return compile_.string, tuple(compile_.positiontup or ())


async def _rien_a_remettre(_: object) -> None:
    """Single statements leave nothing behind in a session: the usual reset would double the round trips."""
