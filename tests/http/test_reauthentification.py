"""Being known to a provider is not having just proven who one is: what counts as recent, and how it is made so again."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest

from app.simulateur.personnes import Personne
from app.simulateur.regles import FRANCECONNECT
from tests.builders import MOT_DE_PASSE, Corps, demande_federee, une_demande
from tests.service import Service, champs_fautifs, refus
from tests.simulation import Page, ouvrir, parcourir

EMAIL = "wossewodda-3728@yopmail.com"
TROP_TARD, FINIE = (403, "reauthentification_requise"), (401, "session_finie")
NON_RATTACHEE = (404, "identite_non_rattachee")
JUSTE_TROP = timedelta(minutes=5, seconds=1)
EXPORT = ("GET", "/v1/moi/export", None)
SENSIBLES = [
    EXPORT,
    ("POST", "/v1/moi/contacts", {"canal": "email", "valeur": "neuve@exemple.fr"}),
    ("POST", "/v1/moi/effacement", {}),
    ("PUT", "/v1/moi/identifiant", {"identifiant": "angela.autre"}),
    ("PUT", "/v1/moi/mot-de-passe", {"mot_de_passe": MOT_DE_PASSE}),
    ("DELETE", "/v1/moi/franceconnect", None),
]


async def chez(
    service: Service, navigateur: httpx.AsyncClient, intention: str = "connexion", **autres: Corps
) -> httpx.Response:
    """A passage in this browser, which FranceConnect may remember."""
    url = (await service.autoriser(intention, **autres)).json()["url"]  # type: ignore[arg-type]
    return await service.echanger((await service.revenir(await parcourir(navigateur, url)))["code"])


async def reauthentifier(service: Service, session: Corps, login: str = "test") -> httpx.Response:
    return await service.tenter("reauthentification", login, session=session)


async def exporte(service: Service, session: Corps) -> bool:
    return (await service.appeler(session, *EXPORT)).status_code == 200


async def test_whom_franceconnect_only_remembers_may_do_nothing_sensitive(federe: Service) -> None:
    await federe.actif(demande_federee(await federe.prerempli()))
    async with federe.reseau.navigateur() as navigateur:
        session = (await chez(federe, navigateur)).json()["session"]
        assert await exporte(federe, session)
        # Signed out here; FranceConnect's own session lives on, and asks for nothing.
        await federe.appeler(session, "DELETE", "/v1/sessions/courante")
        await federe.avancer(JUSTE_TROP)
        suivante = (await chez(federe, navigateur)).json()["session"]
    for methode, chemin, corps in SENSIBLES:
        assert refus(await federe.appeler(suivante, methode, chemin, corps)) == TROP_TARD, chemin
    assert refus(await federe.autoriser("rattachement", session=suivante)) == TROP_TARD


async def test_somebody_without_a_password_proves_again_who_they_are_by_franceconnect(federe: Service) -> None:
    session = await federe.adherer()
    await federe.avancer(JUSTE_TROP)
    assert not await exporte(federe, session)
    reponse = await reauthentifier(federe, session)
    assert (reponse.status_code, reponse.json()["type"]) == (200, "reauthentification")
    reste = datetime.fromisoformat(reponse.json()["valable_jusque"]) - datetime.now().astimezone() - JUSTE_TROP
    assert timedelta(minutes=4, seconds=30) < reste <= timedelta(minutes=5)
    assert await exporte(federe, session)
    # This session, and no other.
    await federe.avancer(JUSTE_TROP)
    autre = (await federe.passer())["session"]
    await federe.avancer(JUSTE_TROP)
    await reauthentifier(federe, autre)
    assert (await exporte(federe, autre), await exporte(federe, session)) == (True, False)


async def test_proving_again_makes_franceconnect_ask_whatever_it_remembers(federe: Service) -> None:
    async with federe.reseau.navigateur() as navigateur:
        await federe.actif(demande_federee(await federe.prerempli()))
        session = (await chez(federe, navigateur)).json()["session"]
        await federe.avancer(JUSTE_TROP)
        url = (await federe.autoriser("reauthentification", session=session)).json()["url"]
        vue = await ouvrir(navigateur, url)
        assert isinstance(vue, Page)
        assert "choix" in vue.formulaires
        assert (await chez(federe, navigateur, "reauthentification", session=session)).status_code == 200
        assert await exporte(federe, session)
        # From a provider that did not ask, or a person who took the word out of the address: what it remembers is too old.
        await federe.avancer(timedelta(minutes=2))
        url = httpx.URL((await federe.autoriser("reauthentification", session=session)).json()["url"])
        rappel = await parcourir(navigateur, str(url.copy_remove_param("prompt")))
        assert refus(await federe.echanger((await federe.revenir(rappel))["code"])) == TROP_TARD


async def test_what_counts_is_when_the_proof_was_given_not_when_it_was_handed_over(federe: Service) -> None:
    """Of two departures, the first asks for no new proof, the person having taken the word out: it is handed over later."""
    session = await federe.adherer()
    for attente, ouvre in ((timedelta(minutes=4), True), (JUSTE_TROP, False)):
        await federe.avancer(JUSTE_TROP)
        session = (await federe.rafraichir(session["jeton_rafraichissement"])).json()
        async with federe.reseau.navigateur() as navigateur:
            url = httpx.URL((await federe.autoriser("reauthentification", session=session)).json()["url"])
            await chez(federe, navigateur)
            await federe.avancer(attente)
            rappel = await parcourir(navigateur, str(url.copy_remove_param("prompt")))
        reponse = await federe.echanger((await federe.revenir(rappel))["code"])
        assert (reponse.status_code == 200 or refus(reponse) == TROP_TARD, await exporte(federe, session)) == (True, ouvre)
        await federe.avancer(timedelta(minutes=1, seconds=1))
        assert not await exporte(federe, session)


async def test_only_an_identity_of_this_account_proves_who_this_is(federe: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await federe.adherer("homonyme_1")
    session = await federe.adherer()
    await federe.avancer(JUSTE_TROP)
    for login in ("homonyme_1", "homonyme_2"):
        assert refus(await reauthentifier(federe, session, login)) == NON_RATTACHEE
    # Somebody who resembles is somebody else, here too.
    personne = Personne(login="changé", revendications=FRANCECONNECT.personnes["test"].revendications | {"family_name": "X"})
    monkeypatch.setitem(FRANCECONNECT.personnes, "changé", personne)
    assert refus(await reauthentifier(federe, session, "changé")) == NON_RATTACHEE
    assert not await exporte(federe, session)
    assert len((await federe.moi(session))["identites"]) == 1


async def test_it_takes_the_session_of_an_account_that_such_an_identity_opens(federe: Service) -> None:
    locale = await federe.entre(une_demande())
    assert refus(await federe.autoriser("reauthentification")) == (401, "jeton_invalide")
    assert refus(await federe.autoriser("reauthentification", session=locale)) == NON_RATTACHEE
    assert await federe.compter("passages") == 0
    session = await federe.adherer()
    assert refus(await federe.autoriser("reauthentification", "proconnect", session=session)) == NON_RATTACHEE
    rappel = await federe.chez_le_fournisseur("reauthentification", session=session)
    code = (await federe.revenir(await federe.chez_le_fournisseur("reauthentification", session=session)))["code"]
    await federe.appeler(session, "DELETE", "/v1/sessions/courante")
    assert refus(await federe.echanger(code)) == FINIE
    assert refus(await federe.echanger((await federe.revenir(rappel))["code"])) == FINIE
    assert refus(await federe.autoriser("reauthentification", session=session)) == FINIE


async def test_a_proof_serves_once_and_opens_no_session(federe: Service) -> None:
    session = await federe.adherer()
    code = (await federe.revenir(await federe.chez_le_fournisseur("reauthentification", session=session)))["code"]
    sessions = await federe.compter("sessions")
    assert (await federe.echanger(code)).json().keys() == {"type", "valable_jusque"}
    assert refus(await federe.echanger(code)) == (422, "code_echange_invalide")
    assert await federe.compter("sessions") == sessions


async def test_without_a_password_one_is_chosen_and_the_username_changed_after_a_recent_proof(federe: Service) -> None:
    session = await federe.adherer()
    renomme = await federe.appeler(session, "PUT", "/v1/moi/identifiant", {"identifiant": "angela.autre"})
    assert (renomme.status_code, renomme.json()) == (200, {"identifiant": "angela.autre"})
    autre = (await federe.passer())["session"]
    trop_simple = await federe.appeler(session, "PUT", "/v1/moi/mot-de-passe", {"mot_de_passe": "Bonjour1"})
    assert champs_fautifs(trop_simple) == {"/mot_de_passe": "mot_de_passe_niveau"}
    corps = {"mot_de_passe": MOT_DE_PASSE}
    faux = corps | {"mot_de_passe_actuel": MOT_DE_PASSE}
    assert refus(await federe.appeler(session, "PUT", "/v1/moi/mot-de-passe", faux)) == (409, "mot_de_passe_absent")
    assert (await federe.appeler(session, "PUT", "/v1/moi/mot-de-passe", corps)).status_code == 204
    assert (await federe.moi(session))["mot_de_passe_defini"] is True
    assert refus(await federe.appeler(autre, "GET", "/v1/moi")) == FINIE
    assert [m for m in await federe.messages(EMAIL) if "mot de passe" in m.objet.lower()]
    await federe.connecte("angela.autre", MOT_DE_PASSE)
    # From now on there is one to give: a recent proof does not stand for it.
    encore = await federe.appeler(session, "PUT", "/v1/moi/mot-de-passe", {"mot_de_passe": "Cyprès?29galet"})
    assert champs_fautifs(encore) == {"/mot_de_passe_actuel": "requis"}
    # For the username it does, as for the contacts.
    assert (await federe.appeler(session, "PUT", "/v1/moi/identifiant", {"identifiant": "angela"})).status_code == 200
    await federe.avancer(JUSTE_TROP)
    refusee = await federe.appeler(session, "PUT", "/v1/moi/identifiant", {"identifiant": "angela.dubois"})
    assert refus(refusee) == TROP_TARD
