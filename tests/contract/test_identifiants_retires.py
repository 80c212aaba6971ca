"""Quarantine: a name given up, or of an erased account, is nobody else's until it is swept, whoever comes at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from adapters.postgres.conservation import PgConservation
from adapters.postgres.disponibilites import PgDisponibilites
from adapters.postgres.lectures import Lectures
from adapters.postgres.store import PgStore
from app.settings import Settings
from domain.compte import NouveauCompte
from domain.erreurs import Indisponible
from domain.formulaire import lire
from domain.inscription import DemandeInscription
from tests.builders import des_outils, une_demande
from tests.contract.lignes import INSTANT, JOUR, T0, Horloge, un_actif, un_autre_attend

QUARANTAINE = 730 * JOUR
INES, NEUF = "ines.dupont", "ines.le-goff"


@pytest.fixture
async def compte(proprietaire: asyncpg.Connection, horloge: Horloge) -> UUID:
    return await un_actif(proprietaire, INES)


@pytest.fixture
async def disponibilites(settings: Settings) -> AsyncIterator[PgDisponibilites]:
    assert settings.database_url
    async with Lectures(settings.database_url, 4) as lectures:
        yield PgDisponibilites(lectures)


async def inscrire(store: PgStore, identifiant: str | None = None, base: str = INES) -> str | None:
    """The name obtained: the one chosen, or a number of the base."""
    profil = lire(une_demande(), DemandeInscription, des_outils()).profil
    nouveau = NouveauCompte(
        id=uuid4(), identifiant=identifiant, base=base, profil=profil, empreinte_mdp="$", langue="fr", contacts=()
    )
    async with store.transaction() as tx:
        ouvert = await tx.comptes.ouvrir(nouveau, [], timedelta(days=7), "requete")
    return None if ouvert is None else ouvert.identifiant


async def renommer(store: PgStore, compte: UUID, identifiant: str) -> bool:
    async with store.transaction() as tx:
        return await tx.titulaires.renommer(compte, identifiant, QUARANTAINE)


async def effacer(proprietaire: asyncpg.Connection, compte: UUID) -> None:
    assert await proprietaire.fetchval("select effacer_compte($1, $2)", compte, QUARANTAINE)


async def le_nom(proprietaire: asyncpg.Connection, compte: UUID) -> str:
    return str(await proprietaire.fetchval("select identifiant from comptes where id = $1", compte))


@pytest.mark.parametrize("depart", ["renamed", "erased"])
async def test_a_name_given_up_is_nobody_elses_until_its_day(
    store: PgStore,
    compte: UUID,
    disponibilites: PgDisponibilites,
    proprietaire: asyncpg.Connection,
    horloge: Horloge,
    depart: str,
) -> None:
    if depart == "renamed":
        assert await renommer(store, compte, NEUF)
    else:
        await effacer(proprietaire, compte)
    autre = await un_actif(proprietaire, "yann.dupont")

    async def libre() -> list[bool]:
        return [await disponibilites.libre(INES, []), await disponibilites.premiers_libres([INES], []) == [INES]]

    conservation = PgConservation(store._engine)
    await horloge.mettre(T0 + QUARANTAINE - INSTANT)
    await proprietaire.execute("update comptes set vu_le = horloge()::date where vu_le is not null")
    await conservation.appliquer()
    assert await libre() == [False, False]
    assert not await renommer(store, autre, INES)
    assert await inscrire(store, INES) is None
    assert await inscrire(store) == f"{INES}2"
    await horloge.mettre(T0 + QUARANTAINE)
    await conservation.appliquer()
    assert await libre() == [True, True]
    assert await inscrire(store, INES) == INES


async def test_numbers_that_were_given_up_are_passed_over_too(
    store: PgStore, compte: UUID, disponibilites: PgDisponibilites, proprietaire: asyncpg.Connection
) -> None:
    for n in range(2, 12):
        homonyme = await un_actif(proprietaire, f"{INES}{n}")
        if n % 2:
            await effacer(proprietaire, homonyme)
    assert await disponibilites.premiers_libres([INES, NEUF], []) == [f"{INES}12", NEUF]
    assert await inscrire(store) == f"{INES}12"


async def test_ones_own_former_name_is_taken_back_and_the_name_left_is_kept_in_turn(
    store: PgStore, compte: UUID, disponibilites: PgDisponibilites, proprietaire: asyncpg.Connection
) -> None:
    assert await renommer(store, compte, NEUF)
    assert await renommer(store, compte, INES)
    assert await le_nom(proprietaire, compte) == INES
    assert await inscrire(store, NEUF) is None
    retires = "select empreinte = empreinte_identifiant($1) from identifiants_retires"
    assert [ligne[0] for ligne in await proprietaire.fetch(retires, NEUF)] == [True]
    # As often as one likes.
    for nom in (NEUF, "ines.martin", NEUF, INES):
        assert await renommer(store, compte, nom)
    assert not await disponibilites.libre("ines.martin", [])


async def test_an_erased_account_does_not_free_the_names_it_had_left_before(
    store: PgStore, compte: UUID, disponibilites: PgDisponibilites, proprietaire: asyncpg.Connection
) -> None:
    assert await renommer(store, compte, NEUF)
    await effacer(proprietaire, compte)
    assert [await disponibilites.libre(nom, []) for nom in (INES, NEUF)] == [False, False]


async def test_a_name_that_is_taken_is_refused_and_nothing_is_written(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection
) -> None:
    await un_actif(proprietaire, "yann.dupont")
    avant = await proprietaire.fetch("select * from comptes order by id")
    assert not await renommer(store, compte, "yann.dupont")
    assert await proprietaire.fetch("select * from comptes order by id") == avant
    assert await proprietaire.fetchval("select count(*) from identifiants_retires") == 0


async def test_the_quarantine_holds_no_name(store: PgStore, compte: UUID, proprietaire: asyncpg.Connection) -> None:
    await renommer(store, compte, NEUF)
    ligne = await proprietaire.fetchval("select encode(empreinte, 'escape') || t::text from identifiants_retires t")
    assert "dupont" not in ligne


# At the same time


async def test_of_eight_accounts_that_want_one_name_at_once_one_has_it_and_the_others_are_told(
    store: PgStore, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    comptes = [await un_actif(proprietaire, f"yann.dupont{n}") for n in range(2, 10)]
    assert Counter(await asyncio.gather(*(renommer(store, c, INES) for c in comptes))) == {True: 1, False: 7}
    assert await proprietaire.fetchval("select count(*) from identifiants_retires") == 1


async def test_a_renaming_that_meets_a_sign_up_of_the_same_name_under_way_is_told_that_it_is_taken(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection
) -> None:
    profil = lire(une_demande(), DemandeInscription, des_outils()).profil
    nouveau = NouveauCompte(id=uuid4(), identifiant=NEUF, base=NEUF, profil=profil, empreinte_mdp="$", langue="fr", contacts=())
    async with store.transaction() as tx:
        assert await tx.comptes.ouvrir(nouveau, [], timedelta(days=7), "requete")
        suivant = asyncio.create_task(renommer(store, compte, NEUF))
        await un_autre_attend(proprietaire)
    assert await suivant is False
    assert await le_nom(proprietaire, compte) == INES


async def test_a_sign_up_that_waits_for_a_renaming_to_end_is_refused_for_now_and_never_has_the_name(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection
) -> None:
    async with store.transaction() as tx:
        assert await tx.titulaires.renommer(compte, NEUF, QUARANTAINE)
        inscription = asyncio.create_task(inscrire(store, INES))
        await un_autre_attend(proprietaire)
    with pytest.raises(Indisponible):
        await inscription
    assert await proprietaire.fetchval("select count(*) from comptes") == 1
    # Trying again gives the right answer.
    assert await inscrire(store, INES) is None
    assert await inscrire(store) == f"{INES}2"


async def test_a_sign_up_that_waits_for_a_renaming_that_fails_is_told_that_the_name_is_taken(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection
) -> None:
    with suppress(ZeroDivisionError):
        async with store.transaction() as tx:
            await tx.titulaires.renommer(compte, NEUF, QUARANTAINE)
            inscription = asyncio.create_task(inscrire(store, INES))
            await un_autre_attend(proprietaire)
            raise ZeroDivisionError
    assert await inscription is None


async def test_a_sign_up_or_a_renaming_that_waits_for_an_erasure_never_has_the_name(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection
) -> None:
    autre = await un_actif(proprietaire, "yann.dupont")
    async with proprietaire.transaction():
        await effacer(proprietaire, compte)
        essais = [asyncio.create_task(inscrire(store, INES)), asyncio.create_task(renommer(store, autre, INES))]
        await un_autre_attend(proprietaire)
    issues = await asyncio.gather(*essais, return_exceptions=True)
    assert {type(i) for i in issues} <= {Indisponible, bool, type(None)}
    assert INES not in issues
    assert True not in issues
    assert await proprietaire.fetchval("select count(*) from comptes where identifiant = $1", INES) == 0
