"""Signing in: by what names, one answer to whatever fails, and guesses held back without ever keeping the holder out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unicodedata import normalize

import httpx
import pytest
from msgspec.structs import replace

from app.settings import Settings
from tests.builders import MOT_DE_PASSE, altere, un_citoyen, une_demande
from tests.service import Service, champs_fautifs, refus

EMAIL, IDENTIFIANT = "ines@exemple.fr", "ines.dupont"
FAUX, NEUF = "Tulipe!74orage", "Cerise!84brume"
DEBUT = datetime(2026, 11, 21, 10, tzinfo=UTC)
REFUSE, TROP = (401, "identifiants_incorrects"), (429, "trop_de_demandes")
SATURE = (503, "service_sature")


async def a(service: Service, secondes: float) -> None:
    """Stops the database's clock so many seconds after the beginning: an edge is exact, however slow the machine."""
    await service.arreter_horloge(DEBUT + timedelta(seconds=secondes))


def de(adresse: str) -> dict[str, str]:
    """Comes from this address, through the proxy that `proxy` trusts."""
    return {"X-Forwarded-For": adresse}


@pytest.fixture
async def proxy(settings: Settings) -> AsyncIterator[Service]:
    """With limits, behind a proxy: each call says where it comes from."""
    async with Service(replace(settings, limits="on", trusted_proxies="192.0.2.0/24")) as service:
        yield service


async def echouer(service: Service, fois: int, nom: str = IDENTIFIANT, **options: Any) -> None:
    for _ in range(fois):
        assert refus(await service.connecter(nom, FAUX, **options)) == REFUSE


async def echouer_de_partout(service: Service) -> None:
    """More than an account's free failures, each from an address of its own."""
    for n in range(8):
        await echouer(service, 1, entetes=de(f"198.51.100.{n}"))


async def juges(service: Service) -> list[int]:
    """How many attempts each count holds, the ceiling for all aside."""
    lignes = await service.sql.fetch("select cardinality(instants) as n from limites where nombre = 0 order by 1")
    return [ligne["n"] for ligne in lignes]


def autre(nom: str, **changes: Any) -> dict[str, Any]:
    """The sign-up of somebody else, with this identifiant and an address of their own."""
    profil = un_citoyen(nom_naissance="Martin", nom_usage=None, prenom="Paul")
    return une_demande(profil, identifiant=nom, email=f"{nom}@exemple.fr", telephone_mobile=None) | changes


# By what names


async def test_one_signs_in_by_identifiant_in_whatever_case(service: Service) -> None:
    await service.actif(une_demande())
    comptes = set()
    for ecriture in (IDENTIFIANT, "Ines.Dupont", "INES.DUPONT", " ines.dupont "):
        session = await service.connecte(ecriture, MOT_DE_PASSE)
        comptes.add((await service.moi(session))["identifiant"])
    assert comptes == {IDENTIFIANT}


async def test_one_signs_in_by_a_proven_address_in_whatever_case(service: Service) -> None:
    await service.actif(une_demande())
    for ecriture in (EMAIL, "INES@exemple.fr", "Ines@Exemple.FR", f" {EMAIL} "):
        assert (await service.connecter(ecriture, MOT_DE_PASSE)).status_code == 201, ecriture


async def test_an_address_that_was_never_proven_opens_nothing(service: Service) -> None:
    await service.actif(une_demande(), "sms")
    assert refus(await service.connecter(EMAIL, MOT_DE_PASSE)) == REFUSE
    assert (await service.connecter(IDENTIFIANT, MOT_DE_PASSE)).status_code == 201


async def test_an_address_that_two_active_accounts_have_proven_opens_neither_and_their_identifiants_do(
    service: Service,
) -> None:
    await service.actif(une_demande())
    await service.actif(autre("paul.martin", email=EMAIL))
    assert refus(await service.connecter(EMAIL, MOT_DE_PASSE)) == REFUSE
    for nom in (IDENTIFIANT, "paul.martin"):
        assert (await service.connecter(nom, MOT_DE_PASSE)).status_code == 201
    # Once one of them is no longer active, it designates the other.
    await service.sql.execute("update comptes set etat = 'suspendu' where identifiant = $1", IDENTIFIANT)
    session = await service.connecte(EMAIL, MOT_DE_PASSE)
    assert (await service.moi(session))["identifiant"] == "paul.martin"


async def test_an_account_that_has_not_proven_an_address_does_not_spoil_it_for_who_has(service: Service) -> None:
    await service.actif(une_demande())
    await service.actif(une_demande(identifiant="paul.martin"), "sms")
    session = await service.connecte(EMAIL, MOT_DE_PASSE)
    assert (await service.moi(session))["identifiant"] == IDENTIFIANT


async def test_no_identifiant_can_be_taken_for_the_address_or_the_number_of_another(service: Service) -> None:
    await service.actif(une_demande())
    await service.actif(autre("paul.martin"))
    session = await service.connecte("paul.martin", MOT_DE_PASSE)
    for nom in (EMAIL, "0612345678", "+33612345678", "ines＠exemple.fr"):
        assert champs_fautifs(await service.inscrire(autre("x") | {"identifiant": nom})).keys() == {"/identifiant"}
        corps = {"identifiant": nom, "mot_de_passe": MOT_DE_PASSE}
        assert champs_fautifs(await service.appeler(session, "PUT", "/v1/moi/identifiant", corps)).keys() == {"/identifiant"}
    # And what has no @ is looked for among identifiants alone.
    assert refus(await service.connecter("ines＠exemple.fr", MOT_DE_PASSE)) == REFUSE
    assert refus(await service.connecter("0612345678", MOT_DE_PASSE)) == REFUSE


async def test_a_password_is_the_same_however_its_accents_are_composed_and_whatever_its_spaces(service: Service) -> None:
    mot = " Été à l'île, 73 cèdres "
    assert normalize("NFC", mot) != normalize("NFD", mot)
    await service.actif(une_demande(mot_de_passe=normalize("NFD", mot)))
    for forme in ("NFC", "NFD"):
        assert (await service.connecter(IDENTIFIANT, normalize(forme, mot))).status_code == 201
    for presque in (mot.strip(), mot.lower(), mot[:-1]):
        assert refus(await service.connecter(IDENTIFIANT, presque)) == REFUSE


async def test_a_password_has_128_characters_at_most_and_its_last_one_counts(service: Service) -> None:
    mot = "Tulipe!73orage" + "é" * 114
    await service.actif(une_demande(mot_de_passe=mot))
    for forme in ("NFC", "NFD"):
        assert (await service.connecter(IDENTIFIANT, normalize(forme, mot))).status_code == 201
    assert refus(await service.connecter(IDENTIFIANT, mot[:-1] + "è")) == REFUSE
    assert champs_fautifs(await service.connecter(IDENTIFIANT, mot + "é")) == {"/mot_de_passe": "trop_long"}


async def test_a_session_is_not_both_long_and_on_a_shared_computer(service: Service) -> None:
    reponse = await service.connecter(IDENTIFIANT, MOT_DE_PASSE, rester_connecte=True, appareil_partage=True)
    assert champs_fautifs(reponse) == {"/rester_connecte": "appareil_partage_incompatible"}


# One answer


async def sans_acces(service: Service) -> dict[str, tuple[str, str]]:
    """Every reason not to get in, with the name and the password of its attempt."""
    await service.actif(une_demande())
    await service.inscrit(autre("en.attente"))
    for nom in ("un.suspendu", "un.efface", "sans.mot-de-passe", "un.freine", "un.partage", "autre.partage"):
        await service.actif(autre(nom, email="a.deux@exemple.fr") if nom.endswith("partage") else autre(nom))
        # The two that share an address are each sent their link.
        await service.sql.execute("delete from limites")
    await service.actif(une_demande(identifiant="par.sms", email="jamais@exemple.fr", telephone_mobile="0612345679"), "sms")
    await service.sql.execute("update comptes set etat = 'suspendu' where identifiant = 'un.suspendu'")
    await service.sql.execute("update comptes set empreinte_mdp = null where identifiant = 'sans.mot-de-passe'")
    await service.sql.fetch("select effacer_compte(id, interval '1 day') from comptes where identifiant = 'un.efface'")
    async with Service(service.settings, adresse="198.51.100.7") as ailleurs:
        await echouer(ailleurs, 5, "un.freine")
    return {
        "unknown": ("personne.inconnue", MOT_DE_PASSE),
        "wrong password": (IDENTIFIANT, FAUX),
        "wrong password, by address": (EMAIL, FAUX),
        "pending, wrong password": ("en.attente", FAUX),
        "pending, by address": ("en.attente@exemple.fr", MOT_DE_PASSE),
        "suspended": ("un.suspendu", MOT_DE_PASSE),
        "suspended, by address": ("un.suspendu@exemple.fr", MOT_DE_PASSE),
        "erased": ("un.efface", MOT_DE_PASSE),
        "without a password": ("sans.mot-de-passe", MOT_DE_PASSE),
        "held back by others": ("un.freine", MOT_DE_PASSE),
        "unknown address": ("personne@exemple.fr", MOT_DE_PASSE),
        "address never proven": ("jamais@exemple.fr", MOT_DE_PASSE),
        "address of two": ("a.deux@exemple.fr", MOT_DE_PASSE),
        "no address": ("@@exemple", MOT_DE_PASSE),
        "no identifiant": ("…", MOT_DE_PASSE),
    }


async def test_whatever_fails_has_one_answer_to_the_byte(service_limite: Service) -> None:
    reponses = {}
    for cas, (nom, mot) in (await sans_acces(service_limite)).items():
        reponse = await service_limite.connecter(nom, mot, entetes={"X-Request-Id": "essai-differentiel"})
        assert refus(reponse) == REFUSE, cas
        reponses[cas] = (reponse.content, sorted(reponse.headers.raw))
    assert set(map(repr, reponses.values())) == {repr(reponses["unknown"])}
    assert (b"www-authenticate", b'Bearer realm="comptoir"') in reponses["unknown"][1]


async def test_activate_first_is_said_to_the_right_password_alone(service: Service) -> None:
    inscription = await service.inscrit(une_demande())
    assert refus(await service.connecter(IDENTIFIANT, FAUX)) == REFUSE
    reponse = await service.connecter(IDENTIFIANT, MOT_DE_PASSE)
    assert refus(reponse) == (403, "compte_non_active")
    # With what its author may have lost: the tab was closed, the code is too old, and the name is theirs for seven days.
    assert (reponse.json()["inscription"], reponse.json()["secret"]) == (inscription["id"], inscription["secret"])
    assert (await service.demander({"id": inscription["id"], "secret": reponse.json()["secret"]}, "email")).status_code == 202


async def test_of_a_sign_up_whose_time_is_over_nothing_is_said(service: Service) -> None:
    await service.inscrit(une_demande())
    await service.avancer(timedelta(days=7, seconds=1))
    assert refus(await service.connecter(IDENTIFIANT, MOT_DE_PASSE)) == REFUSE


async def test_that_an_account_is_being_erased_is_said_to_the_right_password_alone(service: Service) -> None:
    await service.actif(une_demande())
    session = await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    assert (await service.appeler(session, "POST", "/v1/moi/effacement", {"mot_de_passe": MOT_DE_PASSE})).status_code == 202
    for nom in (IDENTIFIANT, EMAIL):
        assert refus(await service.connecter(nom, FAUX)) == REFUSE
        assert refus(await service.connecter(nom, MOT_DE_PASSE)) == (403, "effacement_en_cours")


# The hash


async def empreinte(service: Service) -> str:
    lue: str = await service.sql.fetchval("select empreinte_mdp from comptes where identifiant = $1", IDENTIFIANT)
    return lue


async def test_a_weaker_hash_is_upgraded_by_a_sign_in_and_by_nothing_else(service: Service) -> None:
    await service.actif(une_demande())
    ancienne = await empreinte(service)
    assert ancienne.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    await service.connecte(IDENTIFIANT, MOT_DE_PASSE)
    assert await empreinte(service) == ancienne
    async with Service(service.settings, passes=2) as renforce:
        assert refus(await renforce.connecter(IDENTIFIANT, FAUX)) == REFUSE
        assert await empreinte(service) == ancienne
        await renforce.connecte(IDENTIFIANT, MOT_DE_PASSE)
        neuve = await empreinte(service)
        assert neuve.startswith("$argon2id$v=19$m=8,t=2,p=1$")
        await renforce.connecte(IDENTIFIANT, MOT_DE_PASSE)
        assert await empreinte(service) == neuve


async def test_of_several_sign_ins_at_once_that_upgrade_the_hash_none_is_refused(service: Service) -> None:
    await service.actif(une_demande())
    async with Service(service.settings, passes=2) as renforce:
        reponses = await asyncio.gather(*(renforce.connecter(IDENTIFIANT, MOT_DE_PASSE) for _ in range(6)))
    assert [r.status_code for r in reponses] == [201] * 6
    assert "t=2" in await empreinte(service)


# Held back


async def test_five_failures_are_free_then_each_waits_for_the_one_before_and_a_day_has_twenty_five(proxy: Service) -> None:
    await a(proxy, 0)
    await proxy.actif(une_demande())
    await echouer(proxy, 5, entetes=de("198.51.100.1"))
    instant = 0
    for essai, minutes in enumerate([1, 2, 4, 8, *[15] * 16]):
        instant += 60 * minutes
        # Too early by a thousandth: not even judged, else the next wait would be another one.
        await a(proxy, instant - 0.001)
        assert refus(await proxy.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes=de(f"198.51.100.{essai}"))) == REFUSE
        await a(proxy, instant)
        await echouer(proxy, 1, entetes=de(f"198.51.100.{essai}"))
    await a(proxy, 86_400 - 0.001)
    assert refus(await proxy.connecter(IDENTIFIANT, MOT_DE_PASSE)) == REFUSE
    await a(proxy, 86_400)
    await proxy.connecte(IDENTIFIANT, MOT_DE_PASSE)
    # And a success forgets the failures.
    await echouer(proxy, 4)
    await proxy.connecte(IDENTIFIANT, MOT_DE_PASSE)


async def test_a_name_that_designates_nobody_is_counted_like_any_other(service_limite: Service) -> None:
    await service_limite.actif(une_demande())
    await service_limite.sql.execute("delete from limites")
    for nom in (IDENTIFIANT, "personne.inconnue", "personne@exemple.fr"):
        await echouer(service_limite, 7, nom)
    # Of seven, five were judged, for each name; all twenty-one for their address.
    assert await juges(service_limite) == [5, 5, 5, 21]


async def test_the_address_and_the_identifiant_of_an_account_share_one_count_however_they_are_written(
    service_limite: Service,
) -> None:
    await service_limite.actif(une_demande())
    await service_limite.sql.execute("delete from limites")
    for nom in (IDENTIFIANT, EMAIL, "INES.DUPONT", "Ines@exemple.fr", "ines@EXEMPLE.fr", EMAIL):
        await echouer(service_limite, 1, nom)
    assert await juges(service_limite) == [5, 6]
    for nom in (IDENTIFIANT, EMAIL):
        assert refus(await service_limite.connecter(nom, MOT_DE_PASSE)) == REFUSE


async def test_of_fifty_guesses_at_once_exactly_five_are_judged(proxy: Service, caplog: pytest.LogCaptureFixture) -> None:
    await proxy.actif(une_demande())
    await proxy.sql.execute("delete from limites")
    caplog.set_level(logging.INFO, "comptoir.securite")
    reponses = await asyncio.gather(*(proxy.connecter(IDENTIFIANT, FAUX, entetes=de(f"198.51.100.{n}")) for n in range(50)))
    assert {refus(r) for r in reponses} == {REFUSE}
    assert await juges(proxy) == [1] * 50 + [5]
    evenements = [r.message for r in caplog.records if r.name == "comptoir.securite"]
    assert (evenements.count("connexion_refusee"), evenements.count("connexion_freinee")) == (5, 45)
    # The right one comes too late.
    assert refus(await proxy.connecter(IDENTIFIANT, MOT_DE_PASSE)) == REFUSE


async def test_what_is_refused_for_want_of_room_is_counted_nowhere_and_the_failures_stay(service_limite: Service) -> None:
    await service_limite.actif(une_demande())
    await service_limite.sql.execute("delete from limites")
    await echouer(service_limite, 4)
    with service_limite.sature():
        for nom, mot in ((IDENTIFIANT, MOT_DE_PASSE), (IDENTIFIANT, FAUX), ("personne.inconnue", FAUX)) * 3:
            assert refus(await service_limite.connecter(nom, mot)) == SATURE
    assert await juges(service_limite) == [0, 4, 4]
    await echouer(service_limite, 3)
    # Held back, it was not counted on the account: it takes nothing from there.
    with service_limite.sature():
        assert refus(await service_limite.connecter(IDENTIFIANT, MOT_DE_PASSE)) == SATURE
    assert await juges(service_limite) == [0, 5, 7]
    assert refus(await service_limite.connecter(IDENTIFIANT, MOT_DE_PASSE)) == REFUSE


async def test_two_processes_share_their_counts(service_limite: Service) -> None:
    await service_limite.actif(une_demande())
    await service_limite.sql.execute("delete from limites")
    async with Service(service_limite.settings) as second:
        for tour in range(8):
            await echouer((service_limite, second)[tour % 2], 1)
        assert await juges(second) == [5, 8]
        for processus in (service_limite, second):
            assert refus(await processus.connecter(IDENTIFIANT, MOT_DE_PASSE)) == REFUSE


def arrete(reponse: httpx.Response) -> bool:
    """Whether the address was told to wait: coarsely, and nothing of any account (R09)."""
    if reponse.status_code != 429:
        assert refus(reponse) == REFUSE
        return False
    assert refus(reponse) == TROP
    assert int(reponse.headers["retry-after"]) % 30 == 0
    assert reponse.json().keys() == {"type", "title", "status", "code", "detail", "instance", "request_id"}
    return True


async def test_one_password_tried_on_many_names_is_stopped_at_its_address(proxy: Service) -> None:
    await a(proxy, 0)
    await proxy.actif(une_demande())
    noms = [f"personne{n}.inconnue" for n in range(31)]
    ici, voisin = {"entetes": de("198.51.100.1")}, {"entetes": de("198.51.100.2")}
    assert [arrete(await proxy.connecter(nom, FAUX, **ici)) for nom in noms] == [False] * 30 + [True]
    # Then the right password too, and the same is said of a name that exists and of one that does not.
    corps = [
        (await proxy.connecter(nom, MOT_DE_PASSE, entetes=de("198.51.100.1") | {"X-Request-Id": "essai-differentiel"})).content
        for nom in (IDENTIFIANT, "personne.inconnue")
    ]
    assert corps[0] == corps[1]
    assert (await proxy.connecter(IDENTIFIANT, MOT_DE_PASSE, **voisin)).status_code == 201
    await a(proxy, 300 - 0.001)
    assert arrete(await proxy.connecter("personne.inconnue", FAUX, **ici))
    await a(proxy, 300)
    assert not arrete(await proxy.connecter("personne.inconnue", FAUX, **ici))


async def test_successes_in_between_give_an_address_nothing_back(service_limite: Service) -> None:
    await a(service_limite, 0)
    await service_limite.actif(une_demande())
    for n in range(30):
        assert not arrete(await service_limite.connecter(f"personne{n}.inconnue", FAUX))
        if n < 29:
            await service_limite.connecte(IDENTIFIANT, MOT_DE_PASSE)
    assert arrete(await service_limite.connecter("personne.inconnue", FAUX))


@pytest.mark.parametrize("par", ["body", "cookie"])
async def test_whoever_hammers_a_name_never_keeps_out_a_device_that_the_account_knows(proxy: Service, par: str) -> None:
    await proxy.actif(une_demande())
    presente = await appareil(proxy, par)
    await echouer_de_partout(proxy)
    assert refus(await proxy.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes=de("203.0.113.9"))) == REFUSE
    # The right one is still told from a wrong one there.
    await echouer(proxy, 1, **presente)
    assert (await proxy.connecter(EMAIL, MOT_DE_PASSE, **presente)).status_code == 201
    # And that success takes the others nowhere.
    assert refus(await proxy.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes=de("203.0.113.9"))) == REFUSE


async def appareil(service: Service, par: str = "body") -> dict[str, Any]:
    """What a device known by the account adds to its sign-ins."""
    corps: dict[str, Any] = {"cookie": True} if par == "cookie" else {}
    reponse = await service.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes={"Origin": service.settings.origine}, **corps)
    assert reponse.status_code == 201
    jeton = reponse.json()["jeton_appareil"] or reponse.cookies["__Host-comptoir-appareil"]
    service.http.cookies.clear()
    if par == "cookie":
        assert reponse.json()["jeton_appareil"] is None
        return {"entetes": {"Cookie": f"__Host-comptoir-appareil={jeton}"}}
    return {"jeton_appareil": jeton}


async def test_whoever_hammers_a_name_never_keeps_out_a_holder_who_recovers_by_a_proven_channel(proxy: Service) -> None:
    await proxy.actif(une_demande())
    await echouer_de_partout(proxy)
    await proxy.sql.execute("delete from limites where cardinality(instants) = 1")
    await proxy.recuperer(IDENTIFIANT)
    reponse = await proxy.reinitialiser(NEUF, jeton=await proxy.lien(EMAIL, "mot-de-passe"))
    proxy.http.cookies.clear()
    assert (await proxy.connecter(IDENTIFIANT, NEUF)).status_code == 201
    # Nor if it goes on: the device that recovered is known.
    await echouer_de_partout(proxy)
    assert refus(await proxy.connecter(IDENTIFIANT, NEUF)) == REFUSE
    connu = reponse.json()["jeton_appareil"]
    assert (await proxy.connecter(IDENTIFIANT, NEUF, jeton_appareil=connu)).status_code == 201


async def test_a_device_token_forged_or_of_another_account_helps_nothing(proxy: Service) -> None:
    await proxy.actif(une_demande())
    bon = (await appareil(proxy))["jeton_appareil"]
    etranger = await proxy.actif(autre("paul.martin"))
    session = await proxy.connecte("paul.martin", MOT_DE_PASSE)
    await proxy.sql.execute("delete from limites")
    faux = [
        session["jeton_appareil"],
        session["jeton_rafraichissement"],
        etranger["secret"],
        bon[:-1],
        altere(bon),
        "x" * 64,
    ]
    for n, jeton in enumerate(faux):
        await echouer(proxy, 1, entetes=de(f"198.51.100.{n}"), jeton_appareil=jeton)
    # All were counted as any stranger's: the account's count, and each address.
    assert await juges(proxy) == [1] * 6 + [5]
    for jeton in faux:
        assert refus(await proxy.connecter(IDENTIFIANT, MOT_DE_PASSE, jeton_appareil=jeton)) == REFUSE
    assert (await proxy.connecter(IDENTIFIANT, MOT_DE_PASSE, jeton_appareil=bon)).status_code == 201


async def test_a_device_is_held_back_by_its_own_failures_alone(service_limite: Service) -> None:
    await service_limite.actif(une_demande())
    premier, second = await appareil(service_limite), await appareil(service_limite)
    await service_limite.sql.execute("delete from limites")
    await echouer(service_limite, 7, **premier)
    assert await juges(service_limite) == [5]
    assert refus(await service_limite.connecter(IDENTIFIANT, MOT_DE_PASSE, **premier)) == REFUSE
    for libre in (second, {}):
        assert (await service_limite.connecter(IDENTIFIANT, MOT_DE_PASSE, **libre)).status_code == 201


async def test_a_known_device_passes_where_its_address_and_everybody_are_stopped(settings: Settings) -> None:
    serre = replace(settings, limits="on", sign_in_ceiling=101, trusted_proxies="192.0.2.0/24")
    async with Service(serre) as service:
        await a(service, 0)
        await service.actif(une_demande())
        connu = await appareil(service)
        await service.sql.execute("delete from limites")
        noms = (f"personne{n}.inconnue" for n in range(200))
        assert [arrete(await service.connecter(next(noms), FAUX)) for _ in range(31)] == [False] * 30 + [True]
        assert (await service.connecter(IDENTIFIANT, MOT_DE_PASSE, **connu)).status_code == 201
        # Seventy-one more from everywhere, and the ceiling for all is reached.
        reponses = [await service.connecter(next(noms), FAUX, entetes=de(f"198.51.100.{n}")) for n in range(72)]
        assert [arrete(r) for r in reponses] == [False] * 71 + [True]
        assert refus(await service.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes=de("203.0.113.9"))) == TROP
        assert (await service.connecter(IDENTIFIANT, MOT_DE_PASSE, **connu)).status_code == 201
        await a(service, 60)
        assert (await service.connecter(IDENTIFIANT, MOT_DE_PASSE, entetes=de("203.0.113.9"))).status_code == 201
