"""ProConnect beside FranceConnect, never mixed with it; the way out of both; what is kept of passages, encrypted and brief."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any

import httpx
import pytest
from msgspec import json, structs

from app.composition import conserver
from app.settings import Settings
from app.simulateur.regles import PROCONNECT
from tests.builders import (
    Corps,
    altere,
    demande_federee,
    modifie,
    un_representant,
    une_association,
    une_demande,
    une_entreprise,
)
from tests.service import RETOUR, Service, porteur, refus
from tests.simulation import Page, ouvrir, parcourir

PRO, EMAIL = "user@yopmail.com", "user@yopmail.com"
SIRET, RAISON = "83832482000011", "Entreprise d'essai"
DECLARE = {"source": "proconnect", "verifie": False, "verrouille": False}
EMETTEURS = {"franceconnect": "http://localhost:8001/api/v2", "proconnect": "http://localhost:8001/proconnect/api/v2"}
LOGINS = {"franceconnect": "test", "proconnect": PRO}
DECONNEXION = "/v1/franceconnect/deconnexions"


def une_entreprise_federee(prerempli: Corps, **changes: Any) -> Corps:
    """What ProConnect fills in, the rest typed."""
    connu = prerempli["profil"]
    dit = connu | {"raison_sociale": prerempli["organisation"], "representant": un_representant(**connu["representant"])}
    profil = une_entreprise(**dit | changes)
    return demande_federee(prerempli, profil=profil)


async def entreprise(service: Service, login: str = PRO, **autres: Any) -> Corps:
    """Signed up by ProConnect, activated; the session that ProConnect opens."""
    await service.actif(une_entreprise_federee(await service.prerempli(login, "proconnect", **autres)))
    return await entre_par(service, "proconnect", login, **autres)


async def entre_par(service: Service, fournisseur: str, login: str | None = None, **autres: Any) -> Corps:
    session: Corps = (await service.passer("connexion", login or LOGINS[fournisseur], fournisseur, **autres))["session"]
    return session


# ProConnect


async def test_proconnect_fills_in_an_organisation_s_sign_up_as_a_declaration(federe: Service) -> None:
    prerempli = await federe.prerempli(PRO, "proconnect")
    assert prerempli["profil"] == {
        "representant": {"prenom": "Ulla", "nom": "MOREAU"}, "siret": SIRET
    }  # fmt: skip
    # Its name is one field or another, by the profile that is chosen.
    assert prerempli["organisation"] == RAISON
    dits = ("representant", "siret", "raison_sociale", "denomination")
    assert prerempli["provenances"] == {f"/profil/{nom}": DECLARE for nom in dits}
    assert (prerempli["fournisseur"], prerempli["email"]) == ("proconnect", EMAIL)


async def test_nothing_that_proconnect_says_is_verified_or_binds_the_organisation(federe: Service) -> None:
    moi = await federe.moi(await entreprise(federe))
    assert (moi["profil"]["siret"], moi["mot_de_passe_defini"], moi["identifiant"]) == (SIRET, False, "ulla.moreau")
    sources = {nom.removeprefix("/profil/"): p["source"] for nom, p in moi["provenances"].items()}
    assert {nom for nom, source in sources.items() if source == "proconnect"} == {
        "siret", "raison_sociale", "representant"
    }  # fmt: skip
    assert not [p for p in moi["provenances"].values() if p["verifie"] or p["verrouille"]]
    [identite] = moi["identites"]
    recues = PROCONNECT.personnes[PRO].revendications
    attendues = {"given_name", "usual_name", "email", "uid", "siret", "organization_label"}
    assert identite["fournisseur"] == "proconnect"
    assert identite["revendications"] == {nom: recues[nom] for nom in attendues}


async def test_what_proconnect_proposes_may_be_corrected_at_sign_up_and_after(federe: Service) -> None:
    demande = une_entreprise_federee(await federe.prerempli(PRO, "proconnect"), siret="73282932000074")
    await federe.actif(demande)
    session = await entre_par(federe, "proconnect")
    provenances = (await federe.moi(session))["provenances"]
    assert (provenances["/profil/siret"]["source"], provenances["/profil/raison_sociale"]) == ("declaration", DECLARE)
    corps = {"profil": {"type": "entreprise", "raison_sociale": "Autre"}}
    moi = (await federe.appeler(session, "PATCH", "/v1/moi", corps, **{"If-Match": "*"})).json()
    assert moi["provenances"]["/profil/raison_sociale"]["source"] == "declaration"


async def test_what_proconnect_does_not_say_of_a_representative_changes_without_the_rest_losing_its_source(
    federe: Service,
) -> None:
    session = await entreprise(federe)
    representant = (await federe.moi(session))["profil"]["representant"]
    for change, source in (({"fonction": "Gérante"}, "proconnect"), ({"nom": "Autre"}, "declaration")):
        corps = {"profil": {"type": "entreprise", "representant": representant | change}}
        moi = (await federe.appeler(session, "PATCH", "/v1/moi", corps, **{"If-Match": "*"})).json()
        assert moi["profil"]["representant"] == representant | change
        assert moi["provenances"]["/profil/representant"]["source"] == source


async def test_an_association_and_a_citizen_sign_up_by_proconnect_with_what_they_typed(federe: Service) -> None:
    for login, profil in (("presidente@yopmail.com", une_association()), (PRO, None)):
        demande = demande_federee(await federe.prerempli(login, "proconnect"))
        demande = modifie(demande, "/profil", profil or une_demande()["profil"])
        await federe.actif(demande)
        moi = await federe.moi(await entre_par(federe, "proconnect", login))
        assert {p["source"] for p in moi["provenances"].values()} == {"declaration"}


async def test_an_association_is_filled_in_too_and_what_one_changes_of_its_person_is_a_declaration(federe: Service) -> None:
    for prenom, sources in (("Ulla", {"denomination", "siret", "representant"}), ("Ursule", {"denomination", "siret"})):
        prerempli = await federe.prerempli(PRO, "proconnect")
        connu = prerempli["profil"]
        profil = une_association(
            denomination=prerempli["organisation"],
            siret=connu["siret"],
            representant=un_representant(**connu["representant"] | {"prenom": prenom}),
        )
        inscription = await federe.actif(demande_federee(prerempli, profil=profil))
        moi = await federe.moi(await entre_par(federe, "proconnect"))
        assert {nom.removeprefix("/profil/") for nom, p in moi["provenances"].items() if p["source"] == "proconnect"} == sources
        await federe.sql.execute("select effacer_compte($1::uuid, '1 day')", inscription["id"])


async def test_two_people_of_one_organisation_are_two_accounts(federe: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    personne = PROCONNECT.personnes["test@fia1.fr"]
    revendications = personne.revendications | {"siret": SIRET, "organization_label": RAISON, "email": EMAIL}
    monkeypatch.setitem(PROCONNECT.personnes, "test@fia1.fr", structs.replace(personne, revendications=revendications))
    premiere = await federe.moi(await entreprise(federe))
    assert (await federe.passer("connexion", "test@fia1.fr", "proconnect"))["type"] == "inscription"
    assert (await federe.moi(await entreprise(federe, "test@fia1.fr")))["id"] != premiere["id"]


async def test_through_another_identity_provider_proconnect_knows_somebody_else_until_attached(federe: Service) -> None:
    session = await entreprise(federe)
    moi = await federe.moi(session)
    assert (await federe.passer("connexion", PRO, "proconnect", idp="proconnect-identite"))["type"] == "inscription"
    resultat = await federe.passer("rattachement", PRO, "proconnect", idp="proconnect-identite", session=session)
    assert resultat == {"type": "rattachement", "deja_rattachee": False}
    assert (await federe.moi(await entre_par(federe, "proconnect", idp="proconnect-identite")))["id"] == moi["id"]
    assert (await federe.moi(session))["profil"] == moi["profil"]


@pytest.mark.parametrize("fournisseur", ["franceconnect", "proconnect"])
async def test_the_same_sub_at_the_other_issuer_is_somebody_else(federe: Service, fournisseur: str) -> None:
    [autre] = EMETTEURS.keys() - {fournisseur}
    session = await (federe.adherer() if fournisseur == "franceconnect" else entreprise(federe))
    await federe.sql.execute("update identites_federees set emetteur = $1, fournisseur = $2", EMETTEURS[autre], autre)
    resultat = await federe.passer("connexion", LOGINS[fournisseur], fournisseur)
    assert resultat["type"] != "session"
    resultat = await federe.passer("rattachement", LOGINS[fournisseur], fournisseur, session=session)
    assert resultat == {"type": "rattachement", "deja_rattachee": False}
    lignes = await federe.sql.fetch("select emetteur, sub from identites_federees")
    assert (len(lignes), len({ligne["sub"] for ligne in lignes})) == (2, 1)


async def test_the_two_providers_never_answer_for_each_other(federe: Service) -> None:
    for fournisseur, autre in (("franceconnect", "proconnect"), ("proconnect", "franceconnect")):
        sien = httpx.URL(await federe.chez_le_fournisseur("connexion", LOGINS[autre], autre))
        mien = httpx.URL(await federe.chez_le_fournisseur("connexion", LOGINS[fournisseur], fournisseur))
        # As it is; then with the right issuer's name on it: the code is not that issuer's.
        avec_iss = sien.copy_set_param("state", mien.params["state"])
        assert await federe.revenir(str(avec_iss)) == {"erreur": "refuse"}
        mien = httpx.URL(await federe.chez_le_fournisseur("connexion", LOGINS[fournisseur], fournisseur))
        maquille = sien.copy_merge_params({"state": mien.params["state"], "iss": EMETTEURS[fournisseur]})
        assert await federe.revenir(str(maquille)) == {"erreur": "refuse"}
    assert await federe.compter("sessions") == 0


async def test_each_provider_is_detached_by_itself_and_the_last_way_in_stays(federe: Service) -> None:
    session = await federe.adherer()
    await federe.passer("rattachement", PRO, "proconnect", session=session)
    assert (await federe.appeler(session, "DELETE", "/v1/moi/franceconnect?fournisseur=proconnect")).status_code == 204
    assert [i["fournisseur"] for i in (await federe.moi(session))["identites"]] == ["franceconnect"]
    assert refus(await federe.appeler(session, "DELETE", "/v1/moi/franceconnect")) == (409, "dernier_moyen_de_connexion")
    assert (await federe.passer("connexion", PRO, "proconnect"))["type"] == "inscription"
    assert refus(await federe.appeler(session, "DELETE", "/v1/moi/franceconnect?fournisseur=google"))[0] == 400


async def test_an_identity_is_detached_by_its_id_and_only_as_its_own_provider_s(federe: Service) -> None:
    session = await federe.adherer()
    await federe.passer("rattachement", PRO, "proconnect", session=session)
    ids = {i["fournisseur"]: i["id"] for i in (await federe.moi(session))["identites"]}
    for fournisseur, autre in (("franceconnect", "proconnect"), ("proconnect", "franceconnect")):
        chemin = f"/v1/moi/franceconnect?fournisseur={fournisseur}&identite={ids[autre]}"
        assert refus(await federe.appeler(session, "DELETE", chemin)) == (404, "identite_non_rattachee")
    assert (await federe.appeler(session, "DELETE", f"/v1/moi/franceconnect?identite={ids['proconnect']}")).status_code == 204
    assert [i["fournisseur"] for i in (await federe.moi(session))["identites"]] == ["franceconnect"]


async def test_a_provider_that_is_not_configured_is_told_as_such(settings: Settings) -> None:
    async with Service(structs.replace(settings, simulator="off")) as service:
        for fournisseur in EMETTEURS:
            assert refus(await service.autoriser(fournisseur=fournisseur)) == (404, "fournisseur_inactif")
        assert (await service.http.get("/v1/franceconnect/retour")).status_code == 404


# Signing out of the provider too


@pytest.mark.parametrize("fournisseur", ["franceconnect", "proconnect"])
async def test_signing_out_ends_the_session_here_and_tells_where_to_end_the_provider_s(
    federe: Service, fournisseur: str
) -> None:
    autre = await (federe.adherer() if fournisseur == "franceconnect" else entreprise(federe))
    async with federe.reseau.navigateur() as navigateur:

        async def partir() -> str:
            return str((await federe.autoriser(fournisseur=fournisseur)).json()["url"])

        rappel = await parcourir(navigateur, await partir(), LOGINS[fournisseur])
        session = (await federe.echanger((await federe.revenir(rappel))["code"])).json()["session"]
        # The provider's own session: no identity provider is asked for again.
        vue = await ouvrir(navigateur, await partir())
        assert isinstance(vue, Page)
        assert "choix" not in vue.formulaires

        url = httpx.URL((await federe.appeler(session, "POST", DECONNEXION, {"retour": RETOUR})).json()["url"])
        assert str(url.copy_with(query=None)) == f"{EMETTEURS[fournisseur]}/session/end"
        assert (url.params["post_logout_redirect_uri"], len(url.params["state"])) == (RETOUR, 64)
        indice = json.decode(urlsafe_b64decode(url.params["id_token_hint"].split(".")[1] + "=="))
        assert indice["iss"] == EMETTEURS[fournisseur]
        assert (await ouvrir(navigateur, str(url))) == f"{RETOUR}?state={url.params['state']}"
        vue = await ouvrir(navigateur, await partir())
        assert isinstance(vue, Page)
        assert "choix" in vue.formulaires

    assert refus(await federe.appeler(session, "GET", "/v1/moi")) == (401, "session_finie")
    assert refus(await federe.rafraichir(session["jeton_rafraichissement"])) == (401, "session_finie")
    assert refus(await federe.appeler(session, "POST", DECONNEXION, {"retour": RETOUR})) == (401, "session_finie")
    # The others go on; and the state of this way out is that of no passage.
    fil = (await federe.appeler(autre, "GET", "/v1/moi/activites")).json()["activites"]
    assert fil[0]["nature"] == "deconnexion"
    perdu = await federe.http.get("/v1/franceconnect/retour", params={"state": url.params["state"], "code": "x"})
    assert perdu.status_code == 404


async def test_a_session_that_no_provider_opened_has_none_to_end(federe: Service) -> None:
    session = await federe.entre(une_demande())
    reponse = await federe.appeler(session, "POST", DECONNEXION, {"retour": RETOUR})
    assert (reponse.status_code, reponse.json()) == (200, {"url": None, "ensuite": []})
    assert refus(await federe.appeler(session, "GET", "/v1/moi")) == (401, "session_finie")


async def test_a_session_that_went_through_a_provider_to_attach_or_to_sign_up_ends_its_too(federe: Service) -> None:
    inscription = await federe.actif(demande_federee(await federe.prerempli()))
    echange = f"/v1/inscriptions/{inscription['id']}/session"
    inscrite = (await federe.http.post(echange, json={}, headers=porteur(inscription))).json()
    rattachee = await federe.entre(une_demande())
    await federe.passer("rattachement", "nom_composé", session=rattachee)
    for session in (inscrite, rattachee):
        url = (await federe.appeler(session, "POST", DECONNEXION, {"retour": RETOUR})).json()["url"]
        async with federe.reseau.navigateur() as navigateur:
            assert str(await ouvrir(navigateur, url)).startswith(RETOUR)


async def test_an_hour_and_a_refresh_later_the_provider_is_still_signed_out_of(federe: Service) -> None:
    session = await federe.adherer()
    for _ in range(3):
        await federe.avancer(timedelta(minutes=25))
        session = (await federe.rafraichir(session["jeton_rafraichissement"])).json()
    url = (await federe.appeler(session, "POST", DECONNEXION, {"retour": RETOUR})).json()["url"]
    async with federe.reseau.navigateur() as navigateur:
        assert str(await ouvrir(navigateur, url)).startswith(RETOUR)


async def test_one_comes_back_from_signing_out_to_an_address_of_the_list(federe: Service) -> None:
    session = await federe.adherer()
    for retour in (f"{RETOUR}/", "https://pirate.exemple", f"{RETOUR}?a=b", RETOUR.replace("https", "http")):
        refusee = await federe.appeler(session, "POST", DECONNEXION, {"retour": retour})
        assert refus(refusee) == (422, "retour_refuse")
    assert (await federe.appeler(session, "GET", "/v1/moi")).status_code == 200


async def test_signing_out_waits_for_nobody(settings: Settings, federe: Service) -> None:
    session = await federe.adherer()
    # Another process, which has read nothing of the provider yet, and cannot.
    async with Service(settings, simulateur=True) as autre:
        autre.reseau.panne = httpx.ConnectError("x")
        reponse = await autre.appeler(session, "POST", DECONNEXION, {"retour": RETOUR})
    assert (reponse.status_code, reponse.json()) == (200, {"url": None, "ensuite": []})
    assert refus(await federe.appeler(session, "GET", "/v1/moi")) == (401, "session_finie")


async def fermees_chez(service: Service, prete: Corps) -> list[str]:
    """The issuers whose session these addresses end, each visited."""
    adresses = [adresse for adresse in [prete["url"], *prete["ensuite"]] if adresse]
    async with service.reseau.navigateur() as navigateur:
        for adresse in adresses:
            assert str(await ouvrir(navigateur, adresse)).startswith(RETOUR)
    return sorted(adresse.partition("/session/end")[0] for adresse in adresses)


async def test_a_session_that_went_through_both_providers_signs_out_of_both(federe: Service) -> None:
    session = await federe.adherer()
    await federe.passer("rattachement", PRO, "proconnect", session=session)
    prete = (await federe.appeler(session, "POST", DECONNEXION, {"retour": RETOUR})).json()
    assert await fermees_chez(federe, prete) == sorted(EMETTEURS.values())


async def test_a_refused_attaching_leaves_the_provider_to_be_signed_out_of(federe: Service) -> None:
    await federe.adherer()
    session = await federe.entre(une_demande())
    assert refus(await federe.tenter("rattachement", session=session)) == (409, "identite_deja_rattachee")
    prete = (await federe.appeler(session, "POST", DECONNEXION, {"retour": RETOUR})).json()
    assert await fermees_chez(federe, prete) == [EMETTEURS["franceconnect"]]


async def test_an_abandoned_sign_up_signs_out_of_the_provider_without_a_session(federe: Service) -> None:
    prerempli = await federe.prerempli()
    corps = {"retour": RETOUR, "jeton_identite": prerempli["jeton_identite"]}
    for faux in (corps | {"jeton_identite": "x" * 43}, corps | {"jeton_identite": altere(corps["jeton_identite"])}):
        assert refus(await federe.http.post(DECONNEXION, json=faux)) == (422, "jeton_identite_invalide")
    assert refus(await federe.http.post(DECONNEXION, json={"retour": RETOUR})) == (401, "jeton_invalide")
    assert refus(await federe.http.post(DECONNEXION, json=corps | {"retour": "https://ailleurs"})) == (422, "retour_refuse")
    for _ in range(2):
        reponse = await federe.http.post(DECONNEXION, json=corps)
        assert reponse.status_code == 200
        assert await fermees_chez(federe, reponse.json()) == [EMETTEURS["franceconnect"]]
    # The key that sealed what it brings may be gone before the one that signed it.
    autre = await federe.prerempli()
    await federe.sql.execute("update passages set identite = 'x' where identite is not null")
    reponse = await federe.http.post(DECONNEXION, json=corps | {"jeton_identite": autre["jeton_identite"]})
    assert refus(reponse) == (422, "jeton_identite_invalide")
    # Whoever finds the token on that computer signs nobody up with it.
    assert refus(await federe.inscrire(demande_federee(prerempli))) == (422, "jeton_identite_invalide")
    # Posted, and not activated yet: abandoned all the same.
    prerempli = await federe.prerempli()
    await federe.inscrit(demande_federee(prerempli))
    corps["jeton_identite"] = prerempli["jeton_identite"]
    assert await fermees_chez(federe, (await federe.http.post(DECONNEXION, json=corps)).json()) == [EMETTEURS["franceconnect"]]
    await federe.avancer(timedelta(minutes=30, seconds=1))
    assert refus(await federe.http.post(DECONNEXION, json=corps)) == (422, "jeton_identite_invalide")


async def test_signing_out_of_the_provider_takes_the_cookie_off_too(federe: Service) -> None:
    session = await federe.adherer()
    entetes = {"Cookie": "__Host-comptoir-session=x"}
    corps = {"retour": RETOUR, "jeton_identite": (await federe.prerempli("homonyme_1"))["jeton_identite"]}
    # That of another session, perhaps, which goes on.
    assert "set-cookie" not in (await federe.http.post(DECONNEXION, json=corps, headers=entetes)).headers
    fermee = await federe.appeler(session, "POST", DECONNEXION, {"retour": RETOUR}, **entetes)
    [cookie] = fermee.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-comptoir-session=")
    assert "max-age=0" in cookie.lower()


# What is kept


async def _colonnes(service: Service, texte: str) -> list[str]:
    """The tables where this text lies in the clear, in a text or in bytes."""
    tables = [ligne["tablename"] for ligne in await service.sql.fetch("select * from pg_tables where schemaname = 'public'")]
    cherche = "select count(*) from {} t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0"
    return [
        table
        for table in tables
        if await service.sql.fetchval(cherche.format(table), texte, texte.encode().hex())  # (names of our own)
    ]


async def test_what_comes_back_lies_in_no_column_in_the_clear(federe: Service) -> None:
    session = await federe.adherer()
    await federe.revenir(await federe.chez_le_fournisseur("inscription", "caractères_spéciaux"))
    url = httpx.URL((await federe.appeler(session, "POST", DECONNEXION, {"retour": RETOUR})).json()["url"])
    indice = url.params["id_token_hint"]
    # It is there: the session had it.
    assert await federe.sql.fetchval("select count(*) from deconnexions") == 1
    for secret in (indice, indice.split(".")[1], indice.split(".")[2]):
        assert await _colonnes(federe, secret) == []
    # Of somebody on their way, nothing; of an account, its identity's claims, for its holder.
    assert await _colonnes(federe, "DUBINÔRE") == []
    assert "identites_federees" in await _colonnes(federe, "DUBOIS")


async def test_retention_forgets_passages_as_soon_as_they_are_over(federe: Service) -> None:
    await federe.autoriser()
    await federe.prerempli()
    await federe.revenir(await federe.chez_le_fournisseur())
    assert (await conserver(federe.settings, simuler=False))["passages_perimes"] == 0
    # What came back is forgotten when its time is over; that there was a passage, an hour later.
    for minutes, gardees, restent in ((1, 1, 3), (29, 0, 3), (31, 0, 2), (29, 0, 1), (5, 0, 0)):
        await federe.avancer(timedelta(minutes=minutes))
        await conserver(federe.settings, simuler=False)
        assert await federe.sql.fetchval("select count(*) from passages where identite is not null") == gardees
        assert await federe.compter("passages") == restent
