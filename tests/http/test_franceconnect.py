"""Signing up and in by FranceConnect: what an identity fills in, what stays to prove, what it opens; nobody is merged."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from msgspec import structs

from adapters.system import RealSystem
from app.composition import conserver
from app.settings import Settings
from app.simulateur.personnes import Personne
from app.simulateur.regles import FRANCECONNECT
from tests.builders import (
    ABSENT,
    AUJOURDHUI,
    MOT_DE_PASSE,
    Corps,
    altere,
    demande_federee,
    modifie,
    un_accord,
    un_citoyen,
    une_association,
    une_demande,
    une_entreprise,
)
from tests.service import Service, champs_fautifs, refus

EMAIL = "wossewodda-3728@yopmail.com"
CERTIFIE = {"source": "franceconnect", "verifie": True, "verrouille": True}
PROPOSE = {"source": "franceconnect", "verifie": False, "verrouille": False}
DEPENSE = (422, "jeton_identite_invalide")
MOI = {"type": "citoyen", "civilite": "madame", "nom_naissance": "DUBOIS", "nom_usage": None, "prenom": "Angela",
       "date_naissance": "1962-08-24"}  # fmt: skip


def inventer(monkeypatch: pytest.MonkeyPatch, login: str, **revendications: Any) -> None:
    """Somebody more at the simulator: `test`, but for these claims; `ABSENT` takes one away."""
    toutes = FRANCECONNECT.personnes["test"].revendications | revendications
    connues = {nom: valeur for nom, valeur in toutes.items() if valeur is not ABSENT}
    monkeypatch.setitem(FRANCECONNECT.personnes, login, Personne(login=login, revendications=connues))


async def natures(service: Service, session: Corps) -> list[str]:
    """Of the feed, newest first."""
    fil = await service.appeler(session, "GET", "/v1/moi/activites")
    return [ligne["nature"] for ligne in fil.json()["activites"]]


async def identite_de(service: Service, login: str) -> str:
    """The account that this person's FranceConnect opens."""
    return str((await service.moi((await service.passer("connexion", login))["session"]))["id"])


async def test_somebody_unknown_is_offered_a_sign_up_filled_in_from_their_civil_status(federe: Service) -> None:
    resultat = await federe.passer()
    assert resultat.keys() == {"type", "inscription"}
    assert resultat["type"] == "inscription"
    prerempli = resultat["inscription"]
    assert prerempli["profil"] == {n: v for n, v in MOI.items() if n != "nom_usage"}
    assert prerempli["provenances"] == {f"/profil/{nom}": CERTIFIE for nom in prerempli["profil"] if nom != "type"}
    # Proposed, and nothing more: it is what the identity provider knows.
    assert (prerempli["fournisseur"], prerempli["email"], prerempli["organisation"]) == ("franceconnect", EMAIL, None)
    reste = datetime.fromisoformat(prerempli["expire_le"]) - datetime.now().astimezone()
    assert timedelta(minutes=29) < reste <= timedelta(minutes=30)
    for table in ("comptes", "sessions", "identites_federees"):
        assert await federe.compter(table) == 0


async def test_one_signs_up_without_a_password_proves_a_contact_and_comes_in_by_france_connect(federe: Service) -> None:
    demande = demande_federee(await federe.prerempli(), activer_par="email")
    inscription = await federe.inscrit(demande)
    assert (inscription["etat"], inscription["identifiant"]) == ("en_attente", "angela.dubois")
    # The address that FranceConnect gave is not proven by it: nothing opens yet, and signing up is offered again.
    assert (await federe.passer())["type"] == "inscription"
    assert await federe.compter("sessions") == 0

    assert (await federe.suivre(await federe.lien(EMAIL))).status_code == 200
    resultat = await federe.passer("inscription")
    assert resultat.keys() == {"type", "session"}
    session = resultat["session"]
    moi = await federe.moi(session)
    assert (moi["profil"], moi["mot_de_passe_defini"]) == (MOI, False)
    [identite] = moi["identites"]
    assert identite["fournisseur"] == "franceconnect"
    assert [c["source"] for c in moi["contacts"]] == ["declaration"]
    assert await natures(federe, session) == ["connexion", "compte_active", "identite_rattachee", "compte_cree"]
    lignes = (await federe.appeler(session, "GET", "/v1/moi/activites")).json()["activites"]
    assert [ligne["details"].get("fournisseur") for ligne in lignes] == ["franceconnect", None, "franceconnect", None]
    # Whoever proved that address may not be who signed up.
    [avis] = [m.texte for m in await federe.messages(EMAIL) if "FranceConnect" in m.texte]
    assert "rattachée à votre compte" in avis
    registre = (await federe.appeler(session, "GET", "/v1/moi/consentements")).json()["actes"]
    assert {(a["nature"], a["objet"], a["valeur"]) for a in registre} == {
        ("acceptation", "cgu", True), ("prise_de_connaissance", "rgpd", True)
    }  # fmt: skip
    assert (await federe.rafraichir(session["jeton_rafraichissement"])).status_code == 200


async def test_without_a_password_signing_in_by_password_is_refused_like_any_failure(federe: Service) -> None:
    session = await federe.adherer()
    reponses = [await federe.connecter(nom, MOT_DE_PASSE) for nom in ("angela.dubois", EMAIL, "inconnu")]
    assert {refus(r) for r in reponses} == {(401, "identifiants_incorrects")}
    corps = [r.json() | {"request_id": ""} for r in reponses]
    assert corps == [corps[0]] * 3
    # Inside, there is nothing to guess: what is missing is told, as often as it is asked.
    for chemin in ("/v1/moi/effacement", "/v1/sessions/courante/reauthentification") * 6:
        essai = await federe.appeler(session, "POST", chemin, {"mot_de_passe": MOT_DE_PASSE})
        assert refus(essai) == (409, "mot_de_passe_absent")


async def test_a_first_password_comes_by_recovery_on_the_proven_address(federe: Service) -> None:
    await federe.adherer()
    await federe.recuperer("angela.dubois")
    assert (await federe.reinitialiser(MOT_DE_PASSE, jeton=await federe.lien(EMAIL, "mot-de-passe"))).status_code == 200
    session = await federe.connecte("angela.dubois", MOT_DE_PASSE)
    moi = await federe.moi(session)
    assert (moi["mot_de_passe_defini"], len(moi["identites"])) == (True, 1)
    assert await identite_de(federe, "test") == moi["id"]


async def test_what_is_certified_cannot_be_altered_and_the_refusals_spend_nothing(federe: Service) -> None:
    demande = demande_federee(await federe.prerempli(), diffusion={"email": True})
    for champ, valeur in (
        ("nom_naissance", "DUBOI"),
        ("nom_naissance", "Dubois"),
        ("prenom", "Claire"),
        ("prenom", None),
        ("date_naissance", "1962-08-25"),
        ("civilite", "monsieur"),
    ):
        force = modifie(demande, f"/profil/{champ}", valeur)
        assert champs_fautifs(await federe.inscrire(force)) == {f"/profil/{champ}": "champ_verrouille"}
    assert [await federe.compter(t) for t in ("comptes", "actes_juridiques", "identites_federees")] == [0, 0, 0]
    assert (await federe.inscrire(modifie(demande, "/profil/nom_usage", "Le Goff"))).status_code == 201


async def test_terms_are_to_be_accepted_all_the_same(federe: Service) -> None:
    demande = demande_federee(await federe.prerempli())
    for corps, statut in (
        (modifie(demande, "/reglementation", ABSENT), 422),
        (modifie(demande, "/reglementation/cgu", un_accord(accepte=False)), 422),
        (modifie(demande, "/reglementation/rgpd", ABSENT), 422),
        (modifie(demande, "/reglementation/cgu", un_accord(version="2020-01")), 409),
        (modifie(demande, "/email", ABSENT), 422),
    ):
        assert refus(await federe.inscrire(corps))[0] == statut
    assert await federe.compter("comptes") == 0
    assert (await federe.inscrire(demande)).status_code == 201


async def test_without_an_identity_a_password_is_required(federe: Service) -> None:
    demande = modifie(demande_federee(await federe.prerempli()), "/jeton_identite", None)
    assert champs_fautifs(await federe.inscrire(demande)) == {"/mot_de_passe": "requis"}
    avec = modifie(demande_federee(await federe.prerempli()), "/mot_de_passe", MOT_DE_PASSE)
    await federe.actif(avec)
    assert (await federe.connecter("angela.dubois", MOT_DE_PASSE)).status_code == 201


async def test_an_identity_signs_up_once_however_many_try_at_once(federe: Service) -> None:
    demande = demande_federee(await federe.prerempli())
    reponses = await asyncio.gather(*(federe.inscrire(demande) for _ in range(8)))
    assert sorted(r.status_code for r in reponses) == [201] + [422] * 7
    assert {refus(r) for r in reponses if r.status_code == 422} == {DEPENSE}
    assert (await federe.compter("comptes"), await federe.compter("identites_federees")) == (1, 1)
    assert refus(await federe.inscrire(demande)) == DEPENSE


async def test_a_lost_answer_is_asked_again_with_its_key_though_the_identity_is_spent(federe: Service) -> None:
    demande = demande_federee(await federe.prerempli(), activer_par="email")
    premiere, seconde = [await federe.inscrire(demande, cle="une-cle") for _ in range(2)]
    assert (seconde.status_code, seconde.json()) == (201, premiere.json())
    assert refus(await federe.inscrire(demande, cle="une-autre")) == DEPENSE
    assert await federe.compter("comptes") == 1


async def test_an_identity_waits_thirty_minutes_for_its_sign_up(federe: Service) -> None:
    tot, tard = await federe.prerempli(), await federe.prerempli()
    await federe.avancer(timedelta(minutes=29, seconds=30))
    assert (await federe.inscrire(demande_federee(tot))).status_code == 201
    await federe.avancer(timedelta(seconds=30))
    assert refus(await federe.inscrire(demande_federee(tard))) == DEPENSE


async def test_a_token_of_another_kind_signs_nobody_up(federe: Service) -> None:
    recus = await federe.revenir(await federe.chez_le_fournisseur())
    prerempli = await federe.prerempli()
    bon = prerempli["jeton_identite"]
    autre = altere(bon)
    for jeton in (recus["code"], autre, "x" * len(bon)):
        assert refus(await federe.inscrire(demande_federee(prerempli | {"jeton_identite": jeton}))) == DEPENSE
    assert refus(await federe.echanger(bon)) == (422, "code_echange_invalide")


async def test_the_certified_fields_stay_as_they_are_and_the_others_are_their_holder_s(federe: Service) -> None:
    session = await federe.adherer("avec_nom_dusage")
    moi = await federe.moi(session)
    assert (moi["profil"]["nom_usage"], moi["provenances"]["/profil/nom_usage"]) == ("DUBOIS", PROPOSE)

    async def changer(**profil: Any) -> httpx.Response:
        corps = {"profil": {"type": "citoyen"} | profil}
        return await federe.appeler(session, "PATCH", "/v1/moi", corps, **{"If-Match": "*"})

    for champ, valeur in (
        ("nom_naissance", "Autre"),
        ("prenom", None),
        ("date_naissance", "1970-01-01"),
        ("civilite", "madame"),
    ):
        assert champs_fautifs(await changer(**{champ: valeur})) == {f"/profil/{champ}": "champ_verrouille"}
    change = await changer(nom_usage="Martin", nom_naissance="MERCIER")
    assert change.status_code == 200
    provenances = change.json()["provenances"]
    assert provenances["/profil/nom_usage"] == {"source": "declaration", "verifie": False, "verrouille": False}
    assert provenances["/profil/nom_naissance"] == CERTIFIE


async def test_the_export_shows_the_identity_and_erasing_the_account_forgets_it(federe: Service) -> None:
    session = await federe.adherer()
    export = (await federe.appeler(session, "GET", "/v1/moi/export")).json()
    [identite] = export["identites"]
    assert (identite["emetteur"], identite["fournisseur"]) == ("http://localhost:8001/api/v2", "franceconnect")
    assert identite["sub"].endswith("v1")
    assert identite["revendications"]["birthplace"] == "75107"

    assert (await federe.appeler(session, "POST", "/v1/moi/effacement", {})).status_code == 202
    assert refus(await federe.tenter()) == (403, "effacement_en_cours")
    await federe.avancer(timedelta(days=7, minutes=1))
    await conserver(federe.settings, simuler=False)
    assert await federe.compter("identites_federees") == await federe.compter("sessions") == 0
    assert await federe.sql.fetchval("select count(*) from passages where compte_id is not null") == 0
    # The name is kept from others for a while, whoever comes back.
    assert (await federe.inscrit(demande_federee(await federe.prerempli())))["identifiant"] == "angela.dubois2"


async def test_a_suspended_account_is_not_entered(federe: Service) -> None:
    await federe.adherer()
    await federe.sql.execute("update comptes set etat = 'suspendu'")
    avant = await federe.compter("sessions")
    assert refus(await federe.tenter()) == (403, "compte_indisponible")
    assert await federe.compter("sessions") == avant


async def test_a_browser_has_its_refresh_token_in_a_cookie_and_only_from_an_origin_of_the_list(settings: Settings) -> None:
    portail = "https://portail.exemple.fr"
    async with Service(structs.replace(settings, cors_origins=portail), simulateur=True) as service:
        await service.adherer()
        for origine in (None, "https://pirate.exemple"):
            code = (await service.revenir(await service.chez_le_fournisseur()))["code"]
            assert refus(await service.echanger(code, cookie=True, origine=origine)) == (403, "origine_refusee")
            # Refused before anything was spent.
            reponse = await service.echanger(code, cookie=True, origine=portail)
            assert reponse.status_code == 200
            assert reponse.json()["session"]["jeton_rafraichissement"] is None
            assert reponse.cookies["__Host-comptoir-session"]


# The test people: name as received, username, and what FranceConnect leaves to be typed.
PERSONNES: list[tuple[str, Corps, str]] = [
    ("test", {"prenom": "Angela", "nom_naissance": "DUBOIS"}, "angela.dubois"),
    ("avec_nom_dusage", {"nom_naissance": "MERCIER", "nom_usage": "DUBOIS"}, "pierre.mercier"),
    ("nom_composé", {"prenom": "Melissandre", "nom_naissance": "TROIS-DUPRE"}, "melissandre.trois-dupre"),
    ("nom_50+_caractères", {"nom_naissance": "AZERTYUIOPMLKJHGFDSQWXCVBNAZERTYUIOPMLKJHGFDSQWXCVBN"},
     "bertrand.azertyuiopmlkjhgfdsqwxcvbnazertyuiopmlkjhgfdsqw"),
    ("carac_speciaux", {"prenom": "JulieéàèùòœæŒÆ", "nom_naissance": "DURANTéàèùòœæŒÆ"},
     "julieeaeuooeaeoeae.duranteaeuooeaeoeae"),
    ("caractères_spéciaux", {"prenom": "Joëlle", "nom_naissance": "DUBINÔRE"}, "joelle.dubinore"),
    ("prénom_composé", {"prenom": "Anne-Laure"}, "anne-laure.huche"),
    ("prénom_composé_avec_espace", {"prenom": "Jean PrénomComposéAvecEspace"}, "jean-prenomcomposeavecespace.martin"),
    ("plusieurs_prénoms_3", {"prenom": "Jean", "nom_naissance": "DUBIGNOT"}, "jean.dubignot"),
    ("genre_indéfini", {"prenom": "Camille", "civilite": None}, "camille.laforge"),
    # A presumed day or month is padded by the register.
    ("étranger_présumé_né_jour", {"date_naissance": "1992-11-01"}, "jean.fleuret"),
    ("étranger_présumé_né_jour_et_mois", {"date_naissance": "1992-01-01"}, "jean.targe"),
    ("naissance_Algérie", {"date_naissance": "1963-12-05"}, "vincent.martin"),
    ("naissance_polynesie_française", {"date_naissance": "1998-06-18"}, "titouan.reveil"),
    ("test_CORSE_2A", {"nom_usage": "MARIO"}, "mario.brosse"),
    ("moins_16_ans", {"date_naissance": "2015-06-20"}, "lucas.champion"),
]  # fmt: skip


async def test_the_test_people_sign_up_each_as_the_register_has_them(federe: Service) -> None:
    for login, attendu, identifiant in PERSONNES:
        prerempli = await federe.prerempli(login)
        assert {nom: prerempli["profil"].get(nom) for nom in attendu} == attendu, login
        inscription = await federe.actif(demande_federee(prerempli))
        assert inscription["identifiant"] == identifiant
        moi = await federe.moi((await federe.passer("connexion", login))["session"])
        assert moi["profil"] == {"type": "citoyen", "nom_usage": None, "civilite": "non_precisee"} | prerempli["profil"]
        # As received: the raw birth date, the place and the country of birth, every first name, the usual name.
        recues = FRANCECONNECT.personnes[login].revendications
        assert moi["identites"][0]["revendications"] == recues, login
        assert moi["provenances"]["/profil/civilite"]["verrouille"] is (recues["gender"] != "unspecified")


async def test_those_france_connect_turns_away_come_back_with_a_calm_word(federe: Service) -> None:
    for login, mot in (("sans_mail", "echec"), ("sans_prenom", "annule"), ("Désactivé", "annule")):
        assert await federe.revenir(await federe.chez_le_fournisseur("connexion", login)) == {"erreur": mot}
    assert await federe.compter("comptes") == await federe.compter("sessions") == 0


# Claims that differ from those of `test`, what the profile says of them, and what is left to be typed.
RARES: list[tuple[Corps, Corps, str]] = [
    ({"email": ABSENT}, {}, "email"),
    ({"given_name_array": [], "given_name": ""}, {"prenom": None}, ""),
    ({"given_name_array": ABSENT}, {"prenom": "Angela"}, ""),
    ({"given_name_array": ["Ó"], "family_name": "Y"}, {"prenom": "Ó", "nom_naissance": "Y"}, ""),
    ({"birthdate": "1992-00-00"}, {}, "date_naissance"),
    ({"birthdate": "1992-11-00"}, {}, "date_naissance"),
    ({"gender": ""}, {}, "civilite"),
    ({"family_name": "D'ALMEIDA E SOUSA"}, {"nom_naissance": "D'ALMEIDA E SOUSA"}, ""),
    # What a form would write otherwise: spaces at the ends, accents apart from their letters.
    ({"family_name": " DE LA TOUR "}, {"nom_naissance": "DE LA TOUR"}, ""),
    ({"given_name_array": ["Ine\u0300s"]}, {"prenom": "In\u00e8s"}, ""),
    ({"family_name": "O\u2019BRIEN"}, {"nom_naissance": "O\u2019BRIEN"}, ""),
    # And what it refuses.
    ({"family_name": "R2D2"}, {}, "nom_naissance"),
    ({"preferred_username": "@"}, {"nom_naissance": "DUBOIS"}, "nom_usage"),
]


async def test_an_uncommon_civil_status_signs_up_too_and_is_kept_as_received(
    federe: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    saisi = {"date_naissance": "1992-11-01", "civilite": "madame", "nom_naissance": "Dubois"}
    for n, (revendications, profil, manque) in enumerate(RARES):
        inventer(monkeypatch, "rare", birthplace=f"751{n:02}", **revendications)
        prerempli = await federe.prerempli("rare")
        assert prerempli["profil"] | profil == prerempli["profil"], revendications
        assert manque not in prerempli["profil"]
        assert f"/profil/{manque}" not in prerempli["provenances"]
        assert (prerempli["email"] is None) is (manque == "email")
        demande = demande_federee(prerempli)
        await federe.actif(modifie(demande, f"/profil/{manque}", saisi[manque]) if manque in saisi else demande)
        moi = await federe.moi((await federe.passer("connexion", "rare"))["session"])
        recues = moi["identites"][0]["revendications"]
        assert {nom: recues.get(nom, ABSENT) for nom in revendications} == revendications
        assert manque not in saisi or moi["provenances"][f"/profil/{manque}"]["source"] == "declaration"


async def test_under_fifteen_the_account_opens_and_the_mailing_lists_wait_for_a_parent(
    federe: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RealSystem, "aujourdhui", lambda _: AUJOURDHUI)
    prerempli = await federe.prerempli("moins_16_ans")
    demande = demande_federee(prerempli, diffusion={"email": True})
    assert champs_fautifs(await federe.inscrire(demande)).keys() == {"/diffusion/email"}
    await federe.actif(modifie(demande, "/diffusion", ABSENT))
    session = (await federe.passer("connexion", "moins_16_ans"))["session"]
    choix = {"email": True, "sms": False, "lettre_actualite": False, "alertes": False}
    assert refus(await federe.appeler(session, "PUT", "/v1/moi/diffusion", choix))[0] == 422
    demandee = await federe.appeler(
        session, "PUT", "/v1/moi/diffusion", choix | {"email_representant_legal": "parent@exemple.fr"}
    )
    assert (demandee.json()["email"], demandee.json()["accord_parental"]["listes"]) == (False, ["email"])


async def test_two_homonyms_born_the_same_day_are_two_people(federe: Service) -> None:
    comptes = {}
    for login, identifiant in (("homonyme_1", "marie.durand"), ("homonyme_2", "marie.durand2")):
        prerempli = await federe.prerempli(login)
        assert (await federe.actif(demande_federee(prerempli)))["identifiant"] == identifiant
        comptes[login] = await identite_de(federe, login)
    assert len(set(comptes.values())) == 2
    assert {login: await identite_de(federe, login) for login in comptes} == comptes


async def test_nobody_is_merged_by_an_address_a_name_or_a_date(federe: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """One address for two people, as couples have; and a local account that says all that FranceConnect says."""
    memes = {"nom_naissance": "DUBOIS", "nom_usage": None, "prenom": "Angela", "date_naissance": "1962-08-24"}
    locale = await federe.entre(une_demande(un_citoyen(**memes), email=EMAIL))
    inventer(monkeypatch, "conjoint", given_name_array=["Paul"], given_name="Paul", gender="male", birthdate="1960-02-03")
    await federe.adherer("conjoint")
    assert (await federe.passer())["type"] == "inscription"
    await federe.adherer("test")
    ids = {(await federe.moi(locale))["id"], await identite_de(federe, "test"), await identite_de(federe, "conjoint")}
    assert len(ids) == 3
    assert (await federe.moi(locale))["identites"] == []


@pytest.mark.parametrize("profil", [une_entreprise(), une_association()], ids=["entreprise", "association"])
async def test_whoever_signs_for_an_organisation_keeps_their_identity_for_themselves(federe: Service, profil: Corps) -> None:
    demande = demande_federee(await federe.prerempli())
    assert refus(await federe.inscrire(demande | {"profil": profil})) == (409, "identite_inadaptee")
    await federe.actif(demande | {"profil": profil, "mot_de_passe": MOT_DE_PASSE, "jeton_identite": None})
    # Nothing was spent: the same person opens their own account with it.
    await federe.actif(demande)
    assert (await federe.moi((await federe.passer())["session"]))["profil"]["type"] == "citoyen"


async def test_an_identity_of_an_active_account_signs_nobody_else_up(federe: Service) -> None:
    prete = demande_federee(await federe.prerempli())
    await federe.adherer()
    assert refus(await federe.inscrire(prete)) == (409, "identite_deja_rattachee")
    assert await federe.compter("comptes") == 1


async def test_each_coming_back_shows_what_the_provider_says_now_and_locked_fields_stay(
    federe: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await federe.adherer()
    inventer(monkeypatch, "test", email="neuve@exemple.fr")
    moi = await federe.moi((await federe.passer())["session"])
    assert moi["identites"][0]["revendications"]["email"] == "neuve@exemple.fr"
    assert [c["valeur"] for c in moi["contacts"] if c["nature"] == "email"] == [EMAIL]
    assert moi["profil"] == MOI
