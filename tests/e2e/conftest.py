"""Real processes, real HTTP, real PostgreSQL: what the whole service does when it is run as it is run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from adapters.embedded_postgres import EmbeddedPostgres
from tests.e2e.processus import dossier_jetable

_numeros = count()


@pytest.fixture(scope="module")
def dossier() -> Iterator[Path]:
    with dossier_jetable() as chemin:
        yield chemin


@pytest.fixture(scope="module")
def acces(serveur: EmbeddedPostgres) -> Iterator[dict[str, str]]:
    """The settings of a fresh database, migrated, for the tests of one file."""
    nom = f"e2e_{next(_numeros)}"
    asyncio.run(_ordonner(serveur, f"create database {nom} template modele strategy wal_log"))
    yield {"database_url": serveur.url().replace("/comptoir?", f"/{nom}?"), "database_owner_url": serveur.url_owner(nom)}
    asyncio.run(_ordonner(serveur, f"drop database {nom} with (force)"))


async def _ordonner(serveur: EmbeddedPostgres, ordre: str) -> None:
    connexion = await asyncpg.connect(serveur.url_owner("postgres"))
    await connexion.execute(ordre)
    await connexion.close()
