"""Limits in the database: exact at the edges of their windows, all or nothing, whoever comes at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta

import pytest

from adapters.postgres.conservation import PgConservation
from adapters.postgres.disponibilites import PgDisponibilites
from adapters.postgres.lectures import Lectures
from adapters.postgres.store import PgStore, moteur
from app.settings import Settings
from domain.erreurs import TropDeDemandes
from domain.limites import Fenetre, Limite
from tests.contract.lignes import INSTANT, T0, Horloge
from tests.service import Service

A, B, C = b"a" * 32, b"b" * 32, b"c" * 32


class Compteur:
    """The port on its own connections, as one process among others."""

    def __init__(self, store: PgStore) -> None:
        self._store = store

    async def depenser(self, *limites: Limite) -> float | None:
        async with self._store.transaction() as tx:
            return await tx.limites.depenser(limites)

    async def plusieurs(self, fois: int, *limites: Limite) -> list[float | None]:
        return list(await asyncio.gather(*(self.depenser(*limites) for _ in range(fois))))


@pytest.fixture(autouse=True)
def arretee(horloge: Horloge) -> Horloge:
    """Else an hour would end in the middle of a test, now and then."""
    return horloge


@pytest.fixture
async def compteur(settings: Settings) -> AsyncIterator[Compteur]:
    assert settings.database_url
    engine = moteur(settings.database_url, 20)
    yield Compteur(PgStore(engine, lambda *_: None))
    await engine.dispose()


def limite(cle: bytes, *fenetres: tuple[int, int]) -> Limite:
    return Limite(cle, tuple(Fenetre(*f) for f in fenetres))


async def test_no_limit_at_all_is_no_limit(compteur: Compteur) -> None:
    assert await compteur.plusieurs(3) == [None, None, None]


@pytest.mark.parametrize("nombre", [1, 5, 100])
async def test_of_many_at_once_exactly_as_many_pass_as_the_limit_says(compteur: Compteur, nombre: int) -> None:
    rendus = await compteur.plusieurs(nombre + 15, limite(A, (nombre, 3600)))
    assert rendus.count(None) == nombre
    assert all(0 < attendre <= 3600 for attendre in rendus if attendre is not None)


async def test_above_a_hundred_the_period_of_the_clock_counts(horloge: Horloge, compteur: Compteur) -> None:
    await horloge.mettre(T0 + timedelta(minutes=1))
    rendus = await compteur.plusieurs(110, limite(A, (101, 3600)))
    assert Counter(rendus) == {None: 101, 3540.0: 9}
    await horloge.mettre(T0 + timedelta(hours=1) - INSTANT)
    assert await compteur.depenser(limite(A, (101, 3600))) is not None
    await horloge.mettre(T0 + timedelta(hours=1))
    assert await compteur.depenser(limite(A, (101, 3600))) is None


async def test_a_window_slides_and_is_exact_at_its_edge(horloge: Horloge, compteur: Compteur) -> None:
    fenetre = limite(A, (2, 60))
    assert await compteur.depenser(fenetre) is None
    await horloge.avancer(timedelta(seconds=30))
    assert [await compteur.depenser(fenetre) for _ in range(2)] == [None, 30]
    await horloge.avancer(timedelta(seconds=30) - INSTANT)
    assert await compteur.depenser(fenetre) is not None
    # The first has left its window: one more, and one only, until the second leaves in its turn.
    await horloge.avancer(INSTANT)
    assert [await compteur.depenser(fenetre) for _ in range(2)] == [None, 30]
    await horloge.avancer(timedelta(seconds=30))
    assert await compteur.depenser(fenetre) is None


async def test_all_the_windows_of_a_key_hold_and_the_longest_to_wait_is_told(horloge: Horloge, compteur: Compteur) -> None:
    fenetres = limite(A, (1, 60), (3, 600))
    for attendre in (60, 60, 600 - 120):
        assert [await compteur.depenser(fenetres) for _ in range(2)] == [None, attendre]
        await horloge.avancer(timedelta(seconds=60))
    assert await compteur.depenser(fenetres) == 600 - 180


async def test_what_is_told_to_wait_is_enough_for_all_the_limits(horloge: Horloge, compteur: Compteur) -> None:
    court, moyen, long = (1, 60), (101, 1800), (1, 3600)
    for fenetres in ((court, moyen, long), (long, moyen, court), (moyen, court, long)):
        ensemble = [limite(cle, fenetre) for cle, fenetre in zip((A, B, C), fenetres, strict=True)]
        assert await compteur.depenser(*ensemble) is None
        assert await compteur.depenser(*ensemble) == 3600
        await horloge.avancer(timedelta(seconds=3600))


async def test_all_are_spent_or_none(compteur: Compteur) -> None:
    a, b, c = limite(A, (5, 3600)), limite(B, (2, 3600)), limite(C, (200, 3600))
    # Whatever the order, and whichever refuses.
    melanges: Sequence[Sequence[Limite]] = ([a, b, c], [c, b, a], [b, a, c])
    rendus = [await compteur.depenser(*melange) for melange in (*melanges, *melanges)]
    assert [r is None for r in rendus] == [True, True, False, False, False, False]
    # Two were spent of each: three are left of `a`.
    assert (await compteur.plusieurs(4, a)).count(None) == 3
    assert (await compteur.plusieurs(199, c)).count(None) == 198


async def test_callers_who_share_limits_in_any_order_never_wait_for_each_other(compteur: Compteur) -> None:
    a, b, c = limite(A, (12, 3600)), limite(B, (20, 3600)), limite(C, (200, 3600))
    async with asyncio.timeout(60):
        rendus = await asyncio.gather(
            *(compteur.depenser(*melange) for _ in range(10) for melange in ([a, b, c], [c, b, a], [b, a], [c, a]))
        )
    assert rendus.count(None) == 12


async def test_a_refusal_leaves_no_trace_and_neither_does_a_rolled_back_work(compteur: Compteur, service: Service) -> None:
    fenetre = limite(A, (1, 3600))
    assert await compteur.depenser(fenetre) is None
    ligne = await service.sql.fetchrow("select instants, nombre, expire_le from limites")
    assert (await compteur.plusieurs(5, fenetre)).count(None) == 0
    assert await service.sql.fetchrow("select instants, nombre, expire_le from limites") == ligne


async def test_what_a_transaction_spent_comes_back_with_it(settings: Settings) -> None:
    assert settings.database_url
    engine = moteur(settings.database_url, 2)
    store = PgStore(engine, lambda *_: None)
    with suppress(ZeroDivisionError):
        async with store.transaction() as tx:
            assert await tx.limites.depenser([limite(A, (1, 3600))]) is None
            raise ZeroDivisionError
    async with store.transaction() as tx:
        assert await tx.limites.depenser([limite(A, (1, 3600))]) is None
    await engine.dispose()


async def test_the_live_checks_count_exactly_too(settings: Settings) -> None:
    assert settings.database_url
    async with Lectures(settings.database_url, 10) as lectures:
        disponibilites = PgDisponibilites(lectures)
        for lire in (
            lambda: disponibilites.libre("ines.dupont", [limite(A, (5, 60))]),
            lambda: disponibilites.premiers_libres(["ines.dupont"], [limite(B, (5, 60))]),
        ):
            rendus = await asyncio.gather(*(lire() for _ in range(20)), return_exceptions=True)
            assert sum(isinstance(r, TropDeDemandes) for r in rendus) == 15
            assert [r for r in rendus if not isinstance(r, TropDeDemandes)] in ([True] * 5, [["ines.dupont"]] * 5)


async def test_spent_limits_are_swept_once_past(
    service: Service, compteur: Compteur, settings: Settings, horloge: Horloge
) -> None:
    assert settings.database_url
    engine = moteur(settings.database_url, 1)
    conservation = PgConservation(engine)
    await compteur.depenser(limite(A, (1, 60)), limite(B, (3, 86_400)))
    await horloge.avancer(timedelta(hours=2))
    await conservation.appliquer()
    assert await service.compter("limites") == 1
    await horloge.avancer(timedelta(hours=24))
    await conservation.appliquer()
    await conservation.appliquer()
    assert await service.compter("limites") == 0
    await engine.dispose()
