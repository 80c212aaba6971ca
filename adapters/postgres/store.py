"""Connections and transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.postgres.comptes import PgComptes
from adapters.postgres.idempotence import PgReponses
from adapters.postgres.jetons import PgJetons
from adapters.postgres.limites import PgLimites
from adapters.postgres.pannes import traduire_pannes
from domain.ports import Store, Transaction

# Every wait has an end (R98): connecting, taking a connection from the pool, and any one statement, lock waits included.
CONNEXION, ATTENTE, COMMANDE = 5.0, 5.0, 10.0


def moteur(url: str, taille: int) -> AsyncEngine:
    """`url`: `postgresql://…` (libpq's form, `?host=` for a socket folder). `taille`: connections at most."""
    return create_async_engine(
        _dialecte(url),
        pool_size=taille,
        max_overflow=0,
        pool_timeout=ATTENTE,
        pool_pre_ping=True,
        # An error's text would otherwise carry the statement's parameters: names, addresses.
        hide_parameters=True,
        connect_args={"timeout": CONNEXION, "command_timeout": COMMANDE},
    )


def _dialecte(url: str) -> URL:
    return make_url(url).set(drivername="postgresql+asyncpg")


class PgStore(Store):
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # Reads that stand alone: no BEGIN, no ROLLBACK around them.
        self._seules = engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with traduire_pannes(), self._engine.begin() as connexion:
            yield Transaction(
                comptes=PgComptes(connexion),
                jetons=PgJetons(connexion),
                limites=PgLimites(connexion),
                reponses=PgReponses(connexion),
            )

    @asynccontextmanager
    async def lecture(self) -> AsyncIterator[PgComptes]:
        async with traduire_pannes(), self._seules.connect() as connexion:
            yield PgComptes(connexion)
