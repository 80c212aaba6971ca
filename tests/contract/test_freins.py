"""Failed sign-ins (G-01): counted before they are judged, exact at the edges, whoever comes at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from itertools import pairwise

import asyncpg
import pytest

from adapters.postgres.connexions import PgConnexions
from adapters.postgres.lectures import Lectures
from adapters.postgres.store import PgStore
from app.settings import Settings
from domain.erreurs import TropDeDemandes
from domain.limites import ECHECS_LIBRES, ECHECS_PAR_JOUR, Fenetre, Limite
from tests.contract.lignes import INSTANT, JOUR, T0, Horloge, un_autre_attend

INES, YANN = b"i" * 32, b"y" * 32
CLIENT, TOUS = b"c" * 32, b"t" * 32
MINUTE = timedelta(minutes=1)
# How long each try after the five free ones must wait for the one before, in minutes.
ATTENTES = (1, 2, 4, 8, 15, 15, 15)


def limite(cle: bytes, *fenetres: tuple[int, int]) -> Limite:
    return Limite(cle, tuple(Fenetre(*f) for f in fenetres))


@pytest.fixture(autouse=True)
def arretee(horloge: Horloge) -> Horloge:
    return horloge


@pytest.fixture
async def connexions(settings: Settings) -> AsyncIterator[PgConnexions]:
    assert settings.database_url
    async with Lectures(settings.database_url, 20) as lectures:
        yield PgConnexions(lectures)


@pytest.fixture
def freiner(store: PgStore) -> Callable[[bytes], Awaitable[bool]]:
    async def freiner(frein: bytes = INES) -> bool:
        async with store.transaction() as tx:
            return await tx.limites.freiner(frein)

    return freiner


Freiner = Callable[..., Awaitable[bool]]


async def rendre(store: PgStore, frein: bytes | None, *limites: Limite) -> None:
    async with store.transaction() as tx:
        await tx.limites.rendre(frein, limites)


async def depenser(store: PgStore, *limites: Limite) -> float | None:
    async with store.transaction() as tx:
        return await tx.limites.depenser(limites)


async def test_of_fifty_simultaneous_tries_exactly_five_are_judged(freiner: Freiner, connexions: PgConnexions) -> None:
    juges = {True: ECHECS_LIBRES, False: 50 - ECHECS_LIBRES}
    assert Counter(await asyncio.gather(*(freiner() for _ in range(50)))) == juges
    assert Counter(await asyncio.gather(*(connexions.tenter(YANN, []) for _ in range(50)))) == {
        True: ECHECS_LIBRES,
        False: 50 - ECHECS_LIBRES,
    }


async def test_after_five_each_try_waits_one_two_four_eight_then_fifteen_minutes(freiner: Freiner, horloge: Horloge) -> None:
    assert [await freiner() for _ in range(6)] == [True] * 5 + [False]
    dernier = horloge.instant
    for minutes in ATTENTES:
        await horloge.mettre(dernier + minutes * MINUTE - INSTANT)
        assert not await freiner(), minutes
        dernier += minutes * MINUTE
        await horloge.mettre(dernier)
        # One, however many come when the wait is over.
        assert Counter(await asyncio.gather(*(freiner() for _ in range(5)))) == {True: 1, False: 4}, minutes


async def test_a_try_that_is_held_back_makes_nobody_wait_any_longer(
    freiner: Freiner, horloge: Horloge, proprietaire: asyncpg.Connection
) -> None:
    for _ in range(5):
        await freiner()
    ligne = await proprietaire.fetchrow("select * from limites")
    await horloge.mettre(T0 + MINUTE - INSTANT)
    assert Counter(await asyncio.gather(*(freiner() for _ in range(40)))) == {False: 40}
    assert await proprietaire.fetchrow("select * from limites") == ligne
    await horloge.mettre(T0 + MINUTE)
    assert await freiner()


async def test_in_any_twenty_four_hours_no_more_than_twenty_five_are_judged_and_never_none_for_good(
    freiner: Freiner, horloge: Horloge
) -> None:
    juges: list[datetime] = []
    # Whoever tries without respite, for three days.
    while horloge.instant < T0 + 3 * JOUR:
        juges += [horloge.instant for _ in range(2 if len(juges) > 5 else 6) if await freiner()]
        await horloge.avancer(timedelta(minutes=15))
    assert all(sum(debut <= j < debut + JOUR for j in juges) <= 25 for debut in juges)
    assert max(sum(debut <= j < debut + JOUR for j in juges) for debut in juges) == ECHECS_PAR_JOUR
    assert max(b - a for a, b in pairwise(juges)) <= JOUR
    assert juges[-1] > T0 + 2 * JOUR


async def test_the_twenty_sixth_passes_when_the_first_is_a_day_old_and_not_before(freiner: Freiner, horloge: Horloge) -> None:
    assert await freiner()
    await horloge.mettre(T0 + timedelta(hours=1))
    juges = 1
    while juges < 25:
        juges += await freiner()
        await horloge.avancer(MINUTE)
    assert horloge.instant < T0 + JOUR - timedelta(hours=1)
    await horloge.mettre(T0 + JOUR - INSTANT)
    assert not await freiner()
    await horloge.mettre(T0 + JOUR)
    assert [await freiner(), await freiner()] == [True, False]


async def test_the_wait_that_is_told_is_the_one_that_is_asked(freiner: Freiner, store: PgStore, horloge: Horloge) -> None:
    """Through a whole day, the 24 hours of the twenty-sixth try included."""
    for _ in range(5):
        assert await freiner()
    for _ in range(25):
        async with store.transaction() as tx:
            attente = timedelta(seconds=await tx.limites.attente(INES))
        await horloge.mettre(horloge.instant + attente - INSTANT)
        assert not await freiner()
        await horloge.mettre(horloge.instant + INSTANT)
        assert await freiner(), attente


async def test_one_account_does_not_pay_for_another(freiner: Freiner) -> None:
    assert [await freiner(INES) for _ in range(6)][-1] is False
    assert [await freiner(YANN) for _ in range(6)] == [True] * 5 + [False]


async def test_a_success_forgets_the_failures_of_its_account_and_of_no_other(freiner: Freiner, store: PgStore) -> None:
    for frein in (INES, YANN):
        for _ in range(5):
            await freiner(frein)
    await rendre(store, INES)
    assert [await freiner(INES) for _ in range(6)] == [True] * 5 + [False]
    assert not await freiner(YANN)


async def test_a_success_gives_back_its_own_unit_and_no_more(store: PgStore, horloge: Horloge) -> None:
    exacte, compte = limite(CLIENT, (3, 60), (5, 3600)), limite(TOUS, (101, 3600))
    for _ in range(3):
        assert await depenser(store, exacte, compte) is None
    await rendre(store, None, exacte, compte)
    assert [await depenser(store, exacte) is None for _ in range(2)] == [True, False]
    assert [await depenser(store, compte) is None for _ in range(100)] == [True] * 99 + [False]


async def test_giving_back_what_was_never_taken_gives_nothing(
    store: PgStore, freiner: Freiner, proprietaire: asyncpg.Connection
) -> None:
    exacte, compte = limite(CLIENT, (1, 60)), limite(TOUS, (101, 3600))
    await rendre(store, None)
    await rendre(store, INES, exacte, compte)
    assert await proprietaire.fetchval("select count(*) from limites") == 0
    assert await depenser(store, exacte, compte) is None
    for _ in range(3):
        await rendre(store, INES, exacte, compte)
    assert [await depenser(store, exacte) is None for _ in range(2)] == [True, False]
    assert [await depenser(store, compte) is None for _ in range(102)].count(True) == 101


async def test_what_the_address_refuses_is_not_counted_on_the_account(
    connexions: PgConnexions, store: PgStore, freiner: Freiner, proprietaire: asyncpg.Connection
) -> None:
    client, tous = limite(CLIENT, (2, 300)), limite(TOUS, (101, 60))
    assert [await connexions.tenter(INES, [client, tous]) for _ in range(2)] == [True, True]
    lignes = await proprietaire.fetch("select * from limites order by cle")
    for _ in range(3):
        with pytest.raises(TropDeDemandes) as refus:
            await connexions.tenter(INES, [client, tous])
        assert refus.value.attendre == 300
    assert await proprietaire.fetch("select * from limites order by cle") == lignes
    # Three are left of the five.
    assert [await freiner() for _ in range(4)] == [True, True, True, False]


async def test_a_try_that_the_account_holds_back_is_counted_on_the_address_that_insists(connexions: PgConnexions) -> None:
    client = limite(CLIENT, (8, 300))
    assert [await connexions.tenter(INES, [client]) for _ in range(8)] == [True] * 5 + [False] * 3
    with pytest.raises(TropDeDemandes):
        await connexions.tenter(INES, [client])
    # Another name is no way around it.
    with pytest.raises(TropDeDemandes):
        await connexions.tenter(YANN, [client])


async def test_of_many_at_once_from_one_address_exactly_as_many_are_judged_as_the_address_may_try(
    connexions: PgConnexions,
) -> None:
    client = limite(CLIENT, (30, 300), (100, 3600))
    essais = await asyncio.gather(*(connexions.tenter(bytes([n]) * 32, [client]) for n in range(50)), return_exceptions=True)
    assert Counter(type(e) for e in essais) == {bool: 30, TropDeDemandes: 20}


async def test_without_limits_nothing_is_counted(connexions: PgConnexions, proprietaire: asyncpg.Connection) -> None:
    assert [await connexions.tenter(None, []) for _ in range(40)] == [True] * 40
    assert await proprietaire.fetchval("select count(*) from limites") == 0


async def test_a_success_takes_the_rows_it_was_counted_on_in_the_order_in_which_it_was_counted(
    connexions: PgConnexions, store: PgStore, proprietaire: asyncpg.Connection
) -> None:
    client = limite(CLIENT, (30, 300))
    await connexions.tenter(INES, [client])
    # Another try of this account, stopped between the address and the account.
    async with proprietaire.transaction():
        await proprietaire.execute("select from limites where cle = $1 for update", CLIENT)
        succes = asyncio.create_task(rendre(store, INES, client))
        await un_autre_attend(proprietaire)
        # The account's row is nobody's yet: whoever holds the address may go on to it.
        await proprietaire.execute("set local lock_timeout = '2s'")
        await proprietaire.execute("select freiner($1)", INES)
    await succes


async def test_tries_and_successes_in_any_order_never_wait_for_each_other(connexions: PgConnexions, store: PgStore) -> None:
    a, b = limite(CLIENT, (100, 300)), limite(TOUS, (6000, 60))

    async def reussir(frein: bytes, *limites: Limite) -> None:
        await connexions.tenter(frein, limites)
        await rendre(store, frein, *reversed(limites))

    async with asyncio.timeout(60):
        await asyncio.gather(*(reussir(f, *limites) for _ in range(10) for f in (INES, YANN) for limites in ((a, b), (b, a))))
    # Everything taken was given back.
    assert await depenser(store, limite(CLIENT, (1, 300))) is None
