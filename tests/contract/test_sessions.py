"""Refresh families: opened on the password that was compared, rotated once a token, ended for good, exact at their edges."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from adapters.postgres.connexions import PgConnexions
from adapters.postgres.lectures import Lectures
from adapters.postgres.store import PgStore
from app.settings import Settings
from domain.session import FRAICHEUR, REPRISE, SESSIONS_PAR_COMPTE, Duree, Ouverture, Presentation, SessionOuverte
from domain.transaction import NouvelleSession
from tests.contract.lignes import EMPREINTE, INSTANT, T0, Horloge, regler, un_actif, un_autre_attend

REPOS, FIN = timedelta(minutes=30), timedelta(hours=12)
DUREE = Duree(int(REPOS.total_seconds()), int(FIN.total_seconds()))


def jeton(rang: int, qui: str = "") -> bytes:
    """The digest of a token of this rank."""
    return sha256(f"{rang}{qui}".encode()).digest()


def une_session(compte: UUID, **changes: Any) -> NouvelleSession:
    champs: dict[str, Any] = {
        "id": uuid4(), "compte_id": compte, "empreinte": jeton(0), "duree": DUREE, "agent": "Firefox", "adresse": "192.0.2.10",
        "appareil_partage": False, "verifiee": EMPREINTE,
    }  # fmt: skip
    return NouvelleSession(**champs | changes)


async def ouvrir(store: PgStore, session: NouvelleSession, rehachee: str | None = None) -> SessionOuverte | None:
    async with store.transaction() as tx:
        return await tx.sessions.ouvrir(session, rehachee)


async def tourner(connexions: PgConnexions, id_: UUID, rang: int, qui: str = "", suivant: str = "") -> SessionOuverte | None:
    return await connexions.tourner(id_, rang, jeton(rang, qui), jeton(rang + 1, suivant))


async def presenter(store: PgStore, id_: UUID, rang: int) -> Presentation | None:
    async with store.transaction() as tx:
        presente = await tx.sessions.presenter(id_, rang, REPRISE)
    return None if presente is None else presente[0]


@pytest.fixture
async def connexions(settings: Settings) -> AsyncIterator[PgConnexions]:
    assert settings.database_url
    async with Lectures(settings.database_url, 20) as lectures:
        yield PgConnexions(lectures)


@pytest.fixture
async def compte(proprietaire: asyncpg.Connection, horloge: Horloge) -> UUID:
    return await un_actif(proprietaire)


@pytest.fixture
async def session(store: PgStore, compte: UUID) -> UUID:
    ouverte = await ouvrir(store, une_session(compte))
    assert ouverte is not None
    return ouverte.id


# Opening


async def test_a_session_says_when_it_ends_and_the_feed_tells_of_it(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection
) -> None:
    await regler(proprietaire, compte, vu_le=T0.date() - timedelta(days=400), averti_le=T0)
    ouverte = await ouvrir(store, une_session(compte, agent=None))
    assert ouverte is not None
    assert (ouverte.compte_id, ouverte.rang, ouverte.expire_le, ouverte.fin_le) == (compte, 0, T0 + REPOS, T0 + FIN)
    assert ouverte.reste == FIN.total_seconds()
    ligne = await proprietaire.fetchrow("select compte_id, nature, details::text from activites")
    assert tuple(ligne) == (compte, "connexion", '{"adresse": "192.0.2.10"}')
    vu = await proprietaire.fetchrow("select vu_le, averti_le, empreinte_mdp from comptes")
    assert tuple(vu) == (T0.date(), None, EMPREINTE)


async def test_a_hash_made_anew_replaces_the_one_that_was_verified_and_no_other(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection
) -> None:
    assert await ouvrir(store, une_session(compte), "neuve")
    assert await ouvrir(store, une_session(compte), "autre") is None
    assert await proprietaire.fetchval("select empreinte_mdp from comptes") == "neuve"


async def test_without_a_password_compared_the_hash_is_not_looked_at(store: PgStore, compte: UUID) -> None:
    assert await ouvrir(store, une_session(compte, verifiee=None))


@pytest.mark.parametrize(
    "colonnes",
    [
        {"empreinte_mdp": "changée"},
        {"empreinte_mdp": None},
        {"etat": "en_attente"},
        {"etat": "suspendu"},
        {"etat": "efface"},
        {"effacement_le": T0 + timedelta(days=7)},
    ],
    ids=["another password", "no password", "pending", "suspended", "erased", "leaving"],
)
async def test_nothing_opens_and_nothing_is_written_on_an_account_that_is_not_what_was_compared(
    store: PgStore, proprietaire: asyncpg.Connection, colonnes: dict[str, Any]
) -> None:
    compte = await un_actif(proprietaire, vu_le=None, **colonnes)
    avant = await proprietaire.fetch("select * from comptes")
    assert await ouvrir(store, une_session(compte), "neuve") is None
    assert await ouvrir(store, une_session(uuid4()), "neuve") is None
    assert await proprietaire.fetch("select * from comptes") == avant
    assert await proprietaire.fetchval("select count(*) from activites") == 0


async def test_a_sign_in_that_meets_a_change_of_password_under_way_waits_and_is_refused(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection
) -> None:
    async with store.transaction() as tx:
        await tx.titulaires.changer_mot_de_passe(compte, "nouvelle")
        await tx.sessions.terminer_toutes(compte, "mot_de_passe")
        arrive = asyncio.create_task(ouvrir(store, une_session(compte)))
        await un_autre_attend(proprietaire)
    assert await arrive is None
    assert await proprietaire.fetchval("select count(*) from sessions") == 0


async def test_a_session_that_opens_just_before_a_change_of_password_ends_with_it(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection
) -> None:
    async def changer() -> None:
        async with store.transaction() as tx:
            await tx.titulaires.changer_mot_de_passe(compte, "nouvelle")
            await tx.sessions.terminer_toutes(compte, "mot_de_passe")

    async with store.transaction() as tx:
        assert await tx.sessions.ouvrir(une_session(compte))
        changement = asyncio.create_task(changer())
        await un_autre_attend(proprietaire)
    await changement
    assert await proprietaire.fetchval("select motif from sessions") == "mot_de_passe"


async def vivantes(proprietaire: asyncpg.Connection, compte: UUID) -> set[UUID]:
    ordre = "select id from sessions where compte_id = $1 and terminee_le is null and expire_le > horloge()"
    return {ligne["id"] for ligne in await proprietaire.fetch(ordre, compte)}


async def test_one_session_too_many_ends_the_one_refreshed_least_recently_however_many_open_at_once(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection, horloge: Horloge, connexions: PgConnexions
) -> None:
    voisine = une_session(await un_actif(proprietaire, "yann.dupont"))
    assert await ouvrir(store, voisine)
    # Over, it takes nobody's place.
    assert await ouvrir(store, une_session(compte, duree=Duree(60, 60)))
    rafraichie, oubliee = une_session(compte), une_session(compte)
    for session in (rafraichie, oubliee):
        assert await ouvrir(store, session)
    await horloge.avancer(timedelta(minutes=1))
    assert await tourner(connexions, rafraichie.id, 0)
    for _ in range(SESSIONS_PAR_COMPTE - 2):
        assert await ouvrir(store, une_session(compte))
    assert {rafraichie.id, oubliee.id} < await vivantes(proprietaire, compte)
    await horloge.avancer(timedelta(minutes=1))
    for autres in ([une_session(compte)], [une_session(compte) for _ in range(40)]):
        assert all(await asyncio.gather(*(connexions.ouvrir(session) for session in autres)))
        restees = await vivantes(proprietaire, compte)
        assert len(restees) == SESSIONS_PAR_COMPTE
        assert restees > {session.id for session in autres}
        assert oubliee.id not in restees
    assert await proprietaire.fetchval("select array_agg(distinct motif) from sessions where terminee_le is not null") == [
        "nombre"
    ]
    assert await tourner(connexions, voisine.id, 0)


# Rotation


async def test_of_twenty_simultaneous_rotations_of_one_token_one_is_served_and_its_child_goes_on(
    store: PgStore, session: UUID, connexions: PgConnexions
) -> None:
    rendus = await asyncio.gather(*(tourner(connexions, session, 0, suivant=f"enfant{n}") for n in range(20)))
    [gagnant] = [n for n, rendu in enumerate(rendus) if rendu is not None]
    for perdant in {0, 19} - {gagnant}:
        assert await tourner(connexions, session, 1, f"enfant{perdant}") is None
    suite = await tourner(connexions, session, 1, f"enfant{gagnant}")
    assert suite is not None
    assert suite.rang == 2


async def test_only_the_current_token_at_its_own_rank_rotates(store: PgStore, session: UUID, connexions: PgConnexions) -> None:
    assert await tourner(connexions, uuid4(), 0) is None
    assert await tourner(connexions, session, 0, "autre") is None
    assert await connexions.tourner(session, 1, jeton(0), jeton(1)) is None
    assert await tourner(connexions, session, 0)
    assert await tourner(connexions, session, 0) is None
    assert await tourner(connexions, session, 1)


async def test_an_idle_session_ends_to_the_microsecond(
    store: PgStore, session: UUID, horloge: Horloge, connexions: PgConnexions
) -> None:
    await horloge.mettre(T0 + REPOS - INSTANT)
    tournee = await tourner(connexions, session, 0)
    assert tournee is not None
    assert tournee.expire_le == T0 + 2 * REPOS - INSTANT
    await horloge.mettre(tournee.expire_le)
    assert await tourner(connexions, session, 1) is None
    assert await presenter(store, session, 0) is Presentation.FINIE


async def test_a_session_kept_busy_ends_all_the_same(
    store: PgStore, session: UUID, horloge: Horloge, connexions: PgConnexions
) -> None:
    rang = 0
    while horloge.instant < T0 + FIN - REPOS:
        await horloge.avancer(REPOS - INSTANT)
        tournee = await tourner(connexions, session, rang)
        assert tournee is not None
        assert tournee.expire_le == min(horloge.instant + REPOS, T0 + FIN)
        assert tournee.reste == pytest.approx((T0 + FIN - horloge.instant).total_seconds())
        rang += 1
    await horloge.mettre(T0 + FIN - INSTANT)
    assert await tourner(connexions, session, rang)
    await horloge.mettre(T0 + FIN)
    assert await tourner(connexions, session, rang + 1) is None


@pytest.mark.parametrize("colonnes", [{"etat": "suspendu"}, {"effacement_le": T0 + timedelta(days=7)}])
async def test_nothing_rotates_on_an_account_that_is_suspended_or_leaving(
    store: PgStore,
    session: UUID,
    compte: UUID,
    proprietaire: asyncpg.Connection,
    colonnes: dict[str, Any],
    connexions: PgConnexions,
) -> None:
    await regler(proprietaire, compte, **colonnes)
    assert await tourner(connexions, session, 0) is None
    assert await presenter(store, session, 0) is Presentation.FINIE


# What another token means


async def test_the_token_just_before_is_an_answer_lost_for_ten_seconds_and_then_a_copy(
    store: PgStore, session: UUID, horloge: Horloge, connexions: PgConnexions
) -> None:
    await horloge.avancer(timedelta(minutes=5))
    tournee = horloge.instant
    assert await tourner(connexions, session, 0)
    for apres, sens in (
        (timedelta(), Presentation.REPRISE),
        (REPRISE - INSTANT, Presentation.REPRISE),
        (REPRISE, Presentation.REUTILISEE),
        (REPOS - INSTANT, Presentation.REUTILISEE),
        (REPOS, Presentation.FINIE),
    ):
        await horloge.mettre(tournee + apres)
        assert await presenter(store, session, 0) is sens, apres


async def test_a_lost_answer_is_given_again_with_the_digest_of_the_child(
    store: PgStore, session: UUID, connexions: PgConnexions
) -> None:
    await tourner(connexions, session, 0, suivant="enfant")
    async with store.transaction() as tx:
        presente = await tx.sessions.presenter(session, 0, REPRISE)
    assert presente is not None
    sens, ouverte, empreinte = presente
    assert (sens, ouverte.id, ouverte.rang, empreinte) == (Presentation.REPRISE, session, 1, jeton(1, "enfant"))


async def test_two_ranks_behind_is_a_copy_at_once_and_a_rank_not_given_yet_opens_nothing(
    store: PgStore, session: UUID, connexions: PgConnexions
) -> None:
    for rang in (0, 1):
        await tourner(connexions, session, rang)
    assert [await presenter(store, session, rang) for rang in (0, 1, 2, 3)] == [
        Presentation.REUTILISEE,
        Presentation.REPRISE,
        Presentation.FINIE,
        Presentation.FINIE,
    ]
    assert await presenter(store, uuid4(), 0) is None


async def test_a_lost_answer_is_not_given_again_once_the_session_has_ended(
    store: PgStore, session: UUID, compte: UUID, connexions: PgConnexions
) -> None:
    await tourner(connexions, session, 0)
    async with store.transaction() as tx:
        assert await tx.sessions.terminer(compte, session, "deconnexion")
    assert await presenter(store, session, 0) is Presentation.FINIE
    assert await tourner(connexions, session, 1) is None


async def test_the_owner_of_the_child_does_not_slip_through_while_a_copy_ends_the_family(
    store: PgStore, session: UUID, compte: UUID, proprietaire: asyncpg.Connection, horloge: Horloge, connexions: PgConnexions
) -> None:
    await tourner(connexions, session, 0)
    await horloge.avancer(REPRISE)
    async with store.transaction() as tx:
        presente = await tx.sessions.presenter(session, 0, REPRISE)
        assert presente is not None
        assert presente[0] is Presentation.REUTILISEE
        enfant = asyncio.create_task(tourner(connexions, session, 1))
        await un_autre_attend(proprietaire)
        assert await tx.sessions.terminer(compte, session, "reutilisation")
    assert await enfant is None


# Ending


async def test_a_session_is_ended_once_by_its_own_account(store: PgStore, session: UUID, compte: UUID) -> None:
    async def terminer(qui: UUID) -> bool:
        async with store.transaction() as tx:
            return await tx.sessions.terminer(qui, session, "deconnexion")

    assert await terminer(uuid4()) is False
    assert Counter(await asyncio.gather(*(terminer(compte) for _ in range(8)))) == {True: 1, False: 7}


async def test_all_the_live_sessions_of_an_account_end_but_the_one_that_is_kept(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection, horloge: Horloge, connexions: PgConnexions
) -> None:
    autre = await un_actif(proprietaire, "yann.dupont")
    perimee, finie = une_session(compte, duree=Duree(60, 60)), une_session(compte)
    gardee, vive, voisine = une_session(compte), une_session(compte), une_session(autre)
    for session in (perimee, finie, gardee, vive, voisine):
        assert await ouvrir(store, session)
    await horloge.avancer(timedelta(seconds=60))
    async with store.transaction() as tx:
        assert await tx.sessions.terminer(compte, finie.id, "deconnexion")
        await tx.sessions.terminer_toutes(compte, "mot_de_passe", sauf=gardee.id)
    assert await tourner(connexions, vive.id, 0) is None
    assert await tourner(connexions, gardee.id, 0)
    async with store.transaction() as tx:
        await tx.sessions.terminer_toutes(compte, "reinitialisation")
    assert await tourner(connexions, gardee.id, 1) is None
    assert await tourner(connexions, voisine.id, 0)
    motifs = await proprietaire.fetch("select id, motif from sessions where terminee_le is not null")
    assert {tuple(ligne) for ligne in motifs} == {
        (finie.id, "deconnexion"), (vive.id, "mot_de_passe"), (gardee.id, "reinitialisation")
    }  # fmt: skip


# What the session opens


async def test_a_password_given_again_counts_for_five_minutes_to_the_microsecond(
    store: PgStore, session: UUID, compte: UUID, horloge: Horloge
) -> None:
    async def recent() -> bool:
        async with store.transaction() as tx:
            titulaire = await tx.titulaires.tenir(compte, session)
        assert titulaire is not None
        return titulaire.recent

    for debut in (T0, T0 + timedelta(minutes=10)):
        await horloge.mettre(debut)
        async with store.transaction() as tx:
            assert await tx.sessions.reauthentifier(session, FRAICHEUR) == debut + FRAICHEUR
        await horloge.mettre(debut + FRAICHEUR - INSTANT)
        assert await recent()
        await horloge.mettre(debut + FRAICHEUR)
        assert not await recent()


async def test_a_session_that_the_sign_up_s_secret_opens_is_not_recent(store: PgStore, compte: UUID) -> None:
    nouvelle = une_session(compte, verifiee=None, par_secret=True)
    async with store.transaction() as tx:
        assert await tx.sessions.ouvrir(nouvelle)
        titulaire = await tx.titulaires.tenir(compte, nouvelle.id)
    assert titulaire is not None
    assert not titulaire.recent


async def recent(store: PgStore, compte: UUID, session: UUID) -> bool:
    async with store.transaction() as tx:
        titulaire = await tx.titulaires.tenir(compte, session)
    assert titulaire is not None
    return titulaire.recent


async def test_a_session_that_an_identity_opens_is_recent_since_the_moment_its_provider_tells(
    store: PgStore, compte: UUID, proprietaire: asyncpg.Connection
) -> None:
    for le, compte_encore in ((T0 - FRAICHEUR + INSTANT, True), (T0 - FRAICHEUR, False), (T0, True), (None, False)):
        par = Ouverture(identite_id=uuid4(), fournisseur="franceconnect", authentifiee_le=le)
        ouverte = await ouvrir(store, une_session(compte, verifiee=None, par=par))
        assert ouverte is not None
        assert await recent(store, compte, ouverte.id) is compte_encore, le
    details = await proprietaire.fetchval("select details::text from activites order by id desc limit 1")
    assert json.loads(details) == {"adresse": "192.0.2.10", "agent": "Firefox", "fournisseur": "franceconnect"}


async def test_only_what_these_identities_opened_ends_with_them(
    store: PgStore, compte: UUID, session: UUID, proprietaire: asyncpg.Connection
) -> None:
    siennes = [Ouverture(identite_id=uuid4(), fournisseur="franceconnect", authentifiee_le=T0) for _ in range(2)]
    ouvertes = [await ouvrir(store, une_session(compte, verifiee=None, par=par)) for par in (*siennes, siennes[0])]
    ids = [ouverte.id for ouverte in ouvertes if ouverte is not None]
    async with store.transaction() as tx:
        assert await tx.sessions.terminer_ouvertes_par(uuid4(), [siennes[0].identite_id], "detachement") == []
        finies = await tx.sessions.terminer_ouvertes_par(compte, [siennes[0].identite_id], "detachement")
        assert await tx.sessions.terminer_ouvertes_par(compte, [siennes[0].identite_id], "detachement") == []
    assert set(finies) == {ids[0], ids[2]}
    vivantes = await proprietaire.fetch("select id from sessions where terminee_le is null")
    assert {ligne["id"] for ligne in vivantes} == {session, ids[1]}


async def test_a_proof_counts_if_it_was_given_since_the_departure_and_a_short_time_ago(
    store: PgStore, compte: UUID, session: UUID, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    passage, ecart = uuid4(), timedelta(seconds=30)
    await proprietaire.execute(
        "insert into passages (id, fournisseur, intention, retour, defi, compte_id, session_id, expire_le)"
        " values ($1, 'franceconnect', 'reauthentification', 'https://ici', 'x', $2, $3, horloge() + interval '10 minutes')",
        passage, compte, session,
    )  # fmt: skip

    async def prouver(le: datetime) -> datetime | None:
        async with store.transaction() as tx:
            return await tx.sessions.reauthentifier_par(session, passage, le, ecart, FRAICHEUR)

    assert await prouver(T0 - ecart - INSTANT) is None
    assert await prouver(T0 - ecart) == T0 - ecart + FRAICHEUR
    await horloge.mettre(T0 + timedelta(minutes=7))
    assert await prouver(T0 + timedelta(minutes=2)) is None
    assert not await recent(store, compte, session)
    assert await prouver(T0 + timedelta(minutes=2) + INSTANT) == T0 + timedelta(minutes=7) + INSTANT
    assert await recent(store, compte, session)
    async with store.transaction() as tx:
        assert await tx.sessions.reauthentifier_par(session, uuid4(), T0 + timedelta(minutes=7), ecart, FRAICHEUR) is None


async def test_an_account_is_held_from_a_live_session_of_its_own_alone(
    store: PgStore, session: UUID, compte: UUID, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    async def tenu(compte: UUID = compte) -> bool:
        async with store.transaction() as tx:
            return await tx.titulaires.tenir(compte, session) is not None

    autre = await un_actif(proprietaire, "yann.dupont")
    assert [await tenu(), await tenu(autre)] == [True, False]
    await horloge.mettre(T0 + REPOS - INSTANT)
    assert await tenu()
    await horloge.mettre(T0 + REPOS)
    assert not await tenu()
    await horloge.mettre(T0)
    for colonnes, remise in (({"etat": "suspendu"}, {"etat": "actif"}), ({"effacement_le": T0}, {"effacement_le": None})):
        await regler(proprietaire, compte, **colonnes)
        assert not await tenu()
        await regler(proprietaire, compte, **remise)
    assert await tenu()
    async with store.transaction() as tx:
        await tx.sessions.terminer(compte, session, "deconnexion")
    assert not await tenu()
