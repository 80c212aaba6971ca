"""The account as its holder reads and changes it: profile, locks, versions, password, identifiant, feed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.builders import (
    MOT_DE_PASSE,
    VERSION,
    Corps,
    un_citoyen,
    un_representant,
    une_adresse,
    une_association,
    une_demande,
    une_entreprise,
)
from tests.service import Service, champs_fautifs, publier, refus

MOBILE, EMAIL = "+33612345678", "ines@exemple.fr"
NEUF = "Cyprès?29galet"
PROFILS = {"citoyen": un_citoyen, "entreprise": une_entreprise, "association": une_association}
DECLARE = {"source": "declaration", "verifie": False, "verrouille": False}
CERTIFIE = {"source": "franceconnect", "verifie": True, "verrouille": True}
VERROU = """update comptes set provenances = '{"prenom": {"source": "franceconnect", "verifie": true, "verrouille": true}}'"""


async def lire(service: Service, session: Corps) -> tuple[str, Corps]:
    """The validator of the account, and the account."""
    reponse = await service.appeler(session, "GET", "/v1/moi")
    assert reponse.status_code == 200
    return reponse.headers["etag"], reponse.json()


async def modifier(service: Service, session: Corps, corps: Corps, version: str = "*") -> httpx.Response:
    return await service.appeler(session, "PATCH", "/v1/moi", corps, **{"If-Match": version})


async def modifier_profil(service: Service, session: Corps, profil: str = "citoyen", **champs: Any) -> httpx.Response:
    return await modifier(service, session, {"profil": {"type": profil} | champs})


async def changer_mot_de_passe(service: Service, session: Corps, actuel: str, neuf: str) -> httpx.Response:
    corps = {"mot_de_passe_actuel": actuel, "mot_de_passe": neuf}
    return await service.appeler(session, "PUT", "/v1/moi/mot-de-passe", corps)


async def renommer(service: Service, session: Corps, identifiant: str, mot_de_passe: str = MOT_DE_PASSE) -> httpx.Response:
    corps = {"identifiant": identifiant, "mot_de_passe": mot_de_passe}
    return await service.appeler(session, "PUT", "/v1/moi/identifiant", corps)


@pytest.mark.parametrize("profil", PROFILS)
async def test_the_holder_reads_all_that_they_gave_and_where_each_field_comes_from(service: Service, profil: str) -> None:
    donne = PROFILS[profil]()
    session = await service.entre(
        une_demande(donne, diffusion=dict.fromkeys(("email", "sms", "lettre_actualite", "alertes"), True))
    )
    reponse = await service.appeler(session, "GET", "/v1/moi")
    moi = reponse.json()
    assert reponse.headers["cache-control"] == "no-store"
    assert moi["profil"] == donne
    assert moi["provenances"] == {f"/profil/{champ}": DECLARE for champ in donne if champ != "type"}
    contacts = {c["nature"]: (c["valeur"], c["verifie"], c["verifie_le"] is not None, c["recoit_sms"]) for c in moi["contacts"]}
    assert contacts == {
        "email": (EMAIL, True, True, False),
        "telephone_fixe": ("+33139980101", False, False, False),
        "telephone_mobile": (MOBILE, False, False, True),
    }
    assert moi["diffusion"] == dict.fromkeys(("email", "sms", "lettre_actualite", "alertes"), True)
    assert moi["acceptations"] == {"cgu": VERSION, "rgpd": VERSION, "cgu_a_reaccepter": None}
    assert (moi["identifiant"], moi["langue"], moi["mot_de_passe_defini"], moi["modifie_le"]) == (
        "yann.le-goff" if profil != "citoyen" else "ines.dupont", "fr", True, None
    )  # fmt: skip


async def test_whoever_has_read_the_account_is_told_that_nothing_has_changed(service: Service) -> None:
    session = await service.entre(une_demande())
    lue = await service.appeler(session, "GET", "/v1/moi")
    relue = await service.appeler(session, "GET", "/v1/moi", **{"If-None-Match": lue.headers["etag"]})
    assert (relue.status_code, relue.content, relue.headers["etag"]) == (304, b"", lue.headers["etag"])
    assert relue.headers["cache-control"] == "no-store"
    change = await service.appeler(session, "PATCH", "/v1/moi", {"langue": "en"}, **{"If-Match": lue.headers["etag"]})
    assert change.status_code == 200
    relue = await service.appeler(session, "GET", "/v1/moi", **{"If-None-Match": lue.headers["etag"]})
    assert (relue.status_code, relue.headers["etag"]) == (200, change.headers["etag"])


async def test_only_what_is_named_changes_and_as_a_sign_up_would_have_written_it(service: Service) -> None:
    session = await service.entre(une_demande())
    reponse = await modifier_profil(service, session, prenom="  Anaïs ", nom_usage=None)
    assert reponse.status_code == 200
    assert reponse.json()["profil"] == un_citoyen(prenom="Anaïs", nom_usage=None)
    etiquette, moi = await lire(service, session)
    assert (reponse.headers["etag"], reponse.json()) == (etiquette, moi)
    assert moi["modifie_le"] is not None


async def test_an_organisation_s_address_and_representative_are_replaced_whole(service: Service) -> None:
    session = await service.entre(une_demande(une_entreprise()))
    adresse, personne = une_adresse(ligne1="3 quai Branly", ligne2=None), un_representant(prenom="Maëlle")
    reponse = await modifier_profil(service, session, "entreprise", adresse=adresse, representant=personne)
    assert reponse.json()["profil"] == une_entreprise(adresse=adresse, representant=personne)
    # The rules of an address hold, at its own place; what is left of the old one completes nothing.
    bancale = {"ligne1": "3 quai Branly", "code_postal": "7500", "commune": "Paris"}
    fautes = champs_fautifs(await modifier_profil(service, session, "entreprise", adresse=bancale, representant={}))
    assert fautes == {
        "/profil/adresse/code_postal": "code_postal_invalide",
        **{f"/profil/representant/{champ}": "requis" for champ in ("civilite", "prenom", "nom", "fonction")},
    }


async def test_an_association_keeps_a_number_whatever_changes(service: Service) -> None:
    session = await service.entre(une_demande(une_association()))
    assert champs_fautifs(await modifier_profil(service, session, "association", rna=None)) == {
        "/profil/rna": "rna_ou_siret_requis"
    }
    assert (await modifier_profil(service, session, "association", rna=None, siret="73282932000074")).status_code == 200
    assert champs_fautifs(await modifier_profil(service, session, "association", siret=None)) == {
        "/profil/rna": "rna_ou_siret_requis"
    }
    assert (await service.moi(session))["profil"] == une_association(rna=None, siret="73282932000074")


async def test_every_fault_of_a_change_is_told_at_its_place_and_nothing_is_changed(service: Service) -> None:
    session = await service.entre(une_demande())
    avant = await lire(service, session)
    cas: list[tuple[Corps, dict[str, str]]] = [
        ({}, {"": "rien_a_modifier"}),
        ({"profil": {"prenom": "Anaïs"}}, {"/profil/type": "requis"}),
        ({"profil": {"type": "martien"}}, {"/profil/type": "valeur_inconnue"}),
        ({"profil": {"type": "entreprise", "raison_sociale": "Le Goff"}}, {"/profil/type": "champ_verrouille"}),
        ({"profil": None}, {"/profil": "objet_attendu"}),
        (
            {"profil": {"type": "citoyen", "prenom": "R2D2", "nom_naissance": None, "date_naissance": "2999-01-01", "x": 1}},
            {
                "/profil/prenom": "nom_invalide", "/profil/nom_naissance": "non_nul", "/profil/x": "champ_inconnu",
                "/profil/date_naissance": "date_future",
            },
        ),
        ({"langue": "de", "telephone_fixe": "1234"}, {"/langue": "valeur_inconnue", "/telephone_fixe": "telephone_invalide"}),
        ({"langue": None}, {"/langue": "non_nul"}),
        # What is not changed here.
        *(
            ({"langue": "en", champ: "x"}, {f"/{champ}": "champ_inconnu"})
            for champ in ("email", "telephone_mobile", "identifiant", "mot_de_passe", "etat", "provenances", "verifie_le", "id")
        ),
    ]  # fmt: skip
    for corps, fautes in cas:
        assert champs_fautifs(await modifier(service, session, corps)) == fautes, corps
    assert await lire(service, session) == avant


async def test_a_locked_field_is_changed_at_its_source_alone(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.sql.execute(VERROU)
    assert (await service.moi(session))["provenances"] == {f"/profil/{c}": DECLARE for c in un_citoyen() if c != "type"} | {
        "/profil/prenom": CERTIFIE
    }
    for autre in ("Anaïs", "inès", "Ines", None):
        fautes = champs_fautifs(await modifier_profil(service, session, prenom=autre, nom_usage="Martin"))
        assert fautes == {"/profil/prenom": "champ_verrouille"}
    # A form that sends everything back changes nothing of it; its neighbours are free.
    reponse = await modifier_profil(service, session, prenom="Inès", nom_usage="Martin")
    assert reponse.json()["profil"] == un_citoyen(nom_usage="Martin")
    assert reponse.json()["provenances"]["/profil/prenom"] == CERTIFIE


async def test_a_change_is_made_on_what_was_read_or_not_at_all(service: Service) -> None:
    session = await service.entre(une_demande())
    etiquette, _ = await lire(service, session)
    sans = await service.appeler(session, "PATCH", "/v1/moi", {"langue": "en"})
    assert refus(sans) == (428, "precondition_requise")
    assert refus(await modifier(service, session, {"langue": "en"}, '"' + "0" * 32 + '"')) == (412, "version_perimee")
    # One among several is enough; a proxy that compresses has made it weak, and the client sends back what it was given.
    reponse = await modifier(service, session, {"langue": "en"}, f'"autre", W/{etiquette}')
    assert (reponse.status_code, reponse.json()["langue"]) == (200, "en")
    assert refus(await modifier(service, session, {"langue": "fr"}, etiquette)) == (412, "version_perimee")
    assert (await modifier(service, session, {"langue": "fr"}, reponse.headers["etag"])).status_code == 200
    assert (await modifier(service, session, {"langue": "en"}, "*")).status_code == 200


async def test_of_eight_changes_of_one_reading_one_is_made(service: Service) -> None:
    session = await service.entre(une_demande())
    etiquette, _ = await lire(service, session)
    prenoms = ["Anaïs", "Maëlle", "Yuna", "Enora", "Nolwenn", "Gaëlle", "Soizic", "Rozenn"]
    reponses = await asyncio.gather(
        *(modifier(service, session, {"profil": {"type": "citoyen", "prenom": p}}, etiquette) for p in prenoms)
    )
    assert sorted(r.status_code for r in reponses) == [200, *[412] * 7]
    faite = next(r for r in reponses if r.status_code == 200)
    assert (await service.moi(session))["profil"]["prenom"] == faite.json()["profil"]["prenom"]
    assert await service.sql.fetchval("select count(*) from activites where nature = 'profil_modifie'") == 1


async def test_the_feed_names_what_changed_and_a_change_of_nothing_is_none(service: Service) -> None:
    session = await service.entre(une_demande())
    etiquette, avant = await lire(service, session)
    tel_quel = {"profil": un_citoyen(), "telephone_fixe": "0139980101", "langue": "fr"}
    reponse = await modifier(service, session, tel_quel, etiquette)
    assert (reponse.status_code, reponse.headers["etag"], reponse.json()) == (200, etiquette, avant)
    await modifier(service, session, tel_quel | {"profil": un_citoyen(prenom="Zoé", nom_usage=None), "telephone_fixe": None})
    [ligne] = [n for n in (await fil(service, session))["activites"] if n["nature"] == "profil_modifie"]
    assert ligne["details"] == {"champs": ["nom_usage", "prenom", "telephone_fixe"]}


async def test_the_validator_follows_all_that_is_read_and_nothing_else(service: Service) -> None:
    session = await service.entre(une_demande())
    vues = [(await lire(service, session))[0]]
    # Reading, signing in elsewhere, asking for a change that is not proven: the same account.
    await service.connecte("ines.dupont", MOT_DE_PASSE)
    await service.appeler(session, "POST", "/v1/moi/contacts", {"canal": "email", "valeur": "nouvelle@exemple.fr"})
    assert (await lire(service, session))[0] == vues[0]
    tout = dict.fromkeys(("email", "sms", "lettre_actualite", "alertes"), True)
    for changer in (
        service.appeler(session, "PUT", "/v1/moi/diffusion", tout),
        service.prouver(session, "sms", MOBILE),
        service.prouver(session, "email", "nouvelle@exemple.fr"),
        renommer(service, session, "ines.le-goff"),
        modifier(service, session, {"telephone_fixe": None}),
        publier(service, "2026-11-bis", "Texte neuf."),
        service.appeler(session, "POST", "/v1/moi/acceptations", {"cgu": {"accepte": True, "version": "2026-11-bis"}}),
    ):
        await changer
        vues.append((await lire(service, session))[0])
    assert len(set(vues)) == 8


async def test_a_landline_is_set_replaced_and_removed_without_proof(service: Service) -> None:
    session = await service.entre(une_demande(telephone_fixe=None))
    for saisi, lu in (("01 39 98 01 01", "+33139980101"), ("0262401010", "+262262401010"), (None, None)):
        moi = (await modifier(service, session, {"telephone_fixe": saisi})).json()
        assert next((c["valeur"] for c in moi["contacts"] if c["nature"] == "telephone_fixe"), None) == lu
    # What is not named stays.
    await modifier(service, session, {"telephone_fixe": "0139980101"})
    moi = (await modifier(service, session, {"langue": "en"})).json()
    assert [c["nature"] for c in moi["contacts"]] == ["email", "telephone_fixe", "telephone_mobile"]


async def test_the_language_chosen_is_that_of_the_messages(service: Service) -> None:
    session = await service.entre(une_demande())
    assert (await modifier(service, session, {"langue": "en"})).status_code == 200
    await changer_mot_de_passe(service, session, MOT_DE_PASSE, NEUF)
    assert (await service.messages(EMAIL))[0].objet == "Your Comptoir password was changed"


async def test_another_password_ends_the_other_sessions_and_what_was_pending_and_is_told(service: Service) -> None:
    inscription = await service.actif(une_demande())
    ici, ailleurs = [await service.connecte("ines.dupont", MOT_DE_PASSE) for _ in range(2)]
    demande = {"canal": "email", "valeur": "nouvelle@exemple.fr"}
    contact = (await service.appeler(ailleurs, "POST", "/v1/moi/contacts", demande)).json()
    code = await service.code("nouvelle@exemple.fr")
    await service.recuperer("ines.dupont")
    lien = await service.lien(EMAIL, "mot-de-passe")

    reponse = await changer_mot_de_passe(service, ici, MOT_DE_PASSE, NEUF)
    assert (reponse.status_code, reponse.content) == (204, b"")
    assert refus(await service.appeler(ailleurs, "GET", "/v1/moi")) == (401, "session_finie")
    assert refus(await service.rafraichir(ailleurs["jeton_rafraichissement"])) == (401, "session_finie")
    assert (await service.rafraichir(ici["jeton_rafraichissement"])).status_code == 200
    essai = await service.appeler(ici, "POST", f"/v1/moi/contacts/{contact['id']}/essais", {"code": code})
    assert refus(essai) == (409, "activation_remplacee")
    assert refus(await service.reinitialiser(NEUF, jeton=lien)) == (422, "recuperation_refusee")
    echange = f"/v1/inscriptions/{inscription['id']}/session"
    secret = {"jeton_acces": inscription["secret"]}
    assert refus(await service.appeler(secret, "POST", echange, {})) == (409, "session_deja_remise")
    assert (await service.messages(EMAIL))[0].objet == "Votre mot de passe Comptoir a été changé"
    assert (await service.connecter("ines.dupont", MOT_DE_PASSE)).status_code == 401
    assert (await service.connecter("ines.dupont", NEUF)).status_code == 201


async def test_the_same_password_again_is_no_change(service: Service) -> None:
    session = await service.entre(une_demande())
    autre = await service.connecte("ines.dupont", MOT_DE_PASSE)
    empreinte, messages = await service.sql.fetchval("select empreinte_mdp from comptes"), len(await service.messages())
    assert (await changer_mot_de_passe(service, session, MOT_DE_PASSE, MOT_DE_PASSE)).status_code == 204
    assert refus(await changer_mot_de_passe(service, session, NEUF, NEUF)) == (401, "mot_de_passe_incorrect")
    assert (await service.appeler(autre, "GET", "/v1/moi")).status_code == 200
    assert await service.sql.fetchval("select empreinte_mdp from comptes") == empreinte
    assert len(await service.messages()) == messages
    assert "mot_de_passe_change" not in [n["nature"] for n in (await fil(service, session))["activites"]]


async def test_the_new_password_is_judged_and_the_current_one_must_be_right(service: Service) -> None:
    session = await service.entre(une_demande())
    for faible in ("Bonjour1", "Ines.Dupont75", "Ines@Exemple.fr1"):
        fautes = champs_fautifs(await changer_mot_de_passe(service, session, MOT_DE_PASSE, faible))
        assert fautes == {"/mot_de_passe": "mot_de_passe_niveau"}
    for faux in ("", MOT_DE_PASSE + " ", MOT_DE_PASSE.lower(), NEUF):
        assert refus(await changer_mot_de_passe(service, session, faux, NEUF)) == (401, "mot_de_passe_incorrect")
    assert (await service.connecter("ines.dupont", MOT_DE_PASSE)).status_code == 201


async def test_of_two_changes_at_once_one_is_made_and_the_other_had_the_former_password(service: Service) -> None:
    session = await service.entre(une_demande())
    choisis = [NEUF, "Galet!41brume"]
    reponses = await asyncio.gather(*(changer_mot_de_passe(service, session, MOT_DE_PASSE, c) for c in choisis))
    assert sorted(r.status_code for r in reponses) == [204, 401]
    gagnant = choisis[[r.status_code for r in reponses].index(204)]
    assert [(await service.connecter("ines.dupont", c)).status_code == 201 for c in choisis] == [c == gagnant for c in choisis]


async def test_the_current_password_is_not_guessed_from_a_session_and_nobody_else_is_kept_out(service_limite: Service) -> None:
    service = service_limite
    session = await service.entre(une_demande())
    ailleurs = await service.connecte("ines.dupont", MOT_DE_PASSE)
    # What nobody judged is not counted.
    with service.sature():
        for _ in range(6):
            assert refus(await changer_mot_de_passe(service, session, MOT_DE_PASSE, NEUF)) == (503, "service_sature")
    # Counted together, whichever call asks for it.
    for n, methode, chemin, corps in (
        (1, "PUT", "/v1/moi/mot-de-passe", {"mot_de_passe_actuel": "faux", "mot_de_passe": NEUF}),
        (2, "PUT", "/v1/moi/identifiant", {"mot_de_passe": "faux", "identifiant": "ines.le-goff"}),
        (3, "POST", "/v1/sessions/courante/reauthentification", {"mot_de_passe": "faux"}),
        (4, "POST", "/v1/moi/effacement", {"mot_de_passe": "faux"}),
        (5, "POST", "/v1/moi/contacts", {"mot_de_passe": "faux", "canal": "email", "valeur": "nouvelle@exemple.fr"}),
    ):
        assert refus(await service.appeler(session, methode, chemin, corps)) == (401, "mot_de_passe_incorrect"), n
    freine = await changer_mot_de_passe(service, session, MOT_DE_PASSE, NEUF)
    assert refus(freine) == (429, "trop_de_demandes")
    assert int(freine.headers["retry-after"]) <= 61
    # The account's other sessions, and its sign-ins, are not held back.
    assert (await changer_mot_de_passe(service, ailleurs, MOT_DE_PASSE, NEUF)).status_code == 204
    assert (await service.connecter("ines.dupont", NEUF)).status_code == 201


async def test_another_identifiant_is_the_only_one_that_signs_in_and_is_told(service: Service) -> None:
    session = await service.entre(une_demande())
    reponse = await renommer(service, session, "Ines.Le-Goff")
    assert (reponse.status_code, reponse.json()) == (200, {"identifiant": "ines.le-goff"})
    assert (await service.moi(session))["identifiant"] == "ines.le-goff"
    message = (await service.messages(EMAIL))[0]
    assert "Votre identifiant Comptoir a été changé" in message.objet
    assert "ines.le-goff" in message.texte
    assert (await service.connecter("ines.dupont", MOT_DE_PASSE)).status_code == 401
    assert (await service.connecter("INES.LE-GOFF", MOT_DE_PASSE)).status_code == 201
    # One's own again, however it is written, is no change: nobody is told.
    avant = len(await service.messages(EMAIL))
    assert (await renommer(service, session, "INES.le-goff")).status_code == 200
    assert len(await service.messages(EMAIL)) == avant


async def test_a_taken_reserved_or_malformed_identifiant_is_refused_and_so_is_a_wrong_password(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.inscrit(une_demande(identifiant="deja.prise"))
    prise = await renommer(service, session, "Deja.Prise")
    assert refus(prise) == (409, "identifiant_indisponible")
    for libre in prise.json()["suggestions"]:
        assert (await service.http.get(f"/v1/identifiants/{libre}")).json()["disponible"] is True
    assert prise.json()["suggestions"]
    for refuse, code in (
        ("admin", "identifiant_reserve"),
        ("0612345678", "identifiant_invalide"),
        (EMAIL, "identifiant_invalide"),
    ):
        assert champs_fautifs(await renommer(service, session, refuse)) == {"/identifiant": code}
    # A wrong password learns nothing of what is taken.
    for nom in ("deja.prise", "ines.libre"):
        assert refus(await renommer(service, session, nom, "faux")) == (401, "mot_de_passe_incorrect")
    assert (await service.moi(session))["identifiant"] == "ines.dupont"


async def test_the_former_identifiant_is_kept_from_everybody_but_oneself(service: Service) -> None:
    session = await service.entre(une_demande())
    autre = await service.entre(une_demande(identifiant="une.autre"))
    await renommer(service, session, "ines.le-goff")
    assert refus(await service.inscrire(une_demande(identifiant="ines.dupont"))) == (409, "identifiant_indisponible")
    assert refus(await renommer(service, autre, "ines.dupont")) == (409, "identifiant_indisponible")
    assert (await service.http.get("/v1/identifiants/ines.dupont")).json()["disponible"] is False
    assert (await service.inscrit(une_demande()))["identifiant"] == "ines.dupont2"
    # Taken again by oneself, it is the other that is kept.
    assert (await renommer(service, session, "ines.dupont")).status_code == 200
    assert refus(await renommer(service, autre, "ines.le-goff")) == (409, "identifiant_indisponible")
    assert (await renommer(service, session, "ines.le-goff")).status_code == 200


async def test_of_many_that_want_one_identifiant_one_gets_it(service: Service) -> None:
    sessions = [await service.entre(une_demande(identifiant=f"ines.numero{n}")) for n in range(4)]
    reponses = await asyncio.gather(
        *(renommer(service, s, "ines.voulu") for s in sessions),
        *(service.inscrire(une_demande(identifiant="ines.voulu")) for _ in range(4)),
    )
    assert sorted(r.status_code for r in reponses if r.status_code < 300) in ([200], [201])
    assert {refus(r) for r in reponses if r.status_code >= 300} == {(409, "identifiant_indisponible")}
    assert await service.sql.fetchval("select count(*) from comptes where identifiant = 'ines.voulu'") == 1


async def test_what_keeps_a_name_or_sends_a_message_is_done_so_often_and_no_more(service_limite: Service) -> None:
    session = await service_limite.entre(une_demande())
    noms = [(await renommer(service_limite, session, f"ines.numero{n}")).status_code for n in range(4)]
    assert noms == [200] * 3 + [429]
    mots = [MOT_DE_PASSE, *(f"{NEUF}{n}" for n in range(6))]
    changes = [(await changer_mot_de_passe(service_limite, session, a, b)).status_code for a, b in pairwise(mots)]
    assert changes == [204] * 5 + [429]
    # What was refused was not done.
    assert (await service_limite.connecter("ines.numero2", mots[5])).status_code == 201


@pytest.mark.parametrize(("nom", "premieres"), [("yann.dupont", [409] * 38), ("ines.libre{}", [200] * 3 + [429] * 35)])
async def test_whatever_is_told_of_a_name_is_counted_with_the_sign_ups_of_the_address(
    service_limite: Service, nom: str, premieres: list[int]
) -> None:
    await service_limite.arreter_horloge(datetime.now(UTC))
    session = await service_limite.entre(une_demande())
    await service_limite.inscrit(une_demande(identifiant="yann.dupont"))
    assert [(await renommer(service_limite, session, nom.format(n))).status_code for n in range(38)] == premieres
    reste = await renommer(service_limite, session, "ines.autre")
    assert (refus(reste), reste.headers["retry-after"]) == ((429, "trop_de_demandes"), "300")
    # One's own tells nothing, and is not counted.
    assert (await renommer(service_limite, session, (await service_limite.moi(session))["identifiant"])).status_code == 200


async def test_what_adds_to_a_kept_history_is_done_so_often_and_no_more(service_limite: Service) -> None:
    session = await service_limite.entre(une_demande())
    await service_limite.arreter_horloge(datetime.now(UTC))
    profils = [(await modifier(service_limite, session, {"langue": ("en", "fr")[n % 2]})).status_code for n in range(31)]
    assert profils == [200] * 30 + [429]
    # What changes nothing is neither kept nor counted.
    assert (await modifier(service_limite, session, {"langue": "fr"})).status_code == 200
    assert (await service_limite.moi(session))["langue"] == "fr"


async def fil(service: Service, session: Corps, suite: str = "", **entetes: str) -> Corps:
    reponse = await service.appeler(session, "GET", f"/v1/moi/activites{suite}", None, **entetes)
    assert reponse.status_code == 200, reponse.text
    corps: Corps = reponse.json()
    return corps


async def test_the_feed_tells_a_whole_life_newest_first(service: Service) -> None:
    session = await service.entre(une_demande())
    await modifier_profil(service, session, prenom="Ines")
    await renommer(service, session, "ines.le-goff")
    await changer_mot_de_passe(service, session, MOT_DE_PASSE, NEUF)
    await service.prouver(session, "email", "nouvelle@exemple.fr")
    await service.appeler(
        session, "PUT", "/v1/moi/diffusion", dict.fromkeys(("email", "sms", "lettre_actualite", "alertes"), True)
    )
    await publier(service, "2026-11-bis", "Texte neuf.")
    await service.appeler(session, "POST", "/v1/moi/acceptations", {"cgu": {"accepte": True, "version": "2026-11-bis"}})
    await service.appeler(session, "GET", "/v1/moi/export")
    await service.http.post("/v1/annulations", json={"jeton": await service.lien(EMAIL, "annulation")})
    await service.reinitialiser(MOT_DE_PASSE, jeton=await service.lien(EMAIL, "mot-de-passe"))
    session = await service.connecte("ines.le-goff", MOT_DE_PASSE)
    await service.appeler(session, "DELETE", "/v1/sessions/courante")
    session = await service.connecte("ines.le-goff", MOT_DE_PASSE)
    await service.appeler(session, "POST", "/v1/moi/effacement", {})
    await service.http.post("/v1/annulations", json={"jeton": await service.lien(EMAIL, "annulation")})
    session = await service.connecte("ines.le-goff", MOT_DE_PASSE)
    await service.appeler(session, "DELETE", "/v1/sessions")
    session = await service.connecte("ines.le-goff", MOT_DE_PASSE)

    lignes = (await fil(service, session, "?limite=100"))["activites"]
    assert [ligne["nature"] for ligne in reversed(lignes)] == [
        "compte_cree", "compte_active", "connexion", "profil_modifie", "identifiant_change", "mot_de_passe_change",
        "contact_demande", "contact_change", "diffusion_modifiee", "documents_acceptes", "export", "contact_retabli",
        "mot_de_passe_reinitialise", "connexion", "deconnexion", "connexion", "effacement_demande", "effacement_annule",
        "connexion", "sessions_fermees", "connexion",
    ]  # fmt: skip
    instants = [datetime.fromisoformat(ligne["fait_le"]) for ligne in lignes]
    assert instants == sorted(instants, reverse=True)
    # Destinations as one recognises one's own; nothing else of them, nor of any secret.
    contact = next(ligne for ligne in lignes if ligne["nature"] == "contact_change")
    assert contact["details"] == {"canal": "email", "destination": "n•••@exemple.fr"}
    assert not [secret for secret in (EMAIL, "nouvelle@", MOBILE, MOT_DE_PASSE, NEUF) if secret in str(lignes)]


async def test_the_feed_says_which_fields_were_changed(service: Service) -> None:
    session = await service.entre(une_demande())
    profil = {"type": "citoyen", "prenom": "Inès", "nom_usage": "Martin"}
    await modifier(service, session, {"profil": profil, "langue": "en", "telephone_fixe": None})
    ligne = (await fil(service, session))["activites"][0]
    assert ligne["details"] == {"champs": ["nom_usage", "telephone_fixe", "langue"]}


async def test_a_line_is_found_by_the_reference_that_a_person_quotes(service: Service) -> None:
    session = await service.entre(une_demande())
    lignes = (await fil(service, session))["activites"]
    for ligne in lignes:
        for ecrite in (ligne["reference"], ligne["reference"].lower()):
            reponse = await service.appeler(session, "GET", f"/v1/moi/activites/{ecrite}")
            assert (reponse.status_code, reponse.json()) == (200, ligne)
    reference: str = lignes[0]["reference"]
    typos = [reference[:-1], reference + "A", reference[:3] + reference[4] + reference[3] + reference[5:], "x", "é" * 11]
    typos += [f"{reference[:n]}{(int(reference[n]) + 1) % 10}{reference[n + 1 :]}" for n in range(1, 10)]
    for typo in typos:
        if typo != reference:
            assert refus(await service.appeler(session, "GET", f"/v1/moi/activites/{typo}")) == (422, "reference_malformee")
    # Somebody else's, and one that is well formed and nobody's.
    autre = await service.entre(une_demande(identifiant="une.autre"))
    for inconnue in (reference, "M547361765G"):
        assert refus(await service.appeler(autre, "GET", f"/v1/moi/activites/{inconnue}")) == (404, "activite_inconnue")


async def test_pages_of_the_feed_hold_every_line_once_while_others_are_added(service: Service) -> None:
    session = await service.entre(une_demande())
    for n in range(7):
        await modifier(service, session, {"langue": ("en", "fr")[n % 2]})
    attendues = [ligne["reference"] for ligne in (await fil(service, session, "?limite=100"))["activites"]]
    lues: list[str] = []
    suite = "?limite=3"
    while suite:
        page = await fil(service, session, suite)
        lues += [ligne["reference"] for ligne in page["activites"]]
        suite = f"?limite=3&apres={page['suivant']}" if page["suivant"] else ""
        await modifier_profil(service, session, prenom=f"Inès {'I' * (1 + len(lues))}")
    assert lues == attendues
    # Exactly as many as a page holds: no empty page after it.
    assert (await fil(service, session, f"?limite=2&apres={attendues[-3]}"))["suivant"] is None


async def test_a_page_that_makes_no_sense_is_refused(service: Service) -> None:
    session = await service.entre(une_demande())
    for suite in ("?limite=0", "?limite=101", "?limite=-1", "?limite=x", "?limite=1.5", "?apres=" + "x" * 17):
        assert refus(await service.appeler(session, "GET", f"/v1/moi/activites{suite}")) == (400, "requete_invalide"), suite
    assert refus(await service.appeler(session, "GET", "/v1/moi/activites?apres=M547361765H")) == (422, "reference_malformee")
    assert len((await fil(service, session, "?limite=1"))["activites"]) == 1
    assert (await fil(service, session, "?limite=100"))["suivant"] is None


async def test_titles_are_in_the_reader_s_language(service: Service) -> None:
    session = await service.entre(une_demande())
    titres = {}
    for langue in ("fr", "en"):
        lignes = (await fil(service, session, **{"Accept-Language": langue}))["activites"]
        titres[langue] = [ligne["titre"] for ligne in lignes]
        une = await service.appeler(
            session, "GET", f"/v1/moi/activites/{lignes[0]['reference']}", None, **{"Accept-Language": langue}
        )
        assert une.json()["titre"] == lignes[0]["titre"]
    assert titres["fr"] == ["Connexion", "Votre compte a été activé", "Votre compte personnel a été créé avec succès"]
    assert titres["en"] == ["Sign-in", "Your account has been activated", "Your personal account has been created"]


async def test_the_account_is_read_by_a_live_session_alone(service: Service) -> None:
    session = await service.entre(une_demande())
    await service.avancer(timedelta(minutes=11))
    assert refus(await service.appeler(session, "GET", "/v1/moi")) == (401, "jeton_invalide")
    for chemin in ("/v1/moi", "/v1/moi/activites", "/v1/moi/consentements", "/v1/moi/export"):
        assert refus(await service.http.get(chemin)) == (401, "jeton_invalide")
