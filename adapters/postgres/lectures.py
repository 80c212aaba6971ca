"""A small pool of asyncpg's own connections, for the reads where SQLAlchemy would cost more than the rest of the request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import asyncpg
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from adapters.postgres.adresse import reglages
from adapters.postgres.pannes import traduire_pannes


class Lectures:
    """An asynchronous context: the pool lives inside. Connections are made at the first need, not at start."""

    def __init__(self, url: str, taille: int) -> None:
        self._url, self._taille = url, taille
        self._pool: asyncpg.Pool

    async def __aenter__(self) -> Self:
        self._pool = await asyncpg.create_pool(**reglages(self._url), min_size=0, max_size=self._taille, reset=_rien_a_remettre)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def lignes(self, ordre: str, *valeurs: Any) -> Sequence[asyncpg.Record]:
        """Refuses with `Indisponible`, as every read here."""
        async with traduire_pannes():
            lues: Sequence[asyncpg.Record] = await self._pool.fetch(ordre, *valeurs)
            return lues

    async def ligne(self, ordre: str, *valeurs: Any) -> asyncpg.Record | None:
        async with traduire_pannes():
            return await self._pool.fetchrow(ordre, *valeurs)

    async def valeur(self, ordre: str, *valeurs: Any) -> Any:
        async with traduire_pannes():
            return await self._pool.fetchval(ordre, *valeurs)


def positionnel(ordre: TextClause) -> tuple[str, tuple[str, ...]]:
    """The same statement for the driver itself, and the names of its parameters in their order."""
    compile_ = ordre.compile(dialect=dialect())  # type: ignore[no-untyped-call]
    return compile_.string, tuple(compile_.positiontup or ())


async def _rien_a_remettre(_: object) -> None:
    """Single statements leave nothing behind in a session: the usual reset would double the round trips."""
