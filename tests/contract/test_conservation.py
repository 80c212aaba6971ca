"""Retention (R34): each rule exact at its edge; a dry run changes nothing; twice, at once or killed half-way ends the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from adapters.postgres import adresse
from adapters.postgres.conservation import PgConservation
from adapters.postgres.store import PgStore, moteur
from app.settings import Settings
from domain.erreurs import Indisponible
from domain.session import Duree
from domain.transaction import NouvelleSession
from tests.contract.lignes import EMPREINTE, INSTANT, JOUR, T0, Horloge, regler, un_actif
from tests.recueil import Recueil

TABLES = (
    "comptes", "contacts", "actes_juridiques", "jetons", "outbox", "sessions", "activites", "recuperations",
    "identifiants_retires", "idempotence", "limites", "passages",
)  # fmt: skip
UN_AN = datetime(2027, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def conservation(store: PgStore, horloge: Horloge) -> PgConservation:
    return PgConservation(store._engine)


async def faits(conservation: PgConservation, *, simuler: bool = False) -> dict[str, int]:
    """The rules that concerned a row, and how many; none failed."""
    return comptes(await conservation.appliquer(simuler=simuler))


def comptes(faits: Mapping[str, int | Exception]) -> dict[str, int]:
    for fait in faits.values():
        if isinstance(fait, Exception):
            raise fait
    return {regle: fait for regle, fait in faits.items() if isinstance(fait, int) and fait}


async def photographie(proprietaire: asyncpg.Connection) -> Mapping[str, list[str]]:
    return {t: [str(r[0]) for r in await proprietaire.fetch(f"select t::text from {t} t order by 1")] for t in TABLES}  # noqa: S608


# One row of each kind, whose time is T0. `$1`: an account.
_COMPTE = (
    "insert into comptes (id, identifiant, etat, profil, langue, expire_le, active_le, vu_le, effacement_le) "
    "select gen_random_uuid(), '{}' || n, '{}', '{{\"type\": \"citoyen\"}}', 'fr', {}, {}, horloge()::date, {}"
)
_JETON = (
    "insert into jetons (id, compte_id, usage, canal, destination, cle_id, expire_le, renvoi_le, annule_le)"
    " select gen_random_uuid(), $1, 'contact', 'sms', '+33612345678', 'essai', horloge(), horloge(), horloge()"
)
_MESSAGE = (
    "insert into outbox (compte_id, canal, modele, destination, livraison)"
    " select $1, 'email', 'identifiants', 'ines@exemple.fr', '{}'"
)
_SESSION = (
    "insert into sessions (id, compte_id, empreinte, inactivite, appareil_partage, expire_le, fin_le)"
    " select gen_random_uuid(), $1, sha256(''), '1 h', false, horloge(), horloge()"
)
REGLES: dict[str, tuple[str, datetime]] = {
    "inscriptions_abandonnees": (_COMPTE.format("abandon", "en_attente", "horloge()", "null", "null"), T0),
    "effacements_echus": (_COMPTE.format("partant", "actif", "horloge()", "horloge()", "horloge()"), T0),
    "preuves_perimees": (_JETON, T0 + JOUR),
    "messages_partis": (_MESSAGE.format("envoye"), T0 + 30 * JOUR),
    "sessions_finies": (_SESSION, T0 + JOUR),
    "activites_anciennes": ("insert into activites (compte_id, nature) select $1, 'connexion'", UN_AN),
    "demandes_oubliees": (
        "insert into recuperations (id, objet, saisie, client) select gen_random_uuid(), 'mot_de_passe', 'ines', 'c'",
        T0 + JOUR,
    ),
    "identifiants_liberes": (
        "insert into identifiants_retires (empreinte, compte_id, libere_le) select sha256(n::text::bytea), $1, horloge()",
        T0,
    ),
    "reponses_gardees": (
        "insert into idempotence (cle, empreinte, prise, expire_le)"
        " select sha256(n::text::bytea), sha256(''), gen_random_uuid(), horloge()",
        T0,
    ),
    "passages_perimes": (
        "insert into passages (id, fournisseur, intention, retour, defi, expire_le)"
        " select gen_random_uuid(), 'franceconnect', 'connexion', 'https://portail.fr', 'd', horloge()",
        T0 + timedelta(hours=1),
    ),
    "identites_oubliees": (
        "insert into passages (id, fournisseur, intention, retour, defi, identite, expire_le)"
        " select gen_random_uuid(), 'franceconnect', 'connexion', 'https://portail.fr', 'd', '', horloge()",
        T0,
    ),
    "limites_perimees": ("insert into limites (cle, expire_le) select sha256(n::text::bytea), horloge()", T0),
}


async def mettre(proprietaire: asyncpg.Connection, regle: str, compte: UUID, nombre: int = 1) -> None:
    ordre = f"{REGLES[regle][0]} from generate_series(1, {nombre}) n"
    await proprietaire.execute(ordre, *([compte] if "$1" in ordre else []))


async def test_every_rule_is_held_here(conservation: PgConservation) -> None:
    assert (await conservation.appliquer()).keys() == REGLES.keys() | {"comptes_inactifs_avertis", "comptes_inactifs_effaces"}


@pytest.mark.parametrize("regle", REGLES)
async def test_a_row_goes_when_its_time_has_come_and_not_a_microsecond_before(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge, regle: str
) -> None:
    compte = await un_actif(proprietaire)
    await mettre(proprietaire, regle, compte)
    bord = REGLES[regle][1]
    await horloge.mettre(bord - INSTANT)
    avant = await photographie(proprietaire)
    assert (await faits(conservation, simuler=True), await faits(conservation)) == ({}, {})
    assert await photographie(proprietaire) == avant
    await horloge.mettre(bord)
    assert await faits(conservation, simuler=True) == {regle: 1}
    assert await photographie(proprietaire) == avant
    assert await faits(conservation) == {regle: 1}
    assert await photographie(proprietaire) != avant
    assert await faits(conservation) == {}


@pytest.mark.parametrize("regle", REGLES)
async def test_a_row_long_past_goes_all_the_same(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge, regle: str
) -> None:
    await mettre(proprietaire, regle, await un_actif(proprietaire, effacement_le=T0 + 3000 * JOUR))
    await horloge.mettre(REGLES[regle][1] + 400 * JOUR)
    assert (await faits(conservation))[regle] == 1


async def test_what_is_still_to_be_sent_is_kept_however_old_and_what_is_done_goes(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    compte = await un_actif(proprietaire)
    restent, partent = ("en_file", "nouvel_essai"), ("envoye", "annule", "echec_destinataire", "echec_expire", "echec_interne")
    for livraison in (*restent, *partent):
        await proprietaire.execute(_MESSAGE.format(livraison), compte)
    await horloge.avancer(300 * JOUR)
    assert await faits(conservation) == {"messages_partis": len(partent)}
    assert {ligne[0] for ligne in await proprietaire.fetch("select livraison from outbox")} == set(restent)


async def test_an_active_account_and_an_open_session_have_no_time_of_their_own_here(
    conservation: PgConservation, proprietaire: asyncpg.Connection, store: PgStore
) -> None:
    await un_actif(proprietaire, expire_le=T0)
    await se_connecter(store, await un_actif(proprietaire, "yann.dupont"))
    assert await faits(conservation) == {}


# Twice, at once, killed


@pytest.mark.parametrize("regle", ["preuves_perimees", "effacements_echus", "limites_perimees"])
async def test_more_than_a_batch_goes_whole_and_is_counted(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge, regle: str
) -> None:
    await mettre(proprietaire, regle, await un_actif(proprietaire), 1201)
    await horloge.mettre(REGLES[regle][1])
    assert await faits(conservation, simuler=True) == {regle: 1201}
    assert await faits(conservation) == {regle: 1201}
    assert await faits(conservation) == {}


async def test_two_at_once_do_the_work_once_and_neither_fails(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    compte, attendus = await un_actif(proprietaire), Counter(dict.fromkeys(REGLES, 30) | {"preuves_perimees": 1100})
    for regle, nombre in attendus.items():
        await mettre(proprietaire, regle, compte, nombre)
    # What they brought back first, then they themselves.
    attendus["passages_perimes"] += attendus["identites_oubliees"]
    await horloge.mettre(UN_AN)
    resultats = await asyncio.gather(*(conservation.appliquer() for _ in range(3)))
    assert sum(map(Counter, map(comptes, resultats)), Counter()) == attendus
    assert await faits(conservation) == {}
    assert await proprietaire.fetchval("select count(*) from comptes where etat = 'efface'") == 30


async def test_killed_between_two_batches_it_is_gone_on_with_by_the_next_and_the_other_rules_go_on(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    compte = await un_actif(proprietaire)
    await mettre(proprietaire, "preuves_perimees", compte, 1201)
    await mettre(proprietaire, "limites_perimees", compte, 3)
    await horloge.mettre(T0 + JOUR)
    # The second batch takes its own connection down.
    await proprietaire.execute(
        "create function mourir() returns trigger language plpgsql as $$ begin"
        " if (select count(*) from jetons) < 500 then perform pg_terminate_backend(pg_backend_pid()); end if;"
        " return null; end $$"
    )
    await proprietaire.execute("create trigger mourir after delete on jetons for each statement execute function mourir()")
    coupee = await conservation.appliquer()
    assert [regle for regle, fait in coupee.items() if isinstance(fait, Exception)] == ["preuves_perimees"]
    # What the first batch did is done, and nothing by halves.
    assert await proprietaire.fetchval("select count(*) from jetons") == 701
    assert coupee["limites_perimees"] == 3
    await proprietaire.execute("drop trigger mourir on jetons")
    assert await faits(conservation) == {"preuves_perimees": 701}


async def test_a_rule_that_takes_too_long_keeps_no_other_from_being_applied_and_is_no_outage(
    settings: Settings, proprietaire: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, recueil: Recueil
) -> None:
    for regle in ("inscriptions_abandonnees", "limites_perimees"):
        await mettre(proprietaire, regle, uuid4(), 3)
    await proprietaire.execute(
        "create function trainer() returns trigger language plpgsql as $$ begin perform pg_sleep(30); return null; end $$"
    )
    await proprietaire.execute("create trigger trainer after delete on comptes for each statement execute function trainer()")
    monkeypatch.setattr(adresse, "COMMANDE", 1.0)
    engine = moteur(settings.database_url or "", 1)
    resultat = await PgConservation(engine).appliquer()
    assert isinstance(resultat["inscriptions_abandonnees"], TimeoutError)
    assert resultat["limites_perimees"] == 3
    assert not any("comptoir.base" in ligne for ligne in recueil.lignes)
    # Nothing of it was done; nor is the connection lost.
    assert (await PgConservation(engine).appliquer(simuler=True))["inscriptions_abandonnees"] == 3
    await engine.dispose()


async def test_without_a_database_no_rule_is_tried() -> None:
    engine = moteur("postgresql://comptoir@127.0.0.1:1/absente", 1)
    with pytest.raises(Indisponible):
        await PgConservation(engine).appliquer()
    await engine.dispose()


@pytest.mark.parametrize(("terminee_le", "expire_le"), [(T0, T0 + JOUR / 2), (None, T0)], ids=["ended", "expired"])
async def test_a_session_goes_a_day_after_its_end_however_long_it_could_have_lasted(
    conservation: PgConservation,
    proprietaire: asyncpg.Connection,
    horloge: Horloge,
    terminee_le: datetime | None,
    expire_le: datetime,
) -> None:
    await proprietaire.execute(
        "insert into sessions (id, compte_id, empreinte, inactivite, appareil_partage, terminee_le, expire_le, fin_le)"
        " values (gen_random_uuid(), $1, sha256(''), '12 h', false, $2, $3, horloge() + interval '24 h')",
        await un_actif(proprietaire),
        terminee_le,
        expire_le,
    )
    await horloge.mettre(T0 + JOUR - INSTANT)
    assert await faits(conservation) == {}
    await horloge.mettre(T0 + JOUR)
    assert await faits(conservation) == {"sessions_finies": 1}


async def test_a_row_that_somebody_holds_delays_nobody_and_goes_next_time(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    await mettre(proprietaire, "limites_perimees", uuid4(), 10)
    async with proprietaire.transaction():
        await proprietaire.execute("select from limites where cle = sha256('1'::bytea) for update")
        assert await faits(conservation) == {"limites_perimees": 9}
    assert await faits(conservation) == {"limites_perimees": 1}


# Accounts that nobody uses

VINGT_TROIS_MOIS, VINGT_QUATRE_MOIS = datetime(2028, 10, 21, tzinfo=UTC), datetime(2028, 11, 21, tzinfo=UTC)


async def se_connecter(store: PgStore, compte: UUID) -> None:
    session = NouvelleSession(
        id=uuid4(), compte_id=compte, empreinte=b"e" * 32, duree=Duree(1800, 43200), agent=None, adresse=None,
        appareil_partage=False, verifiee=EMPREINTE,
    )  # fmt: skip
    async with store.transaction() as tx:
        assert await tx.sessions.ouvrir(session)


async def avertis(proprietaire: asyncpg.Connection) -> set[tuple[Any, ...]]:
    ordre = "select canal, destination, donnees ->> 'date' from outbox where modele = 'inactivite'"
    return {tuple(ligne) for ligne in await proprietaire.fetch(ordre)}


async def test_an_account_unused_for_23_months_is_told_once_by_every_proven_channel_and_erased_at_24(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    await un_actif(proprietaire)
    await horloge.mettre(VINGT_TROIS_MOIS + JOUR - INSTANT)
    assert await faits(conservation) == {}
    await horloge.mettre(VINGT_TROIS_MOIS + JOUR)
    assert await faits(conservation, simuler=True) == {"comptes_inactifs_avertis": 1}
    assert await faits(conservation) == {"comptes_inactifs_avertis": 1}
    assert await avertis(proprietaire) == {
        ("email", "ines@exemple.fr", "2028-11-21"), ("sms", "+33612345678", "2028-11-21")
    }  # fmt: skip
    await horloge.mettre(VINGT_QUATRE_MOIS + JOUR - INSTANT)
    assert await faits(conservation) == {}
    await horloge.mettre(VINGT_QUATRE_MOIS + JOUR)
    assert await faits(conservation) == {"comptes_inactifs_effaces": 1}
    assert await proprietaire.fetchval("select etat from comptes") == "efface"
    assert await faits(conservation) == {}


async def test_an_account_told_late_still_has_thirty_days(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    await un_actif(proprietaire)
    tard = VINGT_QUATRE_MOIS + 200 * JOUR
    await horloge.mettre(tard)
    assert await faits(conservation) == {"comptes_inactifs_avertis": 1}
    assert {date for *_, date in await avertis(proprietaire)} == {(tard + 30 * JOUR).date().isoformat()}
    await horloge.mettre(tard + 30 * JOUR - INSTANT)
    assert "comptes_inactifs_effaces" not in await faits(conservation)
    await horloge.mettre(tard + 30 * JOUR)
    assert (await faits(conservation))["comptes_inactifs_effaces"] == 1


async def test_signing_in_after_the_warning_saves_the_account_for_another_23_months(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge, store: PgStore
) -> None:
    sauve, perdu = await un_actif(proprietaire), await un_actif(proprietaire, "yann.dupont")
    await horloge.mettre(VINGT_TROIS_MOIS + JOUR)
    assert await faits(conservation) == {"comptes_inactifs_avertis": 2}
    await se_connecter(store, sauve)
    await horloge.mettre(VINGT_QUATRE_MOIS + JOUR)
    assert (await faits(conservation))["comptes_inactifs_effaces"] == 1
    etats = {ligne["id"]: ligne["etat"] for ligne in await proprietaire.fetch("select id, etat from comptes")}
    assert etats == {sauve: "actif", perdu: "efface"}
    # From then on, like any other: told again, erased again.
    await horloge.mettre(datetime(2030, 9, 22, tzinfo=UTC))
    assert "comptes_inactifs_avertis" not in await faits(conservation)
    await horloge.mettre(datetime(2030, 9, 23, tzinfo=UTC))
    assert (await faits(conservation))["comptes_inactifs_avertis"] == 1
    await horloge.mettre(datetime(2030, 10, 23, tzinfo=UTC))
    assert (await faits(conservation))["comptes_inactifs_effaces"] == 1


async def test_what_was_never_proven_is_told_nothing_and_a_suspended_account_neither(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    muet = await un_actif(proprietaire)
    await proprietaire.execute("update contacts set verifie_le = null where compte_id = $1", muet)
    await un_actif(proprietaire, "yann.dupont", etat="suspendu")
    fixe = await un_actif(proprietaire, "zoe.dupont")
    await proprietaire.execute("update contacts set recoit_sms = false where compte_id = $1", fixe)
    await horloge.mettre(VINGT_TROIS_MOIS + JOUR)
    assert await faits(conservation) == {"comptes_inactifs_avertis": 3}
    assert {(canal, destination) for canal, destination, _ in await avertis(proprietaire)} == {("email", "ines@exemple.fr")}
    await horloge.mettre(VINGT_QUATRE_MOIS + JOUR)
    assert (await faits(conservation))["comptes_inactifs_effaces"] == 3


async def test_an_account_that_is_leaving_goes_on_its_own_day(
    conservation: PgConservation, proprietaire: asyncpg.Connection, horloge: Horloge
) -> None:
    compte = await un_actif(proprietaire)
    await regler(proprietaire, compte, effacement_le=VINGT_TROIS_MOIS + 7 * JOUR)
    await horloge.mettre(VINGT_TROIS_MOIS + 6 * JOUR)
    assert await faits(conservation) == {}
    await horloge.avancer(timedelta(days=1))
    assert await faits(conservation) == {"effacements_echus": 1}
