"""Connections and transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.postgres.adresse import reglages
from adapters.postgres.avis import PgAvis
from adapters.postgres.comptes import PgComptes
from adapters.postgres.delais import ATTENTE
from adapters.postgres.idempotence import PgReponses
from adapters.postgres.jetons import PgJetons
from adapters.postgres.limites import PgLimites
from adapters.postgres.pannes import traduire_pannes
from adapters.postgres.passages import PgPassages
from adapters.postgres.recuperations import PgFileRecuperations
from adapters.postgres.registre import PgRegistre
from adapters.postgres.sessions import PgSessions
from adapters.postgres.titulaires import PgTitulaires
from domain.activite import Activite
from domain.transaction import Store, Transaction


def moteur(url: str, taille: int) -> AsyncEngine:
    """`taille`: connections at most."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # The driver reads the URL, not SQLAlchemy: options have other names there.
        async_creator=partial(asyncpg.connect, **reglages(url)),
        pool_size=taille,
        max_overflow=0,
        pool_timeout=ATTENTE,
        # An error's text would otherwise carry the statement's parameters: names, addresses.
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "checkout", _exiger_ouverte)
    return engine


def _exiger_ouverte(connexion: Any, *_: object) -> None:
    """The pool replaces a connection that the server has closed: the driver knows, without the round trip of a ping."""
    if connexion.driver_connection.is_closed():
        raise DisconnectionError


class PgStore(Store):
    """`temoin`: told each line of the feed once it is committed, and not before."""

    def __init__(self, engine: AsyncEngine, temoin: Callable[[UUID, Activite], None]) -> None:
        self._engine, self._temoin = engine, temoin
        # Reads that stand alone: no BEGIN, no ROLLBACK around them.
        self._seules = engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        notees: list[tuple[UUID, Activite]] = []
        async with traduire_pannes(), self._engine.begin() as connexion:
            yield Transaction(
                comptes=PgComptes(connexion, notees),
                jetons=PgJetons(connexion),
                limites=PgLimites(connexion),
                reponses=PgReponses(connexion),
                sessions=PgSessions(connexion, notees),
                titulaires=PgTitulaires(connexion),
                registre=PgRegistre(connexion, notees),
                avis=PgAvis(connexion),
                recuperations=PgFileRecuperations(connexion),
                passages=PgPassages(connexion),
            )
        for compte_id, activite in notees:
            self._temoin(compte_id, activite)

    @asynccontextmanager
    async def lecture(self) -> AsyncIterator[PgComptes]:
        async with traduire_pannes(), self._seules.connect() as connexion:
            yield PgComptes(connexion, [])
