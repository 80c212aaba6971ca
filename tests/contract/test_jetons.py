"""One-time proofs: tries counted before they are judged, spent once, whoever comes at the same time."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
import sqlalchemy.exc

from adapters.postgres.store import PgStore
from domain.activation import ENVOIS_MAX, ESSAIS_MAX, Jeton
from domain.transaction import EtatJeton
from tests.builders import une_demande
from tests.service import Service, refus

MOBILE, EMAIL = "+33612345678", "ines@exemple.fr"
DUREE, DELAI = timedelta(minutes=10), timedelta(minutes=1)


@pytest.fixture
async def jeton(service: Service, store: PgStore) -> Jeton:
    """An open proof of a pending account, with its message in the queue."""
    compte = await service.inscrit(une_demande())
    neuf = un_jeton(UUID(compte["id"]))
    async with store.transaction() as tx:
        await tx.jetons.ouvrir(neuf, DUREE, DELAI, None)
    return neuf


def un_jeton(compte: UUID) -> Jeton:
    return Jeton(id=uuid4(), compte_id=compte, usage="activation", canal="sms", destination=MOBILE, cle_id="essai")


async def etat(store: PgStore, jeton: Jeton) -> EtatJeton:
    async with store.transaction() as tx:
        trouve = await tx.jetons.etat(jeton.id)
    assert trouve is not None
    assert trouve[0] == jeton
    return trouve[1]


async def compter(store: PgStore, jeton: Jeton) -> int | None:
    async with store.transaction() as tx:
        essai = await tx.jetons.compter_essai(jeton.usage, jeton.id, jeton.compte_id)
    return None if essai is None else essai[1]


async def depenser(store: PgStore, jeton: Jeton) -> bool:
    async with store.transaction() as tx:
        return await tx.jetons.depenser(jeton.id)


async def test_of_twenty_simultaneous_tries_five_are_judged(store: PgStore, jeton: Jeton, service: Service) -> None:
    restants = await asyncio.gather(*(compter(store, jeton) for _ in range(20)))
    assert Counter(restants) == Counter([*range(ESSAIS_MAX), *[None] * 15])
    assert await service.sql.fetchval("select essais from jetons") == ESSAIS_MAX
    # Exhausted, not closed.
    assert await etat(store, jeton) is EtatJeton.OUVERT


async def test_a_proof_is_tried_by_its_own_account_only(store: PgStore, jeton: Jeton, service: Service) -> None:
    async with store.transaction() as tx:
        assert await tx.jetons.compter_essai("activation", jeton.id, uuid4()) is None
        assert await tx.jetons.compter_essai("activation", uuid4(), jeton.compte_id) is None
        assert await tx.jetons.etat(uuid4()) is None
    assert await service.sql.fetchval("select essais from jetons") == 0


async def test_of_sixteen_simultaneous_spenders_one_wins(store: PgStore, jeton: Jeton) -> None:
    assert Counter(await asyncio.gather(*(depenser(store, jeton) for _ in range(16)))) == {True: 1, False: 15}
    assert await etat(store, jeton) is EtatJeton.DEPENSE
    assert await compter(store, jeton) is None


async def test_a_proof_lives_by_the_clock_of_the_database(store: PgStore, jeton: Jeton, service: Service) -> None:
    await service.avancer(DUREE - timedelta(seconds=20))
    assert await etat(store, jeton) is EtatJeton.OUVERT
    await service.avancer(timedelta(seconds=21))
    assert await etat(store, jeton) is EtatJeton.EXPIRE
    assert await compter(store, jeton) is None
    assert await depenser(store, jeton) is False


async def test_a_voided_proof_is_neither_tried_spent_nor_sent_again(store: PgStore, jeton: Jeton, service: Service) -> None:
    async with store.transaction() as tx:
        await tx.jetons.annuler(jeton.compte_id, ["activation"], "email")
    assert await etat(store, jeton) is EtatJeton.OUVERT
    async with store.transaction() as tx:
        await tx.jetons.annuler(jeton.compte_id, ["activation"], "sms")
        await tx.jetons.renvoyer(jeton.id, DELAI)
    assert await etat(store, jeton) is EtatJeton.REMPLACE
    assert await compter(store, jeton) is None
    assert await depenser(store, jeton) is False
    assert [r["livraison"] for r in await service.sql.fetch("select livraison from outbox")] == ["annule"]


async def test_two_proofs_are_never_open_on_one_channel(store: PgStore, jeton: Jeton) -> None:
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        async with store.transaction() as tx:
            await tx.jetons.ouvrir(un_jeton(jeton.compte_id), DUREE, DELAI, None)
    second = un_jeton(jeton.compte_id)
    async with store.transaction() as tx:
        await tx.jetons.annuler(jeton.compte_id, ["activation"], "sms")
        await tx.jetons.ouvrir(second, DUREE, DELAI, None)
    assert await etat(store, second) is EtatJeton.OUVERT


async def test_a_resend_counts_and_replaces_a_message_not_sent_yet(store: PgStore, jeton: Jeton, service: Service) -> None:
    for _ in range(ENVOIS_MAX - 1):
        async with store.transaction() as tx:
            await tx.jetons.renvoyer(jeton.id, DELAI)
    assert await service.sql.fetchval("select envois from jetons") == ENVOIS_MAX
    livraisons = await service.sql.fetch("select livraison from outbox order by cree_le")
    assert [r["livraison"] for r in livraisons] == ["annule"] * (ENVOIS_MAX - 1) + ["en_file"]
    # The database itself forbids the sixth.
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        async with store.transaction() as tx:
            await tx.jetons.renvoyer(jeton.id, DELAI)


async def test_a_proof_held_back_has_no_message_and_lives_from_when_it_may_leave(service: Service, store: PgStore) -> None:
    compte = await service.inscrit(une_demande())
    async with store.transaction() as tx:
        ouverte = await tx.jetons.ouvrir(un_jeton(UUID(compte["id"])), DUREE, DELAI, 3600.0)
    assert (ouverte.envois, ouverte.livraison) == (0, "retenu")
    assert round((ouverte.expire_le - ouverte.renvoi_possible_le).total_seconds()) == DUREE.total_seconds()
    assert await service.compter("outbox") == 0


async def test_fifty_wrong_codes_at_once_are_judged_five_times_and_then_the_right_one_is_refused(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="sms"))
    activation, code = inscription["activation"], await service.code(MOBILE)
    faux = [f"{(int(code) + n) % 10**6:06d}" for n in range(1, 51)]
    reponses = await asyncio.gather(*(service.essayer(inscription, activation, f) for f in faux))
    assert Counter(refus(r) for r in reponses) == {(422, "code_incorrect"): 5, (409, "essais_epuises"): 45}
    assert {r.json()["essais_restants"] for r in reponses} == set(range(ESSAIS_MAX))
    assert refus(await service.essayer(inscription, activation, code)) == (409, "essais_epuises")


async def test_the_right_code_at_once_from_eight_places_activates_once(service: Service) -> None:
    inscription = await service.inscrit(une_demande(activer_par="sms"))
    code = await service.code(MOBILE)
    reponses = await asyncio.gather(*(service.essayer(inscription, inscription["activation"], code) for _ in range(8)))
    assert Counter(r.status_code for r in reponses) == {200: 1, 409: 7}
    assert {refus(r)[1] for r in reponses if r.status_code == 409} <= {"deja_active", "essais_epuises"}
    assert await service.sql.fetchval("select count(*) from jetons where depense_le is not null") == 1


async def test_the_link_at_once_from_sixteen_places_activates_once(service: Service) -> None:
    await service.inscrit(une_demande(activer_par="email"))
    lien = await service.lien(EMAIL)
    reponses = await asyncio.gather(*(service.suivre(lien) for _ in range(16)))
    assert Counter(r.json()["deja_active"] for r in reponses) == {False: 1, True: 15}


async def test_a_channel_asked_for_at_once_from_six_places_has_one_code(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    reponses = await asyncio.gather(*(service.demander(inscription, "sms") for _ in range(5)))
    assert {r.status_code for r in reponses} == {202}
    assert len({r.json()["id"] for r in reponses}) == 1
    assert len(await service.messages(MOBILE)) == 1


async def test_the_database_holds_no_code_and_no_link(service: Service, proprietaire: asyncpg.Connection) -> None:
    inscription = await service.inscrit(une_demande(activer_par="sms"))
    await service.demander(inscription, "email")
    # Whole words: digests and microseconds hold any six digits now and then.
    codes = rf"(?<![\w.])({await service.code(MOBILE)}|{await service.code(EMAIL)})(?!\w)"
    caches = re.compile(rf"{codes}|{inscription['secret']}|{await service.lien(EMAIL)}")
    for table in ("comptes", "contacts", "jetons", "outbox", "idempotence", "limites", "actes_juridiques"):
        for ligne in await proprietaire.fetch(f"select t::text as ligne from {table} t"):  # noqa: S608
            assert not caches.search(ligne["ligne"]), table
