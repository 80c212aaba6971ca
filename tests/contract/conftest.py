"""The storage ports on their own connections, as the application's role."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from adapters.postgres.store import PgStore, moteur
from app.settings import Settings
from tests.contract.lignes import Horloge


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[PgStore]:
    assert settings.database_url
    engine = moteur(settings.database_url, 20)
    yield PgStore(engine, lambda *_: None)
    await engine.dispose()


@pytest.fixture
async def proprietaire(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """The owner of the schema, by SQL."""
    connexion = await asyncpg.connect(settings.database_owner_url)
    yield connexion
    await connexion.close()


@pytest.fixture
async def horloge(proprietaire: asyncpg.Connection) -> Horloge:
    """Stopped from the start."""
    horloge = Horloge(proprietaire)
    await horloge.mettre(horloge.instant)
    return horloge
