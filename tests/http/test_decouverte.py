"""What a front-end learns before signing up: configuration, forms, texts, live checks, and the document of the API itself."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest

from app.http import textes
from app.http.decouverte import LimitesPubliees
from app.http.problemes import STATUTS
from domain import limites
from domain.activation import ENVOIS_MAX, ESSAIS_MAX, LONGUEUR_CODE
from domain.limites import (
    ACCORDS_PAR_COMPTE,
    ACTIONS_PAR_COMPTE,
    CODES_PAR_COMPTE,
    CONNEXIONS_PAR_CLIENT,
    DISPONIBILITE_PAR_CLIENT,
    EMAIL_PAR_ADRESSE,
    EMAIL_PAR_CLIENT,
    INSCRIPTIONS_PAR_CLIENT,
    PASSAGES_PAR_CLIENT,
    RECUPERATIONS_PAR_CLIENT,
    RECUPERATIONS_PAR_SAISIE,
    RESEAUX_IPV6,
    SMS_PAR_CLIENT,
    SMS_PAR_COMPTE,
    SMS_PAR_NUMERO,
    Fenetre,
)
from domain.mot_de_passe import LONGUEUR_MAX, LONGUEUR_MIN
from tests.builders import ABSENT, MOT_DE_PASSE, Corps, modifie, un_citoyen, une_association, une_demande, une_entreprise
from tests.service import Service, champs_fautifs, publier, refus

PROFILS = {"citoyen": un_citoyen, "entreprise": une_entreprise, "association": une_association}
CACHABLES = (
    "/v1/configuration", "/v1/profils", "/v1/profils/citoyen", "/v1/documents-legaux", "/v1/documents-legaux/cgu",
    "/v1/documents-legaux/cgu/versions/2026-11", "/openapi.json",
)  # fmt: skip
TABLES = ("comptes", "contacts", "actes_juridiques", "jetons", "outbox", "idempotence")


# Configuration and texts


DUREES = {60: "minute", 300: "cinq_minutes", 600: "dix_minutes", 900: "quinze_minutes", 3600: "heure", 86_400: "jour"}


def figures(nom: str, fenetres: tuple[Fenetre, ...]) -> dict[str, int]:
    """Each window of a table under its name: `exports_par_heure`."""
    return {f"{nom}_par_{DUREES[f.secondes]}": f.nombre for f in fenetres}


async def test_the_configuration_tells_the_figures_that_the_service_lives_by(service: Service) -> None:
    lue = (await service.http.get("/v1/configuration")).json()
    assert lue["profils"] == list(PROFILS)
    assert lue["langues"] == ["fr", "en"]
    assert lue["documents"] == {"cgu": "2026-11", "rgpd": "2026-11"}
    # In development there are simulated ones.
    assert lue["franceconnect"] == {"actif": True, "proconnect": True}
    assert (
        (lue["mot_de_passe"]["longueur_min"], lue["mot_de_passe"]["longueur_max"]) == (LONGUEUR_MIN, LONGUEUR_MAX) == (8, 128)
    )
    activation = lue["activation"]
    assert activation["canaux"] == ["sms", "email"]
    assert (activation["longueur_code"], activation["essais_max"], activation["envois_max"]) == (
        LONGUEUR_CODE, ESSAIS_MAX, ENVOIS_MAX
    ) == (6, 5, 5)  # fmt: skip
    assert (activation["duree_code_sms"], activation["duree_lien_email"]) == (10 * 60, 24 * 3600)
    assert (activation["delai_renvoi"], activation["duree_inscription"]) == (60, 7 * 86_400)
    assert lue["limites"] == {
        "corps_max_octets": 65_536,
        **figures("disponibilites", DISPONIBILITE_PAR_CLIENT),
        "reseau_ipv6_56": RESEAUX_IPV6[56],
        "reseau_ipv6_48": RESEAUX_IPV6[48],
        **figures("inscriptions", INSCRIPTIONS_PAR_CLIENT),
        **figures("courriels", EMAIL_PAR_CLIENT),
        **figures("sms", SMS_PAR_CLIENT),
        **figures("sms_par_numero", SMS_PAR_NUMERO),
        **figures("sms_par_compte", SMS_PAR_COMPTE),
        **figures("courriels_par_adresse", EMAIL_PAR_ADRESSE),
        **figures("codes_par_compte", CODES_PAR_COMPTE),
        # These two are the database's: see the tests of `freiner`.
        "echecs_de_connexion_sans_attente": 5,
        "echecs_de_connexion_par_compte_par_jour": 25,
        **figures("connexions", CONNEXIONS_PAR_CLIENT),
        **figures("recuperations", RECUPERATIONS_PAR_CLIENT),
        **figures("recuperations_par_saisie", RECUPERATIONS_PAR_SAISIE),
        **figures("passages", PASSAGES_PAR_CLIENT),
        **figures("exports", ACTIONS_PAR_COMPTE["export"]),
        **figures("identifiants_par_compte", ACTIONS_PAR_COMPTE["identifiant"]),
        **figures("mots_de_passe_par_compte", ACTIONS_PAR_COMPTE["mot_de_passe"]),
        **figures("effacements_par_compte", ACTIONS_PAR_COMPTE["effacement"]),
        **figures("modifications_par_compte", ACTIONS_PAR_COMPTE["profil"]),
        **figures("abonnements_par_compte", ACTIONS_PAR_COMPTE["diffusion"]),
        **figures("accords_parentaux_par_compte", ACCORDS_PAR_COMPTE),
        "sessions_par_compte": 100,
    }
    assert lue["sessions"] == {
        "jeton_acces": 600,
        "reprise": 10,
        "reauthentification": 300,
        "ordinaire": {"inactivite": 1800, "absolue": 12 * 3600},
        "rester_connecte": {"inactivite": 12 * 3600, "absolue": 24 * 3600},
        "appareil_partage": {"inactivite": 600, "absolue": 3600},
    }
    forme = re.compile(lue["identifiant"]["motif"])
    for saisie in ("ines.dupont", "a-b_c.d", "abc", "ines..dupont", ".ines", "ines.", "inès", "ines\n"):
        disponible = (await service.http.get(f"/v1/identifiants/{quote(saisie)}")).json()["disponible"]
        assert disponible is bool(forme.fullmatch(saisie)), saisie


def test_no_figure_that_a_caller_can_meet_is_left_untold() -> None:
    tables = {nom: t for nom, t in vars(limites).items() if isinstance(t, tuple)} | ACTIONS_PAR_COMPTE
    fenetres = [f for table in tables.values() for f in table if isinstance(f, Fenetre)]
    # Besides the windows: the size of a body, the networks of IPv6, the two figures of `freiner`, the sessions of an account.
    assert len(LimitesPubliees.__struct_fields__) == len(fenetres) + 6


async def test_a_legal_text_comes_with_the_sha256_of_its_bytes_and_its_version(service: Service) -> None:
    resumes = (await service.http.get("/v1/documents-legaux")).json()
    assert sorted(r["code"] for r in resumes) == ["cgu", "rgpd"]
    for resume in resumes:
        assert "texte" not in resume
        present = (await service.http.get(f"/v1/documents-legaux/{resume['code']}")).json()
        date = (await service.http.get(f"/v1/documents-legaux/{resume['code']}/versions/{resume['version']}")).json()
        assert present == date == resume | {"texte": present["texte"]}
        assert sha256(present["texte"].encode()).hexdigest() == present["sha256"]
        assert present["titre"]
        assert present["en_vigueur_le"] == "2026-11-01"


async def test_a_new_version_is_in_force_on_its_day_and_the_old_one_stays_readable(service: Service) -> None:
    for version, jour in (("2026-12", None), ("2999-01", date(2999, 1, 1))):
        await publier(service, version, "œuvre", jour)
    assert (await service.http.get("/v1/configuration")).json()["documents"]["cgu"] == "2026-12"
    assert (await service.http.get("/v1/documents-legaux/cgu")).json()["version"] == "2026-12"
    assert (await service.http.get("/v1/documents-legaux/cgu/versions/2026-11")).status_code == 200


async def test_what_changes_rarely_is_cached_by_its_etag(service: Service) -> None:
    for chemin in CACHABLES:
        lue = await service.http.get(chemin)
        etiquette = lue.headers["etag"]
        assert lue.headers["cache-control"].startswith("public, max-age="), chemin
        for connue in (etiquette, f"W/{etiquette}", f'"autre", {etiquette}', "*"):
            encore = await service.http.get(chemin, headers={"If-None-Match": connue})
            assert (encore.status_code, encore.content, encore.headers["etag"]) == (304, b"", etiquette), connue
        assert (await service.http.get(chemin, headers={"If-None-Match": '"autre"'})).status_code == 200


# Forms


@pytest.mark.parametrize("profil", PROFILS)
async def test_a_form_takes_what_the_service_takes_and_refuses_what_it_refuses(service: Service, profil: str) -> None:
    schema = (await service.http.get(f"/v1/profils/{profil}")).json()
    jsonschema_rs.meta.validate(schema)
    formulaire = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    demande = une_demande(PROFILS[profil]())
    minimale = {nom: demande[nom] for nom in schema["required"]}
    for corps in (demande, minimale, _d_exemples(schema)):
        assert formulaire.is_valid(corps), [e.message for e in formulaire.iter_errors(corps)]
        assert (await service.http.post("/v1/inscriptions/controles", json=corps)).json() == {"valide": True}
    for pointeur, valeur in _fautes(demande, schema):
        faute = modifie(demande, pointeur, valeur)
        assert not formulaire.is_valid(faute), (pointeur, valeur)
        assert pointeur in champs_fautifs(await service.http.post("/v1/inscriptions/controles", json=faute)), pointeur


def _d_exemples(schema: dict[str, Any], racine: dict[str, Any] | None = None) -> Any:
    """A whole body made of the examples that the form gives."""
    racine = racine or schema
    if "$ref" in schema:
        return _d_exemples(racine["$defs"][schema["$ref"].rpartition("/")[2]], racine)
    if "properties" in schema:
        return {nom: _d_exemples(propriete, racine) for nom, propriete in schema["properties"].items()}
    return schema.get("const", schema["examples"][0] if "examples" in schema else schema.get("default"))


def _fautes(demande: Corps, schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from (("/profil/pirate", 1), ("/pirate", 1), ("/profil/type", "pirate"), ("/activer_par", "pigeon"))
    yield from (("/reglementation/cgu/accepte", False), ("/reglementation/rgpd/accepte", "true"), ("/diffusion/sms", 1))
    yield from ((f"/{nom}", ABSENT) for nom in schema["required"])
    yield from ((f"/{nom}", 7) for nom in ("email", "telephone_fixe", "telephone_mobile", "identifiant", "mot_de_passe"))
    yield from (("/identifiant", "ab"), ("/identifiant", "ines..dupont"), ("/email", "ines"), ("/email", "a" * 250 + "@b.fr"))
    definition = schema["$defs"][demande["profil"]["type"].capitalize()]
    yield from ((f"/profil/{nom}", ABSENT) for nom in definition["required"] if nom != "type")
    for nom, propriete in definition["properties"].items():
        if "maxLength" in propriete:
            yield f"/profil/{nom}", "x" * (propriete["maxLength"] + 1)


@pytest.mark.parametrize("profil", PROFILS)
async def test_every_field_of_a_form_has_its_label_its_rank_and_what_fills_it(service: Service, profil: str) -> None:
    schema = (await service.http.get(f"/v1/profils/{profil}")).json()
    completes = set()
    for objet in (schema, *schema["$defs"].values()):
        assert [p["x-ordre"] for p in objet["properties"].values()] == list(range(1, len(objet["properties"]) + 1))
        for nom, propriete in objet["properties"].items():
            completes.add(propriete.get("x-autocomplete"))
            # The label of a box stands on the document it is about; a tag and a group of fields are no field.
            assert propriete.get("title") or "$ref" in propriete or nom in ("accepte", "type"), nom
    assert {"email", "new-password", "username", "given-name", "family-name", "mobile tel", "home tel"} <= completes
    accords = schema["$defs"]["Reglementation"]["properties"]
    assert "conditions générales" in accords["cgu"]["title"]
    assert "RGPD" in accords["rgpd"]["title"]


async def test_the_profiles_are_listed_with_the_address_of_their_form(service: Service) -> None:
    for resume in (await service.http.get("/v1/profils")).json():
        formulaire = (await service.http.get(resume["schema"])).json()
        assert formulaire["title"].endswith(resume["type"])
        assert formulaire["$defs"].keys() & {p.capitalize() for p in PROFILS} == {resume["libelle"]}


# Live checks


async def test_proposals_are_letter_true_and_free(service: Service) -> None:
    async def proposer(**noms: str) -> dict[str, Any]:
        corps: dict[str, Any] = (await service.http.post("/v1/identifiants/propositions", json=noms)).json()
        return corps

    assert (await proposer(prenom="Lætitia", nom="Sœur"))["identifiant"] == "laetitia.soeur"
    await service.inscrit(une_demande())
    proposees = await proposer(prenom="Inès", nom="Dupont")
    assert proposees["identifiant"] == "ines.dupont2"
    assert 1 <= len(proposees["alternatives"]) <= 3
    for propose in (proposees["identifiant"], *proposees["alternatives"]):
        assert (await service.http.get(f"/v1/identifiants/{propose}")).json()["disponible"] is True
        assert (await service.inscrit(une_demande(identifiant=propose)))["identifiant"] == propose
    # As one types: half a name, or something that is no name yet.
    for noms in ({}, {"prenom": "I"}, {"nom": "Le"}, {"prenom": "", "nom": "   "}, {"prenom": "李"}, {"nom": "1234"}):
        assert (await proposer(**noms))["identifiant"]


async def test_availability_tells_why_not_and_what_instead(service: Service) -> None:
    await service.inscrit(une_demande(identifiant="ines.le-goff"))

    async def lire(saisie: str) -> dict[str, Any]:
        reponse = await service.http.get(f"/v1/identifiants/{saisie}")
        assert (reponse.status_code, reponse.headers["cache-control"]) == (200, "no-store")
        corps: dict[str, Any] = reponse.json()
        return corps

    assert await lire("yann.le-goff") == {"identifiant": "yann.le-goff", "disponible": True}
    assert await lire("Yann.LE-GOFF") == {"identifiant": "yann.le-goff", "disponible": True}
    pris = await lire("INES.le-goff")
    assert (pris["identifiant"], pris["disponible"], pris["motif"]) == ("ines.le-goff", False, "pris")
    assert pris["suggestions"]
    for libre in pris["suggestions"]:
        assert (await lire(libre))["disponible"] is True
    for reserve in ("admin", "ad.min", "a-d-m-i-n", "support", "postmaster", "ministere"):
        assert (await lire(reserve))["motif"] == "reserve", reserve
    for invalide in (
        "ab",
        "x" * 65,
        "a..b",
        ".ab",
        "ab-",
        "inès",
        "ines@exemple.fr",
        "0612345678",
        "a b",
        "a%00b",
        "%ff",
        "ab%0A",
    ):
        assert (await lire(invalide))["motif"] == "invalide", invalide
    # Nothing was reserved by asking.
    assert (await service.inscrit(une_demande(identifiant="yann.le-goff")))["identifiant"] == "yann.le-goff"


async def test_erased_names_look_like_taken_ones(service: Service) -> None:
    inscription = await service.inscrit(une_demande(identifiant="ines.le-goff"))
    pris = (await service.http.get("/v1/identifiants/ines.le-goff")).json()
    await service.sql.execute("update comptes set etat = 'efface', active_le = horloge() where id = $1", inscription["id"])
    assert (await service.http.get("/v1/identifiants/ines.le-goff")).json() == pris


async def test_the_rating_of_a_password_is_the_one_of_the_sign_up(service: Service) -> None:
    async def evaluer(mot_de_passe: str, **contexte: str) -> dict[str, Any]:
        corps = {"mot_de_passe": mot_de_passe} | ({"contexte": contexte} if contexte else {})
        lue: dict[str, Any] = (await service.http.post("/v1/mots-de-passe/evaluations", json=corps)).json()
        return lue

    bon = await evaluer(MOT_DE_PASSE, prenom="Inès", email="ines@exemple.fr")
    assert bon["acceptable"] is True
    assert [r["code"] for r in bon["regles"]] == ["longueur", "majuscule", "minuscule", "chiffre", "niveau"]
    assert all(r["ok"] and r["message"] for r in bon["regles"])
    # It ticks every box, and falls at once.
    bonjour = await evaluer("Bonjour1")
    assert (bonjour["niveau"], bonjour["acceptable"]) == ("faible", False)
    assert {r["code"]: r["ok"] for r in bonjour["regles"]} == {
        "longueur": True, "majuscule": True, "minuscule": True, "chiffre": True, "niveau": False
    }  # fmt: skip
    assert (await evaluer("Vent-d'Ouest 47 marées"))["niveau"] == "fort"
    assert (await evaluer(""))["acceptable"] is False
    for devinable in ("Portail2026!", "Ines.Dupont2000", "Dupont!2000"):
        assert (await evaluer(devinable, prenom="Inès", nom_naissance="Dupont", date_naissance="2000-01-01"))[
            "acceptable"
        ] is False
        refuse = await service.inscrire(une_demande(mot_de_passe=devinable))
        assert champs_fautifs(refuse) == {"/mot_de_passe": "mot_de_passe_niveau"}


async def test_a_check_says_what_signing_up_would_and_writes_nothing(service: Service) -> None:
    await service.inscrit(une_demande(identifiant="ines.le-goff"))
    avant = [await service.compter(table) for table in TABLES]
    demandes = (
        une_demande(activer_par="sms"),
        une_demande(identifiant="ines.le-goff"),
        modifie(une_demande(), "/reglementation/cgu/version", "2025-01"),
        modifie(une_demande(), "/email", "ines"),
    )
    constats = [await service.http.post("/v1/inscriptions/controles", json=demande) for demande in demandes]
    assert [await service.compter(table) for table in TABLES] == avant
    assert await service.messages() == []
    assert constats[0].json() == {"valide": True}
    for demande, constat in zip(demandes[1:], constats[1:], strict=True):
        inscription = await service.inscrire(demande)
        assert refus(constat) == refus(inscription)
        assert {**constat.json(), "instance": "", "request_id": ""} == {**inscription.json(), "instance": "", "request_id": ""}


# The few pages


class _Page(HTMLParser):
    """What a page loads, and its inline blocks."""

    def __init__(self, contenu: str) -> None:
        super().__init__()
        self.adresses: list[str] = []
        self.blocs: dict[str, list[str]] = {"script": [], "style": []}
        self.langue = ""
        self._bloc: list[str] | None = None
        self.feed(contenu)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributs = dict(attrs)
        assert not [nom for nom in attributs if nom.startswith("on") or nom == "style"]
        self.adresses += [v for nom, v in attrs if nom in ("src", "href", "action") and v]
        self.langue = self.langue or (attributs.get("lang") or "" if tag == "html" else "")
        if tag in self.blocs and "src" not in attributs:
            self._bloc = self.blocs[tag]
            self._bloc.append("")

    def handle_data(self, data: str) -> None:
        if self._bloc:
            self._bloc[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag in self.blocs:
            self._bloc = None


def _empreintes(blocs: list[str]) -> set[str]:
    return {f"'sha256-{b64encode(sha256(bloc.encode()).digest()).decode()}'" for bloc in blocs}


def _regles(csp: str) -> dict[str, set[str]]:
    return {nom: set(valeurs) for nom, *valeurs in (regle.split() for regle in csp.split(";"))}


async def test_the_activation_page_is_inert_and_loads_nothing_from_anywhere(service: Service) -> None:
    for langue in ("fr", "en"):
        reponse = await service.http.get("/activation", headers={"Accept-Language": langue})
        page, regles = _Page(reponse.text), _regles(reponse.headers["content-security-policy"])
        assert reponse.headers["content-type"].startswith("text/html")
        assert reponse.headers["cache-control"] == "no-store"
        assert page.langue == langue
        assert page.adresses == []
        assert "⟦" not in reponse.text
        assert not re.search(r"https?://", reponse.text)
        assert [len(blocs) for blocs in page.blocs.values()] == [1, 1]
        assert regles["default-src"] == {"'none'"}
        assert regles["script-src"] == _empreintes(page.blocs["script"])
        assert regles["style-src"] == _empreintes(page.blocs["style"])
        assert regles["connect-src"] == {"'self'"}
        for nom in ("base-uri", "form-action", "frame-ancestors"):
            assert regles[nom] == {"'none'"}


async def test_the_catalogue_has_a_place_for_every_code_to_which_its_type_leads(service: Service) -> None:
    for langue, rang in (("fr", 0), ("en", 1)):
        entetes = {"Accept-Language": langue}
        tout = (await service.http.get("/erreurs", headers=entetes)).text
        assert "⟦" not in tout
        for famille, statut in STATUTS.items():
            seul = await service.http.get(f"/erreurs/{famille.code}", headers=entetes)
            assert _Page(seul.text).langue == langue
            assert f"<title>{('Comptoir : les refus', 'Comptoir: the API')[rang]}" in seul.text
            assert f'<span lang="{langue}">Comptoir' in seul.text
            assert not re.search(r"{\w+}", seul.text.partition("<main>")[2])
            for texte in (tout, seul.text):
                assert f"<code>{famille.code}</code> · {statut}" in texte
                assert textes.titre(famille.code, "en" if rang else "fr").replace("'", "&#x27;") in texte


async def test_the_api_pages_are_served_with_all_they_load(service: Service) -> None:
    reponse = await service.http.get("/docs")
    page = _Page(reponse.text)
    assert _regles(reponse.headers["content-security-policy"])["script-src"] == {"'self'"}
    assert page.blocs == {"script": [], "style": []}
    types = {"css": "text/css", "js": "text/javascript", "png": "image/png", "json": "application/json"}
    for adresse in page.adresses:
        assert adresse.startswith("/")
        fichier = await service.http.get(adresse)
        assert fichier.status_code == 200
        assert fichier.headers["content-type"].startswith(types[adresse.rpartition(".")[2]])
    assert '"/openapi.json"' in (await service.http.get("/docs/comptoir.js")).text


async def test_the_mailbox_shows_what_was_sent_and_is_emptied_on_demand(service: Service) -> None:
    await service.inscrit(une_demande(activer_par="sms"))
    await service.livrer()
    json = {"Accept": "application/json"}
    [message] = (await service.http.get("/dev/messages", headers=json)).json()["messages"]
    assert message.keys() == {"id", "canal", "destination", "objet", "texte", "html", "envoye_le"}
    assert (message["canal"], message["destination"], message["html"]) == ("sms", "+33612345678", None)
    ailleurs = await service.http.get("/dev/messages", params={"destination": "+33698765432"}, headers=json)
    assert ailleurs.json() == {"messages": []}
    page = await service.http.get("/dev/messages")
    assert page.headers["content-type"].startswith("text/html")
    assert _regles(page.headers["content-security-policy"])["script-src"] == _empreintes(_Page(page.text).blocs["script"])
    assert (await service.http.delete("/dev/messages")).status_code == 204
    assert (await service.http.get("/dev/messages", headers=json)).json() == {"messages": []}
