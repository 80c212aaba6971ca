"""The light pool: whoever waits for one of its connections waits so long and no longer, and takes none away by leaving."""

from __future__ import annotations

import asyncio

import pytest

from adapters.postgres.delais import ATTENTE, CONNEXION
from adapters.postgres.lectures import Lectures
from app.settings import Settings
from domain.erreurs import Indisponible


async def test_a_wait_for_a_connection_has_an_end(settings: Settings) -> None:
    assert settings.database_url
    async with Lectures(settings.database_url, 1) as lectures:
        assert lectures._attente == max(ATTENTE, CONNEXION)
        assert await lectures.valeur("select 1") == 1
        lectures._attente = 0.1
        lente = asyncio.create_task(lectures.valeur("select 'lente', pg_sleep(1)"))
        await asyncio.sleep(0)
        for lire in (lectures.valeur, lectures.ligne, lectures.lignes):
            with pytest.raises(Indisponible):
                await lire("select 1")
        assert not lente.done()
        # The statement itself has another limit.
        assert await lente == "lente"
        assert await lectures.valeur("select 1") == 1


async def test_those_who_leave_while_a_connection_is_given_back_take_none_away(settings: Settings) -> None:
    assert settings.database_url
    async with Lectures(settings.database_url, 2) as lectures:
        assert await lectures.valeur("select 1") == 1
        issues = []
        for n in range(20):
            # From always too short to always enough.
            lectures._attente = 0.001 * n
            lues = (lectures.valeur("select 'lue', pg_sleep(0.002)") for _ in range(10))
            issues += await asyncio.gather(*lues, return_exceptions=True)
        assert {type(issue) for issue in issues} == {str, Indisponible}
        lectures._attente = 5.0
        assert await asyncio.gather(*(lectures.valeur("select 1") for _ in range(20))) == [1] * 20
        assert lectures._pool.get_size() <= 2


async def test_whoever_gave_connecting_longer_is_not_cut_short(settings: Settings) -> None:
    assert settings.database_url
    separateur = "&" if "?" in settings.database_url else "?"
    assert Lectures(f"{settings.database_url}{separateur}connect_timeout=9", 1)._attente == 9
