"""Whether the service can serve: quickly told, and why not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
from msgspec import structs

from adapters.postgres import schema
from adapters.postgres.pannes import ETAT
from adapters.postgres.schema import PgSante, derniere_version
from adapters.postgres.store import moteur
from app.composition import ausculter
from app.settings import ConfigurationInvalide, Settings
from tests.contract.lignes import un_autre_attend
from tests.recueil import Recueil


@pytest.fixture
async def sante(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PgSante]:
    """Patient; nothing is left in this process of the outages of other tests."""
    monkeypatch.setattr(ETAT, "_schema", True)
    monkeypatch.setattr(ETAT, "_derniere", None)
    monkeypatch.setattr(schema, "_SONDE", 60)
    assert settings.database_url
    engine = moteur(settings.database_url, 2)
    yield PgSante(engine, separee=True)
    await engine.dispose()


def dits(recueil: Recueil) -> list[tuple[str, str | None, str | None]]:
    lignes = [json.loads(ligne) for ligne in recueil.lignes]
    return [(e["niveau"], e.get("version"), e.get("attendue")) for e in lignes if e["source"] == "comptoir.base"]


async def test_a_schema_that_is_not_there_is_told_once_and_its_return_once(
    sante: PgSante, proprietaire: asyncpg.Connection, recueil: Recueil
) -> None:
    assert await sante.prete()
    assert dits(recueil) == []
    await proprietaire.execute("alter table alembic_version rename to ailleurs")
    assert [await sante.prete() for _ in range(3)] == [False] * 3
    await proprietaire.execute("alter table ailleurs rename to alembic_version")
    assert [await sante.prete() for _ in range(3)] == [True] * 3
    await proprietaire.execute("update alembic_version set version_num = '0001'")
    assert not await sante.prete()
    derniere = derniere_version()
    assert dits(recueil) == [("WARNING", "", derniere), ("INFO", None, None), ("WARNING", "0001", derniere)]
    assert "comptoir migrate" in "".join(recueil.lignes)


async def test_a_database_that_does_not_answer_keeps_no_probe_waiting_and_they_share_one_look(
    sante: PgSante, proprietaire: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await sante.prete()
    async with proprietaire.transaction():
        await proprietaire.execute("lock table alembic_version in access exclusive mode")
        with monkeypatch.context() as pressee:
            pressee.setattr(schema, "_SONDE", 0.1)
            assert await asyncio.gather(*(sante.prete() for _ in range(4))) == [False] * 4
            assert not await sante.prete()
        await un_autre_attend(proprietaire)
        assert await proprietaire.fetchval("select count(*) from pg_locks where not granted") == 1
    assert await sante.prete()


async def test_whoever_starts_as_the_owner_is_told_so_however_slow_the_database(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_SONDE", 0)
    proprietaire = structs.replace(settings, env="production", database_url=settings.database_owner_url)
    with pytest.raises(ConfigurationInvalide):
        await ausculter(proprietaire)
