"""The sign-up that an identity pre-fills: checked before it is sent, begun again, and not given what it may not consent to."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import httpx
import pytest
from msgspec import structs

from adapters.system import RealSystem
from app.settings import Settings
from app.simulateur.personnes import Personne
from app.simulateur.regles import FRANCECONNECT
from tests.builders import MOT_DE_PASSE, Corps, altere, demande_federee, modifie, un_citoyen, une_demande
from tests.contract.lignes import un_autre_attend
from tests.service import Service, champs_fautifs, refus

EMAIL = "wossewodda-3728@yopmail.com"
DEPENSE, PRISE = (422, "jeton_identite_invalide"), (409, "identite_deja_rattachee")


def inventer(monkeypatch: pytest.MonkeyPatch, login: str, **revendications: Any) -> None:
    """Somebody more at the simulator: `test`, but for these claims."""
    toutes = FRANCECONNECT.personnes["test"].revendications | revendications
    monkeypatch.setitem(FRANCECONNECT.personnes, login, Personne(login=login, revendications=toutes))


async def controler(service: Service, demande: Corps) -> httpx.Response:
    return await service.http.post("/v1/inscriptions/controles", json=demande)


async def tables(service: Service) -> list[int]:
    noms = ("comptes", "contacts", "actes_juridiques", "identites_federees", "activites")
    return [await service.compter(t) for t in noms]


# Checked before it is sent


async def test_what_is_checked_is_refused_as_the_sign_up_would_and_spends_nothing(federe: Service) -> None:
    demande = demande_federee(await federe.prerempli())
    bon = demande["jeton_identite"]
    for corps in (
        modifie(demande, "/profil/prenom", "Claire"),
        modifie(demande, "/profil/date_naissance", "1962-08-25"),
        modifie(demande, "/jeton_identite", "x" * len(bon)),
        modifie(demande, "/jeton_identite", altere(bon)),
    ):
        controle, envoi = await controler(federe, corps), await federe.inscrire(corps)
        assert (refus(controle), controle.json().get("errors")) == (refus(envoi), envoi.json().get("errors"))
    assert await tables(federe) == [0] * 5
    for _ in range(2):
        assert (await controler(federe, demande)).json() == {"valide": True}
    assert (await federe.inscrire(demande)).status_code == 201
    assert refus(await controler(federe, demande)) == DEPENSE


async def test_an_identity_that_opens_an_account_is_told_before_the_form_is_sent(federe: Service) -> None:
    prete = demande_federee(await federe.prerempli())
    await federe.adherer()
    assert refus(await controler(federe, prete)) == PRISE


# Begun again


async def test_coming_back_before_activating_begins_again_under_the_same_name(federe: Service) -> None:
    ancienne = await federe.inscrit(demande_federee(await federe.prerempli(), activer_par="email"))
    lien = await federe.lien(EMAIL)
    for _ in range(2):
        neuve = await federe.inscrit(demande_federee(await federe.prerempli(), activer_par="email"))
        assert neuve["identifiant"] == ancienne["identifiant"] == "angela.dubois"
    # The former one leaves nothing that could be activated into an account without a way in.
    assert refus(await federe.lire(ancienne))[0] == 404
    assert refus(await federe.suivre(lien)) == (410, "lien_expire")
    assert (await federe.suivre(await federe.lien(EMAIL))).status_code == 200
    moi = await federe.moi((await federe.passer())["session"])
    assert (moi["id"], moi["identifiant"]) == (neuve["id"], "angela.dubois")
    assert (await federe.compter("comptes"), await federe.compter("identites_federees")) == (1, 1)


async def test_the_name_chosen_at_first_may_be_chosen_again_and_a_taken_one_gives_nothing_up(federe: Service) -> None:
    await federe.entre(une_demande(un_citoyen(prenom="Yann"), identifiant="prise"))
    demande = demande_federee(await federe.prerempli(), identifiant="angela")
    ancienne = await federe.inscrit(demande)
    demande |= {"jeton_identite": (await federe.prerempli())["jeton_identite"]}
    for corps, attendu in ((demande | {"identifiant": "prise"}, (409, "identifiant_indisponible")), (demande, (200, ""))):
        controle = await controler(federe, corps)
        assert (controle.status_code, controle.json().get("code", "")) == attendu
    assert refus(await federe.inscrire(demande | {"identifiant": "prise"})) == (409, "identifiant_indisponible")
    # Refused, it has neither spent the identity nor deleted what went before.
    assert (await federe.lire(ancienne)).json()["etat"] == "en_attente"
    assert (await federe.inscrit(demande))["identifiant"] == "angela"
    assert refus(await federe.lire(ancienne))[0] == 404


async def test_of_many_sign_ups_of_one_identity_at_once_the_last_one_stays_alone(federe: Service) -> None:
    demandes = [demande_federee(await federe.prerempli(), activer_par="email") for _ in range(6)]
    inscriptions = await asyncio.gather(*(federe.inscrit(d) for d in demandes))
    assert {i["identifiant"] for i in inscriptions} == {"angela.dubois"}
    etats = [(await federe.lire(i)).status_code for i in inscriptions]
    assert sorted(etats) == [200] + [404] * 5
    assert (await federe.compter("comptes"), await federe.compter("identites_federees")) == (1, 1)


async def test_an_activation_under_way_is_waited_for_and_wins(federe: Service) -> None:
    session = await federe.entre(une_demande(un_citoyen(prenom="Yann")))
    inscription = await federe.inscrit(demande_federee(await federe.prerempli(), activer_par="email"))
    code = (await federe.revenir(await federe.chez_le_fournisseur("rattachement", session=session)))["code"]
    async with federe.sql.transaction():
        await federe.sql.execute(
            "update comptes set etat = 'actif', active_le = horloge(), vu_le = horloge()::date where id = $1::uuid",
            inscription["id"],
        )
        rattachement = asyncio.create_task(federe.echanger(code))
        await un_autre_attend(federe.sql)
    assert refus(await rattachement) == PRISE
    moi = await federe.moi((await federe.passer())["session"])
    assert (moi["id"], moi["provenances"]["/profil/prenom"]["verrouille"]) == (inscription["id"], True)
    assert (await federe.moi(session))["identites"] == []


# A presumed birth date


async def test_a_presumed_date_is_kept_as_received_and_leaves_the_doubt_to_the_younger(
    federe: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    annee = 2010
    monkeypatch.setattr(RealSystem, "aujourdhui", lambda _: date(2025, 12, 30))
    recue = {"birthdate": f"{annee}-01-01", "birthplace": "", "birthcountry": "99352"}
    inventer(monkeypatch, "presumee", idp_birthdate=f"{annee}-00-00", **recue)
    inventer(monkeypatch, "sure", idp_birthdate=f"{annee}-01-01", given_name_array=["Ida"], given_name="Ida", **recue)
    prerempli = await federe.prerempli("presumee")
    assert prerempli["profil"]["date_naissance"] == f"{annee}-01-01"
    assert prerempli["provenances"]["/profil/date_naissance"]["presumee"] == "jour_et_mois"
    demande = demande_federee(prerempli, diffusion={"email": True})
    for envoi in (await controler(federe, demande), await federe.inscrire(demande)):
        assert champs_fautifs(envoi) == {"/diffusion/email": "consentement_parental_requis"}
    await federe.actif(modifie(demande, "/diffusion/email", False))
    session = (await federe.passer("connexion", "presumee"))["session"]
    moi = await federe.moi(session)
    assert moi["profil"]["date_naissance"] == f"{annee}-01-01"
    assert moi["provenances"]["/profil/date_naissance"]["presumee"] == "jour_et_mois"
    choix = dict.fromkeys(("email", "sms", "lettre_actualite"), False) | {"alertes": True}
    seul = await federe.appeler(session, "PUT", "/v1/moi/diffusion", choix)
    assert champs_fautifs(seul) == {"/alertes": "consentement_parental_requis"}
    # Who may be a minor is no adult for having detached their identity.
    premier = {"mot_de_passe": MOT_DE_PASSE}
    assert (await federe.appeler(session, "PUT", "/v1/moi/mot-de-passe", premier)).status_code == 204
    assert (await federe.appeler(session, "DELETE", "/v1/moi/franceconnect")).status_code == 204
    seul = await federe.appeler(await federe.connecte(moi["identifiant"], MOT_DE_PASSE), "PUT", "/v1/moi/diffusion", choix)
    assert champs_fautifs(seul) == {"/alertes": "consentement_parental_requis"}

    prerempli = await federe.prerempli("sure")
    assert "presumee" not in prerempli["provenances"]["/profil/date_naissance"]
    assert (await federe.inscrire(demande_federee(prerempli, diffusion={"email": True}))).status_code == 201


async def test_a_minor_s_identity_takes_back_what_its_account_had_consented_to_alone(
    federe: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed as an adult, certified under fifteen; or perhaps under fifteen."""
    monkeypatch.setattr(RealSystem, "aujourdhui", lambda _: date(2026, 6, 1))
    inventer(monkeypatch, "presumee", birthdate="2011-01-01", idp_birthdate="2011-00-00", birthplace="", birthcountry="99352")
    tout = dict.fromkeys(("email", "sms", "lettre_actualite", "alertes"), True)
    for login, restent in (("moins_16_ans", False), ("presumee", False), ("nom_composé", True)):
        session = await federe.entre(une_demande(email=f"{login.replace('é', 'e')}@exemple.fr", diffusion=tout))
        assert (await federe.passer("rattachement", login, session=session))["type"] == "rattachement"
        assert (await federe.moi(session))["diffusion"] == dict.fromkeys(tout, restent)
        actes = (await federe.appeler(session, "GET", "/v1/moi/consentements")).json()["actes"]
        retraits = {(a["objet"], a["par"]) for a in actes if not a["valeur"]}
        assert retraits == (set() if restent else {(f"diffusion.{liste}", "service") for liste in tout})
        fil = (await federe.appeler(session, "GET", "/v1/moi/activites")).json()["activites"]
        assert ("diffusion_modifiee" in [ligne["nature"] for ligne in fil]) is not restent


# The keys


async def test_a_resemblance_outlives_a_change_of_keys(
    federe: Service, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await federe.adherer()
    inventer(monkeypatch, "mariee", family_name="MARTIN")
    # The former key is gone for good.
    neuve = structs.replace(settings, secret_keys="neuve:" + "enl4d3Z1dHNycXBvbm1sa2ppaGdmZWRjYmFfX19fX18=")
    async with Service(neuve, simulateur=True) as autre:
        assert (await autre.passer("connexion", "mariee"))["type"] == "rattachement_requis"
        inventer(monkeypatch, "autre", family_name="MARTIN", birthdate="1962-08-25")
        assert (await autre.passer("connexion", "autre"))["type"] == "inscription"
