"""Attaching an identity to an account that one has proven, detaching it, and what may happen in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.simulateur.personnes import Personne
from app.simulateur.regles import FRANCECONNECT
from tests.builders import MOT_DE_PASSE, Corps, demande_federee, un_citoyen, une_demande, une_entreprise
from tests.service import Service, champs_fautifs, porteur, publier, refus

EMAIL, MOBILE = "ines@exemple.fr", "+33612345678"
FC_EMAIL = "wossewodda-3728@yopmail.com"
NEUF = "Cyprès?29galet"
CERTIFIE = {"source": "franceconnect", "verifie": True, "verrouille": True}
DECLARE = {"source": "declaration", "verifie": False, "verrouille": False}
NON_RATTACHEE, DIFFERENTE = (404, "identite_non_rattachee"), (409, "identite_differente")
PRO = "user@yopmail.com"
FINIE, PRISE, TROP_TARD = (401, "session_finie"), (409, "identite_deja_rattachee"), (403, "reauthentification_requise")


async def rattacher(service: Service, session: Corps, login: str = "test") -> httpx.Response:
    return await service.tenter("rattachement", login, session=session)


async def rattache(service: Service, session: Corps, login: str = "test") -> None:
    reponse = await rattacher(service, session, login)
    assert (reponse.status_code, reponse.json()) == (200, {"type": "rattachement", "deja_rattachee": False})


async def pret(service: Service, session: Corps, login: str = "test") -> str:
    """Back from FranceConnect with our code, nothing attached yet."""
    return (await service.revenir(await service.chez_le_fournisseur("rattachement", login, session=session)))["code"]


async def detacher(service: Service, session: Corps) -> httpx.Response:
    return await service.appeler(session, "DELETE", "/v1/moi/franceconnect")


async def entre_par(service: Service, login: str = "test") -> Corps:
    session: Corps = (await service.passer("connexion", login))["session"]
    return session


async def fil(service: Service, session: Corps) -> list[tuple[str, str | None]]:
    """Nature and provider of each line, newest first."""
    lignes = (await service.appeler(session, "GET", "/v1/moi/activites")).json()["activites"]
    return [(ligne["nature"], ligne["details"].get("fournisseur")) for ligne in lignes]


async def avis(service: Service, destination: str) -> int:
    """How many messages about FranceConnect went there."""
    return len([m for m in await service.messages(destination) if "FranceConnect" in m.texte])


async def attendent(service: Service, combien: int) -> None:
    """Returns once so many wait for a lock."""
    async with asyncio.timeout(30):
        while await service.sql.fetchval("select count(*) from pg_locks where not granted") < combien:
            pass


def change_d_etat_civil(monkeypatch: pytest.MonkeyPatch, **revendications: Any) -> None:
    """`test` after a change: the same birth, another `sub`."""
    toutes = FRANCECONNECT.personnes["test"].revendications | revendications
    personne = Personne(login="changé", revendications=toutes)
    monkeypatch.setitem(FRANCECONNECT.personnes, "changé", personne)


# Attaching


async def test_what_is_done_in_the_name_of_an_account_asks_the_provider_for_the_login_again(federe: Service) -> None:
    session = await federe.entre(une_demande())
    for intention, demande in (("connexion", None), ("inscription", None), ("rattachement", "login")):
        depart = await federe.autoriser(intention, session=session)
        assert httpx.URL(depart.json()["url"]).params.get("prompt") == demande, intention


async def test_attaching_takes_a_session_and_a_proof_given_a_short_time_ago(federe: Service) -> None:
    session = await federe.entre(une_demande())
    assert refus(await federe.autoriser("rattachement")) == (401, "jeton_invalide")
    assert refus(await federe.autoriser("rattachement", session={"jeton_acces": "faux"})) == (401, "jeton_invalide")
    await federe.avancer(timedelta(minutes=5, seconds=1))
    assert refus(await federe.autoriser("rattachement", session=session)) == TROP_TARD
    assert await federe.compter("passages") == 0
    preuve = {"mot_de_passe": MOT_DE_PASSE}
    assert (await federe.appeler(session, "POST", "/v1/sessions/courante/reauthentification", preuve)).status_code == 200
    await publier(federe, "2026-11-bis", "Autre texte")
    assert refus(await federe.autoriser("rattachement", session=session)) == (403, "cgu_a_reaccepter")
    acceptation = {"cgu": {"accepte": True, "version": "2026-11-bis"}}
    assert (await federe.appeler(session, "POST", "/v1/moi/acceptations", acceptation)).status_code == 200
    await rattache(federe, session)
    fermee = await federe.connecte("ines.dupont", MOT_DE_PASSE)
    await federe.appeler(fermee, "DELETE", "/v1/sessions/courante")
    assert refus(await federe.autoriser("rattachement", session=fermee)) == FINIE


async def test_an_attached_identity_certifies_the_profile_opens_the_account_and_is_told(federe: Service) -> None:
    session = await federe.entre(une_demande())
    await federe.prouver(session, "sms", MOBILE)
    avant = await federe.moi(session)
    await rattache(federe, session)

    moi = await federe.moi(session)
    assert moi["profil"] == {
        "type": "citoyen", "civilite": "madame", "nom_naissance": "DUBOIS", "nom_usage": "Le Goff", "prenom": "Angela",
        "date_naissance": "1962-08-24",
    }  # fmt: skip
    provenances = {nom.removeprefix("/profil/"): p for nom, p in moi["provenances"].items()}
    assert provenances.pop("nom_usage")["source"] == "declaration"
    assert list(provenances.values()) == [CERTIFIE] * 4
    assert [i["fournisseur"] for i in moi["identites"]] == ["franceconnect"]
    # Neither the name to sign in with, nor the contacts, nor the password.
    assert {n: moi[n] for n in ("id", "identifiant", "contacts", "mot_de_passe_defini")} == {
        n: avant[n] for n in ("id", "identifiant", "contacts", "mot_de_passe_defini")
    }
    assert (await fil(federe, session))[0] == ("identite_rattachee", "franceconnect")
    for destination in (EMAIL, MOBILE):
        assert await avis(federe, destination) == 1
    assert not await federe.messages(FC_EMAIL)
    corps = {"profil": {"type": "citoyen", "prenom": "Inès"}}
    refusee = await federe.appeler(session, "PATCH", "/v1/moi", corps, **{"If-Match": "*"})
    assert champs_fautifs(refusee) == {"/profil/prenom": "champ_verrouille"}
    assert (await federe.moi(await entre_par(federe)))["id"] == moi["id"]
    # Again: nothing more to do nor to tell.
    assert (await rattacher(federe, session)).json() == {"type": "rattachement", "deja_rattachee": True}
    assert await avis(federe, EMAIL) == 1


async def test_contacts_that_are_not_proven_are_told_nothing(federe: Service) -> None:
    await rattache(federe, await federe.entre(une_demande()))
    assert (await avis(federe, EMAIL), await avis(federe, MOBILE)) == (1, 0)


async def test_an_identity_belongs_to_one_account(federe: Service) -> None:
    sienne = await federe.adherer()
    mienne = await federe.entre(une_demande())
    avant = await federe.moi(mienne)
    assert refus(await rattacher(federe, mienne)) == PRISE
    assert await federe.moi(mienne) == avant
    assert (await federe.moi(await entre_par(federe)))["id"] == (await federe.moi(sienne))["id"]
    assert await avis(federe, EMAIL) == 0


async def test_of_two_accounts_that_attach_one_identity_at_once_one_has_it(federe: Service) -> None:
    demandes = [une_demande(email=f"{n}@exemple.fr") for n in "ab"]
    sessions = [await federe.entre(demande) for demande in demandes]
    codes = [await pret(federe, session) for session in sessions]
    reponses = await asyncio.gather(*(federe.echanger(code) for code in codes * 4))
    # Each code once; and of the two, one.
    assert sorted(r.status_code for r in reponses) == [200, 409] + [422] * 6
    assert await federe.compter("identites_federees") == 1
    assert sorted([len((await federe.moi(s))["identites"]) for s in sessions]) == [0, 1]


async def test_an_account_may_have_several_identities_of_one_person(federe: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    change_d_etat_civil(monkeypatch, family_name="TROIS-DUPRE")
    session = await federe.entre(une_demande())
    for login in ("test", "changé"):
        await rattache(federe, session, login)
    moi = await federe.moi(session)
    assert [i["revendications"]["family_name"] for i in moi["identites"]] == ["DUBOIS", "TROIS-DUPRE"]
    assert moi["profil"]["nom_naissance"] == "TROIS-DUPRE"
    for login in ("test", "changé"):
        assert (await federe.moi(await entre_par(federe, login)))["id"] == moi["id"]


@pytest.mark.parametrize(
    "autre",
    [{"birthdate": "1962-08-25"}, {"birthplace": "75108"}, {"birthplace": "", "birthcountry": "99352"}, {"gender": "male"},
     {"given_name_array": ["Angela"], "given_name": "Angela"}, {"given_name_array": ["Claire"], "given_name": "Claire"}],
    ids=str,
)  # fmt: skip
async def test_somebody_else_s_identity_takes_no_certified_account_over(
    federe: Service, monkeypatch: pytest.MonkeyPatch, autre: Corps
) -> None:
    change_d_etat_civil(monkeypatch, **autre)
    session = await federe.entre(une_demande())
    await rattache(federe, session)
    avant, messages = await federe.moi(session), await avis(federe, EMAIL)
    assert refus(await rattacher(federe, session, "changé")) == DIFFERENTE
    assert (await federe.moi(session), await avis(federe, EMAIL)) == (avant, messages)
    assert (await federe.passer("connexion", "changé"))["type"] != "session"
    # The wrong one detached, the right one may come.
    assert (await detacher(federe, session)).status_code == 204
    await rattache(federe, session, "changé")


async def test_attaching_tells_which_fields_it_replaces(federe: Service) -> None:
    session = await federe.entre(une_demande(un_citoyen(prenom="Angela", nom_naissance="Duboi")))
    await rattache(federe, session)
    [message] = [m for m in await federe.messages(EMAIL) if "FranceConnect" in m.texte]
    assert "- Nom de naissance\n- Date de naissance" in message.texte
    assert "Prénom" not in message.texte
    assert "DUBOIS" not in message.texte
    [ligne, *_] = (await federe.appeler(session, "GET", "/v1/moi/activites")).json()["activites"]
    assert ligne["details"] == {"fournisseur": "franceconnect", "champs": ["nom_naissance", "date_naissance"]}


async def test_attaching_ends_the_other_sessions(federe: Service) -> None:
    autre, session = await federe.entre(une_demande()), await federe.connecte("ines.dupont", MOT_DE_PASSE)
    await rattache(federe, session)
    assert refus(await federe.appeler(autre, "GET", "/v1/moi")) == FINIE
    assert refus(await federe.rafraichir(autre["jeton_rafraichissement"])) == FINIE
    # Again, nothing changes: nobody is put out.
    autre = await federe.connecte("ines.dupont", MOT_DE_PASSE)
    assert (await rattacher(federe, session)).json()["deja_rattachee"] is True
    assert (await federe.appeler(autre, "GET", "/v1/moi")).status_code == 200


async def test_franceconnect_is_not_attached_to_an_organisation(federe: Service) -> None:
    session = await federe.entre(une_demande(une_entreprise()))
    assert refus(await federe.autoriser("rattachement", session=session)) == (409, "identite_inadaptee")
    assert await federe.compter("passages") == 0
    await federe.adherer()


async def test_whoever_holds_an_identity_takes_it_from_a_sign_up_that_was_never_activated(federe: Service) -> None:
    en_attente = await federe.inscrit(demande_federee(await federe.prerempli(), activer_par="email"))
    session = await federe.entre(une_demande())
    lien = await federe.lien(FC_EMAIL)
    await rattache(federe, session)
    # Nobody is left with an account that nothing opens.
    assert refus(await federe.suivre(lien)) == (410, "lien_expire")
    assert refus(await federe.lire(en_attente))[0] == 404
    assert await federe.compter("comptes") == 1
    assert (await federe.moi(await entre_par(federe)))["id"] == (await federe.moi(session))["id"]


# Between leaving and coming back


async def _se_deconnecter(service: Service, session: Corps) -> None:
    assert (await service.appeler(session, "DELETE", "/v1/sessions/courante")).status_code == 204


async def _partout(service: Service, session: Corps) -> None:
    autre = await service.connecte("ines.dupont", MOT_DE_PASSE)
    assert (await service.appeler(autre, "DELETE", "/v1/sessions")).status_code == 204


async def _changer_le_mot_de_passe(service: Service, session: Corps) -> None:
    autre = await service.connecte("ines.dupont", MOT_DE_PASSE)
    corps = {"mot_de_passe_actuel": MOT_DE_PASSE, "mot_de_passe": NEUF}
    assert (await service.appeler(autre, "PUT", "/v1/moi/mot-de-passe", corps)).status_code in (200, 204)


async def _reinitialiser(service: Service, session: Corps) -> None:
    await service.recuperer("ines.dupont")
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).status_code == 200


async def _suspendre(service: Service, session: Corps) -> None:
    await service.sql.execute("update comptes set etat = 'suspendu'")


async def _quitter(service: Service, session: Corps) -> None:
    assert (await service.appeler(session, "POST", "/v1/moi/effacement", {})).status_code == 202


async def _effacer(service: Service, session: Corps) -> None:
    await service.sql.execute("select effacer_compte(id, '1 day') from comptes")


@pytest.mark.parametrize(
    ("entre_temps", "refusee"),
    [(_se_deconnecter, FINIE), (_partout, FINIE), (_changer_le_mot_de_passe, FINIE), (_suspendre, FINIE),
     (_quitter, FINIE), (_reinitialiser, (422, "code_echange_invalide")), (_effacer, (422, "code_echange_invalide"))],
    ids=lambda v: getattr(v, "__name__", ""),
)  # fmt: skip
async def test_a_proof_does_not_outlive_the_session_that_gave_it(
    federe: Service, entre_temps: Callable[[Service, Corps], Awaitable[None]], refusee: tuple[int, str]
) -> None:
    session = await federe.entre(une_demande())
    au_depart = await federe.chez_le_fournisseur("rattachement", session=session)
    au_retour = await pret(federe, session)
    await entre_temps(federe, session)
    assert refus(await federe.echanger(au_retour)) == refusee
    if refusee == FINIE:
        assert refus(await federe.echanger((await federe.revenir(au_depart))["code"])) == FINIE
    else:
        assert (await federe.http.get(au_depart)).status_code == 404
    assert await federe.compter("identites_federees") == 0


async def test_new_terms_wait_to_be_accepted_before_anything_is_attached(federe: Service) -> None:
    session = await federe.entre(une_demande())
    code = await pret(federe, session)
    await publier(federe, "2026-11-bis", "Autre texte")
    assert refus(await federe.echanger(code)) == (403, "cgu_a_reaccepter")
    assert await federe.compter("identites_federees") == 0


async def test_a_proof_under_way_does_not_outlive_a_detaching(federe: Service) -> None:
    session = await federe.entre(une_demande())
    await rattache(federe, session)
    code, au_depart = await pret(federe, session), await federe.chez_le_fournisseur("rattachement", session=session)
    assert (await detacher(federe, session)).status_code == 204
    assert refus(await federe.echanger(code)) == (422, "code_echange_invalide")
    assert (await federe.http.get(au_depart)).status_code == 404
    assert (await federe.moi(session))["identites"] == []


# Detaching


async def test_detaching_leaves_a_way_in_or_is_refused(federe: Service) -> None:
    session = await federe.adherer()
    avant = await federe.moi(session)
    assert refus(await detacher(federe, session)) == (409, "dernier_moyen_de_connexion")
    assert await federe.moi(session) == avant

    await federe.recuperer("angela.dubois")
    await federe.reinitialiser(MOT_DE_PASSE, jeton=await federe.lien(FC_EMAIL, "mot-de-passe"))
    session = await federe.connecte("angela.dubois", MOT_DE_PASSE)
    assert (await detacher(federe, session)).status_code == 204
    moi = await federe.moi(session)
    assert (moi["identites"], moi["profil"]) == ([], avant["profil"])
    # Nobody vouches for them any more: declarations, free to be corrected.
    assert all(p == DECLARE for p in moi["provenances"].values())
    assert (await fil(federe, session))[0] == ("identite_detachee", "franceconnect")
    assert await avis(federe, FC_EMAIL) == 2
    corps = {"profil": {"type": "citoyen", "prenom": "Inès"}}
    moi = (await federe.appeler(session, "PATCH", "/v1/moi", corps, **{"If-Match": "*"})).json()
    assert moi["profil"]["prenom"] == "Inès"
    # FranceConnect knows nobody here any more.
    assert (await federe.passer())["type"] == "inscription"
    assert refus(await detacher(federe, session)) == NON_RATTACHEE


async def test_one_of_several_identities_is_detached_and_the_others_still_vouch(
    federe: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_d_etat_civil(monkeypatch, family_name="MARTIN")
    session = await federe.adherer()
    await rattache(federe, session, "changé")
    ancienne, neuve = [i["id"] for i in (await federe.moi(session))["identites"]]
    ailleurs = (await federe.moi(await federe.entre(une_demande())))["id"]
    for inconnue in (ailleurs, "0" * 8 + "-0000-4000-8000-" + "0" * 12):
        refusee = await federe.appeler(session, "DELETE", f"/v1/moi/franceconnect?identite={inconnue}")
        assert refus(refusee) == NON_RATTACHEE
    assert refus(await federe.appeler(session, "DELETE", "/v1/moi/franceconnect?identite=x"))[0] == 400
    # The former one, whose family name is not the profile's any more; then there would be no way in.
    session = await entre_par(federe, "changé")
    assert (await federe.appeler(session, "DELETE", f"/v1/moi/franceconnect?identite={ancienne}")).status_code == 204
    moi = await federe.moi(session)
    assert [i["id"] for i in moi["identites"]] == [neuve]
    assert moi["provenances"]["/profil/nom_naissance"] == CERTIFIE
    refusee = await federe.appeler(session, "DELETE", f"/v1/moi/franceconnect?identite={neuve}")
    assert refus(refusee) == (409, "dernier_moyen_de_connexion")


async def test_what_only_the_detached_identity_said_is_a_declaration_again(
    federe: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_d_etat_civil(monkeypatch, family_name="MARTIN")
    session = await federe.adherer()
    await rattache(federe, session, "changé")
    _, neuve = [i["id"] for i in (await federe.moi(session))["identites"]]
    assert (await federe.appeler(session, "DELETE", f"/v1/moi/franceconnect?identite={neuve}")).status_code == 204
    moi = await federe.moi(session)
    assert moi["profil"]["nom_naissance"] == "MARTIN"
    assert moi["provenances"]["/profil/nom_naissance"] == DECLARE
    assert moi["provenances"]["/profil/date_naissance"] == CERTIFIE


async def test_detaching_ends_what_the_identity_opened_and_nothing_else(federe: Service) -> None:
    session = await federe.entre(une_demande())
    await rattache(federe, session)
    autre, sienne = await federe.connecte("ines.dupont", MOT_DE_PASSE), await entre_par(federe)
    code = await pret(federe, sienne)
    assert (await detacher(federe, session)).status_code == 204
    assert refus(await federe.appeler(sienne, "GET", "/v1/moi")) == FINIE
    assert refus(await federe.rafraichir(sienne["jeton_rafraichissement"])) == FINIE
    assert refus(await federe.echanger(code)) == (422, "code_echange_invalide")
    for reste in (session, autre):
        assert (await federe.appeler(reste, "GET", "/v1/moi")).status_code == 200


async def test_whoever_detaches_what_opened_their_own_session_is_out_cookie_included(federe: Service) -> None:
    await rattache(federe, await federe.entre(une_demande()))
    session = await entre_par(federe)
    reponse = await federe.appeler(session, "DELETE", "/v1/moi/franceconnect", Cookie="__Host-comptoir-session=x")
    assert (reponse.status_code, "max-age=0" in reponse.headers["set-cookie"].lower()) == (204, True)
    assert refus(await federe.appeler(session, "GET", "/v1/moi")) == FINIE


async def test_the_first_session_of_a_sign_up_is_its_identity_s(federe: Service) -> None:
    inscription = await federe.actif(demande_federee(await federe.prerempli(), mot_de_passe=MOT_DE_PASSE))
    chemin = f"/v1/inscriptions/{inscription['id']}/session"
    premiere = (await federe.http.post(chemin, json={}, headers=porteur(inscription))).json()
    # The sign-up's secret says nothing of when its author proved who they are.
    assert refus(await federe.appeler(premiere, "GET", "/v1/moi/export")) == TROP_TARD
    assert (await detacher(federe, await federe.connecte("angela.dubois", MOT_DE_PASSE))).status_code == 204
    assert refus(await federe.appeler(premiere, "GET", "/v1/moi")) == FINIE


async def test_a_proof_handed_over_while_a_detaching_is_under_way_waits_and_attaches_nothing(federe: Service) -> None:
    session = await federe.entre(une_demande())
    await federe.passer("rattachement", PRO, "proconnect", session=session)
    code = await pret(federe, session)
    # Whoever holds the account keeps both waiting, in the order they came.
    async with federe.sql.transaction():
        await federe.sql.execute("select from comptes for update")
        chemin = "/v1/moi/franceconnect?fournisseur=proconnect"
        detachement = asyncio.create_task(federe.appeler(session, "DELETE", chemin))
        await attendent(federe, 1)
        echange = asyncio.create_task(federe.echanger(code))
        await attendent(federe, 2)
    assert (await detachement).status_code == 204
    assert refus(await echange) == (422, "code_echange_invalide")
    assert (await federe.moi(session))["identites"] == []


async def test_detaching_takes_a_proof_given_a_short_time_ago(federe: Service) -> None:
    session = await federe.entre(une_demande())
    await rattache(federe, session)
    await federe.avancer(timedelta(minutes=5, seconds=1))
    assert refus(await detacher(federe, session)) == TROP_TARD
    assert refus(await federe.http.delete("/v1/moi/franceconnect"))[0] == 401
    assert (await detacher(federe, await entre_par(federe))).status_code == 204


async def test_what_was_detached_may_be_attached_elsewhere(federe: Service) -> None:
    premiere = await federe.entre(une_demande())
    seconde = await federe.entre(une_demande(email="autre@exemple.fr"))
    await rattache(federe, premiere)
    assert refus(await rattacher(federe, seconde)) == PRISE
    assert (await detacher(federe, premiere)).status_code == 204
    await rattache(federe, seconde)
    assert (await federe.moi(await entre_par(federe)))["id"] == (await federe.moi(seconde))["id"]


# A civil status that changes


@pytest.mark.parametrize(
    "revendications", [{"family_name": "MARTIN"}, {"family_name": "MARTIN", "email": "martin@exemple.fr"}], ids=str
)  # fmt: skip
async def test_a_changed_civil_status_is_attached_again_by_proof(
    federe: Service, monkeypatch: pytest.MonkeyPatch, revendications: Corps
) -> None:
    ancienne = await federe.moi(await federe.adherer())
    change_d_etat_civil(monkeypatch, **revendications)
    resultat = await federe.passer("connexion", "changé")
    assert (resultat["type"], resultat["preuves"]) == ("rattachement_requis", ["mot_de_passe", "recuperation"])
    # Said, and nothing more: neither whose account it is, nor a way into it.
    assert resultat.keys() == {"type", "preuves", "inscription"}
    assert resultat["inscription"]["profil"].keys() == {"type", "civilite", "nom_naissance", "prenom", "date_naissance"}
    assert len((await federe.moi(await entre_par(federe)))["identites"]) == 1

    await federe.recuperer("angela.dubois")
    await federe.reinitialiser(MOT_DE_PASSE, jeton=await federe.lien(FC_EMAIL, "mot-de-passe"))
    session = await federe.connecte("angela.dubois", MOT_DE_PASSE)
    await rattache(federe, session, "changé")
    moi = await federe.moi(await entre_par(federe, "changé"))
    assert (moi["id"], len(moi["identites"])) == (ancienne["id"], 2)
    assert moi["profil"]["nom_naissance"] == revendications.get("family_name", "DUBOIS")


async def test_somebody_who_only_resembles_signs_up_as_another(federe: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ancienne = await federe.moi(await federe.adherer())
    change_d_etat_civil(monkeypatch, family_name="MARTIN")
    resultat = await federe.passer("connexion", "changé")
    await federe.actif(demande_federee(resultat["inscription"]))
    assert (await federe.moi(await entre_par(federe, "changé")))["id"] != ancienne["id"]
    assert (await federe.moi(await entre_par(federe)))["id"] == ancienne["id"]


@pytest.mark.parametrize(
    "revendications",
    [{"birthdate": "1962-08-25"}, {"birthplace": "75108"}, {"birthplace": "", "birthcountry": "99352"},
     {"given_name_array": ["Claire"], "given_name": "Claire"}],
    ids=str,
)  # fmt: skip
async def test_another_birth_resembles_nobody(federe: Service, monkeypatch: pytest.MonkeyPatch, revendications: Corps) -> None:
    await federe.adherer()
    change_d_etat_civil(monkeypatch, **revendications)
    assert (await federe.passer("connexion", "changé"))["type"] == "inscription"


# Taking the account back


async def recuperer(service: Service) -> None:
    await service.recuperer("ines.dupont", "email")
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).status_code == 200


async def retablir(service: Service) -> None:
    """The address that was replaced takes the account back."""
    jeton = await service.lien(EMAIL, "annulation")
    assert (await service.http.post("/v1/annulations", json={"jeton": jeton})).status_code == 200
    assert (await service.reinitialiser(NEUF, jeton=await service.lien(EMAIL, "mot-de-passe"))).status_code == 200


@pytest.mark.parametrize("reprendre", [recuperer, retablir])
async def test_an_identity_attached_since_goes_with_whoever_attached_it(
    federe: Service, reprendre: Callable[[Service], Awaitable[None]]
) -> None:
    intrus = await federe.entre(une_demande())
    await rattache(federe, intrus)
    if reprendre is retablir:
        await federe.prouver(intrus, "email", "intrus@exemple.fr")
    depart, retour = await federe.chez_le_fournisseur("rattachement", session=intrus), await pret(federe, intrus)
    await reprendre(federe)

    assert (await federe.passer("connexion"))["type"] == "inscription"
    assert (await federe.http.get(depart)).status_code == 404
    assert refus(await federe.echanger(retour)) == (422, "code_echange_invalide")
    session = await federe.connecte("ines.dupont", NEUF)
    moi = await federe.moi(session)
    assert moi["identites"] == []
    # Nothing comes any more from an identity that is not there.
    assert all(p == DECLARE for p in moi["provenances"].values())
    assert ("identite_detachee", "franceconnect") in await fil(federe, session)
    assert [m for m in await federe.messages(EMAIL) if "a été détachée" in m.texte]


async def test_the_identity_of_the_sign_up_stays(federe: Service) -> None:
    await federe.adherer(email=EMAIL, identifiant="ines.dupont")
    await recuperer(federe)
    moi = await federe.moi(await entre_par(federe))
    assert [i["fournisseur"] for i in moi["identites"]] == ["franceconnect"]
    assert moi["provenances"]["/profil/prenom"] == CERTIFIE


async def test_what_only_an_identity_attached_since_said_is_a_declaration_again(
    federe: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_d_etat_civil(monkeypatch, family_name="MARTIN")
    await rattache(federe, await federe.adherer(email=EMAIL, identifiant="ines.dupont"), "changé")
    await recuperer(federe)
    moi = await federe.moi(await entre_par(federe))
    assert moi["profil"]["nom_naissance"] == "MARTIN"
    assert moi["provenances"]["/profil/nom_naissance"] == DECLARE
    assert moi["provenances"]["/profil/date_naissance"] == CERTIFIE


async def test_entering_by_an_identity_while_the_account_is_taken_back_opens_nothing(federe: Service) -> None:
    intrus = await federe.entre(une_demande())
    await rattache(federe, intrus)
    await federe.recuperer("ines.dupont", "email")
    jeton = await federe.lien(EMAIL, "mot-de-passe")
    codes = [(await federe.revenir(await federe.chez_le_fournisseur("connexion")))["code"] for _ in range(6)]
    await asyncio.gather(federe.reinitialiser(NEUF, jeton=jeton), *(federe.echanger(code) for code in codes))
    assert await federe.sql.fetchval("select count(*) from sessions where terminee_le is null") == 0
