"""What must open nothing: a provider that misbehaves or is away; callbacks and codes that are another's, used or old."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from msgspec import structs

from app.composition import conserver
from app.journal import Formateur
from app.settings import Settings
from domain.limites import PASSAGES_PAR_CLIENT
from tests.builders import MOT_DE_PASSE, altere, demande_federee, parait, une_demande
from tests.service import RETOUR, VERIFIEUR, Service, champs_fautifs, refus
from tests.simulation import annuler

CODE = (422, "code_echange_invalide")
AUTRE_VERIFIEUR = "autre-" + VERIFIEUR
DECONNEXION = "/v1/franceconnect/deconnexions"
PROCONNECT = "http://localhost:8001/proconnect/api/v2"

_JETONS: list[tuple[dict[str, Any], str]] = [
    ({"mauvais_iss": True}, "refuse"),
    ({"mauvais_aud": True}, "refuse"),
    ({"expire": True}, "refuse"),
    ({"alg_none": True}, "refuse"),
    ({"hs256": True}, "refuse"),
    ({"rsa": True}, "refuse"),
    ({"autre_cle": True}, "refuse"),
    ({"kid_inconnu": True}, "refuse"),
    ({"decalage_horloge": 120}, "refuse"),
    ({"decalage_horloge": -120}, "refuse"),
]
PANNES: list[tuple[dict[str, Any], str]] = [
    *_JETONS,
    *((panne | {"sur": "userinfo"}, mot) for panne, mot in _JETONS if "decalage_horloge" not in panne),
    ({"mauvais_nonce": True}, "refuse"),
    ({"mauvais_acr": True}, "refuse"),
    ({"autre_sub": True}, "refuse"),
    ({"userinfo_non_signe": True}, "refuse"),
    ({"erreur_500": "token"}, "indisponible"),
    ({"erreur_500": "userinfo"}, "indisponible"),
]


async def compte(service: Service) -> list[int]:
    """All that a passage could open or bind."""
    attendent = await service.sql.fetchval("select count(*) from passages where identite is not null and echange_le is null")
    return [await service.compter(t) for t in ("comptes", "sessions", "identites_federees", "activites")] + [int(attendent)]


async def ouvre_encore(service: Service) -> bool:
    return "session" in await service.passer()


# The provider


async def test_only_a_get_comes_back_from_the_provider(federe: Service) -> None:
    rappel = await federe.chez_le_fournisseur()
    tete = await federe.http.head(rappel)
    assert (tete.status_code, tete.headers["allow"]) == (405, "GET")
    revenu = await federe.http.get(rappel)
    assert "code" in httpx.URL(revenu.headers["location"]).params


async def test_whatever_a_misbehaving_provider_sends_opens_nothing(federe: Service) -> None:
    await federe.adherer()
    avant = await compte(federe)
    for pannes, mot in PANNES:
        rappel = await federe.chez_le_fournisseur()
        await federe.reseau.casser(**pannes)
        assert await federe.revenir(rappel) == {"erreur": mot}, pannes
        await federe.reseau.casser()
    assert await compte(federe) == avant
    assert await ouvre_encore(federe)


async def test_the_provider_s_clock_may_be_twenty_seconds_off(federe: Service) -> None:
    await federe.adherer()
    for decalage in (20, -20):
        await federe.reseau.casser(decalage_horloge=decalage)
        assert await ouvre_encore(federe)


async def test_new_keys_are_fetched_when_an_unknown_one_signs_and_not_more_than_once_in_ten_seconds(federe: Service) -> None:
    # Stopped: what the passages themselves take is none of the ten seconds.
    debut = datetime.now(UTC)
    await federe.figer(debut)
    await federe.adherer()
    avant = (await federe.reseau.appels())["jwks"]
    await federe.figer(debut + timedelta(seconds=11))
    rappel = await federe.chez_le_fournisseur()
    # In mid-flight.
    await federe.reseau.tourner_les_cles()
    assert (await federe.echanger((await federe.revenir(rappel))["code"])).json()["type"] == "session"
    assert (await federe.reseau.appels())["jwks"] == avant + 1

    await federe.reseau.casser(kid_inconnu=True)
    for _ in range(5):
        assert await federe.revenir(await federe.chez_le_fournisseur()) == {"erreur": "refuse"}
    assert (await federe.reseau.appels())["jwks"] == avant + 1
    await federe.figer(debut + timedelta(seconds=22))
    for _ in range(5):
        assert await federe.revenir(await federe.chez_le_fournisseur()) == {"erreur": "refuse"}
    assert (await federe.reseau.appels())["jwks"] == avant + 2


@pytest.mark.parametrize("panne", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), "discovery"], ids=repr)
async def test_a_provider_that_is_away_is_told_at_once_and_everything_else_goes_on(
    federe: Service, panne: httpx.TransportError | str
) -> None:
    if isinstance(panne, str):
        await federe.reseau.casser(erreur_500=panne)
    else:
        federe.reseau.panne = panne
    for fournisseur in ("franceconnect", "proconnect"):
        depart = await federe.autoriser(fournisseur=fournisseur)
        assert refus(depart) == (503, "fournisseur_indisponible")
        assert int(depart.headers["retry-after"]) > 0
    assert await federe.compter("passages") == 0
    session = await federe.entre(une_demande())
    assert refus(await federe.autoriser("rattachement", session=session)) == (503, "fournisseur_indisponible")
    assert (await federe.moi(session))["identites"] == []
    assert (await federe.http.get("/sante/pret")).status_code == 200
    # And once it is back.
    federe.reseau.panne = None
    await federe.reseau.casser()
    await federe.avancer(timedelta(seconds=2))
    assert (await federe.passer())["type"] == "inscription"


async def test_a_provider_that_falls_silent_delays_only_those_who_come_back_from_it(settings: Settings) -> None:
    async with Service(settings, simulateur=True, delai=None) as service:
        session = await service.entre(une_demande())
        rappel = await service.chez_le_fournisseur()
        await service.reseau.casser(lenteur=60)
        retour = asyncio.create_task(service.revenir(rappel))
        await service.connecte("ines.dupont", MOT_DE_PASSE)
        await service.moi(session)
        # What it publishes is known already: leaving goes on.
        assert (await service.autoriser()).status_code == 201
        assert not retour.done()
        async with asyncio.timeout(30):
            assert await retour == {"erreur": "indisponible"}


async def test_what_a_provider_publishes_is_asked_once_an_hour(federe: Service) -> None:
    reponses = await asyncio.gather(*(federe.autoriser() for _ in range(8)))
    assert {r.status_code for r in reponses} == {201}
    await federe.passer()
    assert await federe.reseau.appels() == {"discovery": 1, "jwks": 1, "token": 1, "userinfo": 1}
    await federe.avancer(timedelta(minutes=61))
    # It does not answer any more: what is known still serves.
    federe.reseau.panne = httpx.ConnectError("x")
    assert (await federe.autoriser()).status_code == 201
    federe.reseau.panne = None
    await federe.avancer(timedelta(seconds=2))
    await federe.passer()
    assert (await federe.reseau.appels())["discovery"] == 2


async def test_leaving_again_and_again_is_held_back(settings: Settings) -> None:
    async with Service(structs.replace(settings, limits="on"), simulateur=True) as service:
        permis = PASSAGES_PAR_CLIENT[0].nombre
        reponses = [await service.autoriser() for _ in range(permis + 1)]
        assert [r.status_code for r in reponses] == [201] * permis + [429]
        assert refus(reponses[-1]) == (429, "trop_de_demandes")
        assert int(reponses[-1].headers["retry-after"]) > 0
        assert await service.compter("passages") == permis


# The callback


async def test_every_error_that_a_provider_sends_back_is_a_calm_word(federe: Service) -> None:
    for erreur, mot in {
        "access_denied": "annule",
        "server_error": "echec",
        "temporarily_unavailable": "indisponible",
        "invalid_request": "refuse",
        "unsupported_response_type": "refuse",
        "invalid_acr": "refuse",
        "invalid_idp_hint": "refuse",
        "<script>": "refuse",
    }.items():
        await federe.reseau.casser(erreur_retour=erreur)
        assert await federe.revenir(await federe.chez_le_fournisseur()) == {"erreur": mot}
    await federe.reseau.casser()
    async with federe.reseau.navigateur() as navigateur:
        url = (await federe.autoriser()).json()["url"]
        assert await federe.revenir(await annuler(navigateur, url)) == {"erreur": "annule"}
    assert await compte(federe) == [0] * 5


async def test_a_callback_is_good_once(federe: Service) -> None:
    await federe.adherer()
    rappel = await federe.chez_le_fournisseur()
    appels = (await federe.reseau.appels())["token"]
    recus = await asyncio.gather(*(federe.revenir(rappel) for _ in range(8)))
    [code] = {recu["code"] for recu in recus if "code" in recu}
    assert all(recu in ({"erreur": "expire"}, {"code": code}) for recu in recus)
    # Reloaded, it brings what it brought; once that has served, the front end is told, where it can offer to begin again.
    assert await federe.revenir(rappel) == {"code": code}
    assert (await federe.echanger(code)).json()["type"] == "session"
    assert await federe.revenir(rappel) == {"erreur": "expire"}
    assert refus(await federe.echanger(code)) == (422, "code_echange_invalide")
    assert (await federe.reseau.appels())["token"] == appels + 1


async def test_one_may_stay_as_long_as_france_connect_lets_and_comes_back_too_late_to_where_one_left_from(
    federe: Service,
) -> None:
    a_temps = await federe.chez_le_fournisseur()
    async with federe.reseau.navigateur() as navigateur:
        url = (await federe.autoriser()).json()["url"]
        await federe.avancer(timedelta(minutes=30))
        assert await federe.revenir(await annuler(navigateur, url)) == {"erreur": "annule"}
    await federe.avancer(timedelta(minutes=5))
    assert await federe.revenir(a_temps) == {"erreur": "expire"}
    await federe.avancer(timedelta(minutes=59))
    await conserver(federe.settings, simuler=False)
    assert await federe.revenir(a_temps) == {"erreur": "expire"}
    await federe.avancer(timedelta(minutes=1))
    await conserver(federe.settings, simuler=False)
    perdue = await federe.http.get(a_temps)
    assert (perdue.status_code, perdue.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "set-cookie" not in perdue.headers
    assert (await federe.reseau.appels())["token"] == 0


async def test_a_passage_outlives_a_change_of_the_first_key(federe: Service, settings: Settings) -> None:
    rappel = await federe.chez_le_fournisseur()
    neuve = "neuve:" + "enl4d3Z1dHNycXBvbm1sa2ppaGdmZWRjYmFfX19fX18="
    tournees = structs.replace(settings, secret_keys=f"{neuve},{settings.secret_keys}")
    async with Service(tournees, simulateur=True) as autre:
        # The same provider behind both.
        autre.reseau._app = federe.reseau._app
        code = (await autre.revenir(rappel))["code"]
        # And the other way round: a process of before is asked what one of after began.
        a_rebours = await autre.chez_le_fournisseur()
        assert (await autre.echanger(code)).json()["type"] == "inscription"
    avant = structs.replace(settings, secret_keys=f"{settings.secret_keys},{neuve}")
    async with Service(avant, simulateur=True) as ancien:
        ancien.reseau._app = federe.reseau._app
        assert "code" in await ancien.revenir(a_rebours)


async def test_a_state_that_is_not_one_of_ours_as_it_was_leads_nowhere(federe: Service) -> None:
    rappel = httpx.URL(await federe.chez_le_fournisseur())
    state = rappel.params["state"]
    autres = [state[:n] + ("0" if state[n] != "0" else "1") + state[n + 1 :] for n in (0, 12, 31, 32, 48, 63)]
    autres += [state.upper(), state + "0", state[:-1], state[:32], "0" * 64, "é" * 64, "x" * 5000, "", f" {state[1:]}"]
    for autre in autres:
        assert (await federe.http.get(rappel.copy_set_param("state", autre))).status_code == 404, autre
    assert (await federe.http.get(rappel.copy_remove_param("state"))).status_code == 404
    assert (await federe.reseau.appels())["token"] == 0
    # The true one has not suffered.
    assert "code" in await federe.revenir(str(rappel))


async def test_the_code_of_one_passage_with_the_state_of_another_is_refused(federe: Service) -> None:
    await federe.adherer()
    avant = await compte(federe)
    mien, sien = [httpx.URL(await federe.chez_le_fournisseur("connexion", login)) for login in ("test", "nom_composé")]
    assert await federe.revenir(str(mien.copy_set_param("code", sien.params["code"]))) == {"erreur": "refuse"}
    # Spent at the provider's: the other passage has lost it.
    assert await federe.revenir(str(sien)) == {"erreur": "refuse"}
    for code in ("", "x" * 2000, "\x00", "é", "faux"):
        rappel = httpx.URL(await federe.chez_le_fournisseur())
        assert await federe.revenir(str(rappel.copy_set_param("code", code))) == {"erreur": "refuse"}
    assert await compte(federe) == avant


async def test_the_answer_of_another_issuer_is_refused_before_its_code_is_used(federe: Service) -> None:
    for iss in (PROCONNECT, "https://pirate.exemple", "", "http://localhost:8001/api/v2/"):
        rappel = httpx.URL(await federe.chez_le_fournisseur()).copy_set_param("iss", iss)
        assert await federe.revenir(str(rappel)) == {"erreur": "refuse"}
    assert (await federe.reseau.appels())["token"] == 0
    # A provider that does not say who it is answers for itself.
    await federe.reseau.casser(sans_iss=True)
    rappel = httpx.URL(await federe.chez_le_fournisseur())
    assert "iss" not in rappel.params
    assert "code" in await federe.revenir(str(rappel))


# Our own code


async def test_our_code_is_good_once(federe: Service) -> None:
    await federe.adherer()
    code = (await federe.revenir(await federe.chez_le_fournisseur()))["code"]
    avant = await federe.compter("sessions")
    reponses = await asyncio.gather(*(federe.echanger(code) for _ in range(8)))
    assert sorted(r.status_code for r in reponses) == [200] + [422] * 7
    assert {refus(r) for r in [*reponses, await federe.echanger(code)] if r.status_code != 200} == {CODE}
    assert await federe.compter("sessions") == avant + 1


async def test_our_code_is_good_for_sixty_seconds(federe: Service) -> None:
    codes = [(await federe.revenir(await federe.chez_le_fournisseur()))["code"] for _ in range(2)]
    await federe.avancer(timedelta(seconds=45))
    assert (await federe.echanger(codes[0])).status_code == 200
    await federe.avancer(timedelta(seconds=15))
    assert refus(await federe.echanger(codes[1])) == CODE


async def test_our_code_is_good_for_whoever_left_alone_and_a_wrong_verifier_does_not_spend_it(federe: Service) -> None:
    mien = (await federe.revenir(await federe.chez_le_fournisseur()))["code"]
    sien = (await federe.revenir(await federe.chez_le_fournisseur(verifieur=AUTRE_VERIFIEUR)))["code"]
    defi = (await federe.sql.fetchval("select defi from passages limit 1")).ljust(43, "A")
    for code, verifieur in ((mien, AUTRE_VERIFIEUR), (sien, VERIFIEUR), (mien, defi), (mien, VERIFIEUR + "v")):
        assert refus(await federe.echanger(code, verifieur)) == CODE
    faux = altere(mien)
    assert refus(await federe.echanger(faux)) == CODE
    assert (await federe.echanger(mien)).status_code == (await federe.echanger(sien, AUTRE_VERIFIEUR)).status_code == 200


async def test_what_is_no_exchange_is_told_on_its_fields(federe: Service) -> None:
    corps = {"code": "x" * 64, "code_verifier": "court"}
    reponse = await federe.http.post("/v1/franceconnect/echanges", json=corps)
    assert champs_fautifs(reponse).keys() == {"/code_verifier"}
    reponse = await federe.echanger("x" * 64, "=" * 43)
    assert champs_fautifs(reponse) == {"/code_verifier": "forme_invalide"}
    for defi in ("court", "=" * 43, "é" * 43):
        assert champs_fautifs(await federe.autoriser(code_challenge=defi)).keys() == {"/code_challenge"}
    assert champs_fautifs(await federe.autoriser("suppression", "google")).keys() == {"/intention", "/fournisseur"}


async def test_a_code_to_sign_in_attaches_nothing_and_a_code_to_attach_opens_no_session(federe: Service) -> None:
    session = await federe.entre(une_demande())
    avant = await federe.compter("sessions")
    # To sign in, although from within a session.
    resultat = await federe.passer("connexion", session=session)
    assert (resultat["type"], (await federe.moi(session))["identites"]) == ("inscription", [])
    resultat = await federe.passer("rattachement", session=session)
    assert resultat == {"type": "rattachement", "deja_rattachee": False}
    resultat = await federe.passer("rattachement", session=session)
    assert resultat == {"type": "rattachement", "deja_rattachee": True}
    assert await federe.compter("sessions") == avant


async def test_somebody_made_to_open_another_s_callback_is_given_nothing(federe: Service) -> None:
    """Login CSRF: the attacker signs in as themself, and has the victim's browser open what came of it (T24)."""
    await federe.adherer("nom_composé")
    piege = await federe.chez_le_fournisseur("connexion", "nom_composé", verifieur=AUTRE_VERIFIEUR)
    victime = await federe.http.get(piege)
    assert "set-cookie" not in victime.headers
    code = httpx.URL(victime.headers["location"]).params["code"]
    avant = await compte(federe)
    # The victim's own front end has its own verifier.
    assert refus(await federe.echanger(code)) == CODE
    assert await compte(federe) == avant


# Where one comes back


async def test_one_comes_back_to_an_address_of_the_list_and_no_other(settings: Settings) -> None:
    declarees = "https://portail.exemple.fr/connexion,https://portail.exemple.fr/retour?de=fc,fr.exemple.app:/retour"
    async with Service(structs.replace(settings, return_urls=declarees), simulateur=True) as service:
        for retour in (
            "https://portail.exemple.fr/connexion/", "https://portail.exemple.fr/connexion/autre",
            "https://portail.exemple.fr/connexio", "https://portail.exemple.fr/connexion?a=b",
            "https://portail.exemple.fr/connexion#a", "https://portail.exemple.fr/connexion#", "https://portail.exemple.fr",
            "https://portail.exemple.fr/retour", "https://portail.exemple.fr/retour?de=fc&vers=x",
            "http://portail.exemple.fr/connexion", "//portail.exemple.fr/connexion", "/connexion",
            "https://portail.exemple.fr@pirate.exemple/connexion", "https://pirate.exemple/https://portail.exemple.fr/connexion",
            "https://portail.exemple.fr.pirate.exemple/connexion", "https://portail.exemple.fr:443/connexion",
            "HTTPS://portail.exemple.fr/connexion", "https://PORTAIL.exemple.fr/connexion",
            "https://portail.exemple.fr/./connexion", "https://portail.exemple.fr/%63onnexion",
            "https://portail.exemple.fr/connexion,https://portail.exemple.fr/retour?de=fc",
            "https:portail.exemple.fr/connexion", "https://portail.exemple.fr\\connexion", "fr.exemple.app:/retour/autre",
            "fr.exemple.app://retour", "javascript:alert(1)", "data:text/html,x", "https://pirate.exemple",
        ):  # fmt: skip
            assert refus(await service.autoriser(retour=retour)) == (422, "retour_refuse"), retour
            session = {"jeton_acces": "x"}
            assert (await service.appeler(session, "POST", DECONNEXION, {"retour": retour})).status_code == 401
        assert await service.compter("passages") == 0
        for retour, attendu in (
            ("https://portail.exemple.fr/connexion", "https://portail.exemple.fr/connexion?code="),
            ("https://portail.exemple.fr/retour?de=fc", "https://portail.exemple.fr/retour?de=fc&code="),
            ("fr.exemple.app:/retour", "fr.exemple.app:/retour?code="),
        ):
            reponse = await service.http.get(await service.chez_le_fournisseur(retour=retour))
            assert reponse.headers["location"].startswith(attendu)
            assert len(reponse.headers["location"]) == len(attendu) + 64


# Traces


async def test_neither_claims_nor_codes_nor_tokens_are_logged(federe: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets: list[str] = []
    session = await federe.adherer()
    for pannes in ({}, {"mauvais_nonce": True}, {"erreur_500": "userinfo"}):
        rappel = httpx.URL(await federe.chez_le_fournisseur())
        await federe.reseau.casser(**pannes)
        recus = await federe.revenir(str(rappel))
        assert await federe.revenir(str(rappel)) == (recus if "code" in recus else {"erreur": "expire"})
        secrets += [rappel.params["code"], rappel.params["state"], recus.get("code", rappel.params["code"])]
    await federe.reseau.casser()
    prerempli = (await federe.passer("inscription", "caractères_spéciaux"))["inscription"]
    await federe.inscrire(demande_federee(prerempli | {"profil": {**prerempli["profil"], "prenom": "Autre"}}))
    url = (await federe.appeler(session, "POST", DECONNEXION, {"retour": RETOUR})).json()["url"]
    secrets += [prerempli["jeton_identite"], httpx.URL(url).params["id_token_hint"], VERIFIEUR]

    # The tests' own clients apart.
    lignes = [Formateur().format(r) for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    assert len([ligne for ligne in lignes if "jeton_nonce" in ligne or "http_500" in ligne]) == 2
    personne = ("DUBOIS", "Angela", "1962-08-24", "wossewodda", "DUBIN", "Joëlle", "Jo\\u00eblle", "effannopiq")
    for ligne in lignes:
        assert not [valeur for valeur in (*personne, *secrets) if valeur in ligne], ligne[:2000]
        assert not parait("75107", ligne), ligne[:2000]
