"""One PostgreSQL a run, one migrated database a test; the real use cases, a quick hasher, captured messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import asyncpg
import hypothesis
import pytest

from adapters.embedded_postgres import EmbeddedPostgres
from app.composition import migrer_base
from app.settings import Settings
from tests.e2e.processus import dossier_jetable
from tests.recueil import Recueil
from tests.service import Service

# On top of the profile in force. Examples are judged by what they give, not by how long a busy machine takes over one.
hypothesis.settings.register_profile("essais", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("essais")

_numeros = count()
_CLES = "essai:" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="


@pytest.fixture(scope="session")
def serveur() -> Iterator[EmbeddedPostgres]:
    with dossier_jetable() as dossier, EmbeddedPostgres(dossier / "pg", fast=True) as pg:
        asyncio.run(_modele(pg))
        yield pg


async def _modele(pg: EmbeddedPostgres) -> None:
    await migrer_base(Settings(database_url=pg.url(), database_owner_url=pg.url_owner()))
    admin = await asyncpg.connect(pg.url_owner("postgres"))
    await admin.execute("alter database comptoir rename to modele")
    await admin.close()


@pytest.fixture
async def base(serveur: EmbeddedPostgres) -> AsyncIterator[str]:
    """The name of a fresh database, migrated."""
    nom = f"essai_{next(_numeros)}"
    admin = await asyncpg.connect(serveur.url_owner("postgres"))
    await admin.execute(f"create database {nom} template modele strategy wal_log")
    yield nom
    await admin.execute(f"drop database {nom} with (force)")
    await admin.close()


@pytest.fixture
def settings(serveur: EmbeddedPostgres, base: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=serveur.url().replace("/comptoir?", f"/{base}?"),
        database_owner_url=serveur.url_owner(base),
        data_dir=str(tmp_path),
        public_url="https://compte.exemple.fr",
        secret_keys=_CLES,
        worker="off",
        limits="off",
    )


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    """The service without limits: those that test them turn them on."""
    async with AsyncExitStack() as pile:
        yield await pile.enter_async_context(Service(settings))


@pytest.fixture
async def service_limite(settings: Settings) -> AsyncIterator[Service]:
    from msgspec import structs

    async with AsyncExitStack() as pile:
        yield await pile.enter_async_context(Service(structs.replace(settings, limits="on")))


@pytest.fixture
async def federe(settings: Settings) -> AsyncIterator[Service]:
    """The same, with the simulated identity providers."""
    async with AsyncExitStack() as pile:
        yield await pile.enter_async_context(Service(settings, simulateur=True))


@pytest.fixture
def recueil() -> Iterator[Recueil]:
    recueil, racine = Recueil(), logging.getLogger()
    niveau = racine.level
    racine.addHandler(recueil)
    racine.setLevel(logging.DEBUG)
    yield recueil
    racine.setLevel(niveau)
    racine.removeHandler(recueil)
