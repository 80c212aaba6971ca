"""The OpenAPI document: valid, complete, true to what is read and answered, and such that generators make good types of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from litestar.handlers import HTTPRouteHandler

from app.composition import litestar
from app.http import textes
from app.http.openapi import document
from app.http.problemes import STATUTS
from app.settings import Settings
from domain.formulaire import lire
from tests.builders import des_outils
from tests.openapi import le_document, operations, valideur
from tests.service import Service


def test_the_document_is_valid_openapi_3_1() -> None:
    from schemathesis.specs.openapi.definitions import OPENAPI_31

    lu = le_document()
    jsonschema_rs.Draft202012Validator(OPENAPI_31).validate(lu)
    for schema in lu["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    connues = {f"#/components/{partie}/{nom}" for partie, noms in lu["components"].items() for nom in noms}
    assert set(_references(lu)) <= connues


def test_every_operation_has_a_name_of_its_own_and_a_tag() -> None:
    identifiants = [o["operationId"] for *_, o in operations()]
    assert len(set(identifiants)) == len(identifiants)
    decrites = [etiquette["name"] for etiquette in le_document()["tags"]]
    assert {nom for *_, o in operations() for nom in o["tags"]} == set(decrites)
    assert all(etiquette["description"] for etiquette in le_document()["tags"])


def test_every_operation_tells_the_refusals_it_may_give_each_under_its_status() -> None:
    statuts = {famille.code: statut for famille, statut in STATUTS.items()}
    dits = set()
    for *_, operation in operations():
        for statut, reponse in operation["responses"].items():
            if int(statut) < 400:
                continue
            [contenu] = reponse["content"].values()
            codes = contenu["schema"]["properties"]["code"]["enum"]
            assert {statuts[code] for code in codes} == {int(statut)}
            assert contenu["examples"].keys() == set(codes)
            for code, exemple in contenu["examples"].items():
                assert exemple["value"]["code"] == code
                valideur(contenu["schema"]).validate(exemple["value"])
            dits |= set(codes)
            # Where some of the codes alone bear it, it says which.
            attente = reponse["headers"].get("Retry-After", {"required": False, "description": "Seulement"})
            assert attente["required"] is ("Seulement" not in attente["description"])
            assert attente["required"] or statut not in ("429", "503")
            assert ("WWW-Authenticate" in reponse["headers"]) is (statut == "401")
        assert {"400", "500", "503"} <= operation["responses"].keys()
    # What only an unknown address or method can earn stands in no operation.
    assert statuts.keys() - dits == {"methode_interdite"}
    assert set(le_document()["components"]["schemas"]["Probleme"]["properties"]["code"]["enum"]) == statuts.keys()
    assert set(le_document()["components"]["schemas"]["ChampFautif"]["properties"]["code"]["enum"]) == textes.CHAMPS.keys()


def test_bodies_refuse_unknown_fields_and_every_field_is_described() -> None:
    schemas = le_document()["components"]["schemas"]
    corps = {
        reference.rpartition("/")[2]
        for *_, operation in operations()
        for reference in _references(operation.get("requestBody", {}))
    }
    a_voir, vus = list(corps), set()
    while a_voir:
        nom = a_voir.pop()
        vus.add(nom)
        a_voir += [r for ref in _references(schemas[nom]) if (r := ref.rpartition("/")[2]) not in vus]
    assert {"DemandeInscription", "Adresse", "Representant", "Essai", "LienSuivi", "CorrectionContacts", "Noms"} <= vus
    for nom in vus:
        assert schemas[nom]["additionalProperties"] is False, nom
        assert schemas[nom]["description"], nom
        for champ, propriete in schemas[nom]["properties"].items():
            decrit = propriete.keys() & {"title", "description", "$ref", "anyOf", "oneOf", "const"}
            assert decrit, f"{nom}.{champ}"
            for exemple in propriete.get("examples", ()):
                valideur(propriete).validate(exemple)


def test_parameters_links_and_idempotency_are_told() -> None:
    identifiants = {o["operationId"]: o for *_, o in operations()}
    for chemin, _, operation in operations():
        parametres = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert parametres == set(re.findall(r"{(\w+)}", chemin))
        assert all(p["description"] for p in operation["parameters"])
    liens = identifiants["inscrire"]["responses"]["201"]["links"].values()
    assert {lien["operationId"] for lien in liens} <= identifiants.keys()
    for lien in liens:
        noms = {p["name"] for p in identifiants[lien["operationId"]]["parameters"]}
        assert lien["parameters"].keys() <= noms
    # A key on every POST that creates or sends.
    avec_cle = {o["operationId"] for *_, o in operations() if "Idempotency-Key" in {p["name"] for p in o["parameters"]}}
    assert avec_cle == {
        "inscrire", "demanderActivation", "renvoyerCode", "recupererMotDePasse", "recupererIdentifiant", "demanderContact"
    }  # fmt: skip


def _references(noeud: Any) -> Iterator[str]:
    if isinstance(noeud, dict) and "$ref" in noeud:
        yield noeud["$ref"]
    for fils in noeud.values() if isinstance(noeud, dict) else noeud if isinstance(noeud, list) else ():
        yield from _references(fils)


def test_what_a_field_is_when_absent_is_told_in_words_and_answers_leave_none_out() -> None:
    """A `default` makes generators ask for a field that may be left out, and doubt of one that never is."""
    schemas = le_document()["components"]["schemas"]
    saisis = _atteints(reference for *_, o in operations() for reference in _references(o.get("requestBody", {})))
    rendus = _atteints(reference for *_, o in operations() for reference in _references(o["responses"]))
    assert not saisis & rendus
    assert not [ou for ou, noeud in _noeuds(schemas) if "default" in noeud]
    assert "Par défaut : `false`." in schemas["OptionsSession"]["properties"]["cookie"]["description"]
    # What is not always there: said to be absent, never null.
    champs = [(nom, champ) for nom in rendus for champ in schemas[nom]["properties"]]
    parfois = {f"{nom}.{champ}" for nom, champ in champs if champ not in schemas[nom]["required"]}
    ouverts = ("DetailsActivite.", "ProfilConnu.", "RepresentantConnu.", "Probleme.")
    assert {ou for ou in parfois if not ou.startswith(ouverts)} == {
        "Disponibilite.motif", "Disponibilite.suggestions", "Provenance.presumee"
    }  # fmt: skip


def test_instants_unions_and_objects_have_a_type_that_generators_know() -> None:
    schemas = le_document()["components"]["schemas"]
    instants = [(nom, champ, p) for nom, s in schemas.items() for champ, p in s["properties"].items() if champ.endswith("_le")]
    assert len(instants) > 20
    assert all(schema["description"] for schema in schemas.values())
    for nom, champ, propriete in instants:
        assert propriete["format"] == ("date" if (nom, champ) in _JOURS else "date-time"), (nom, champ)
    for ou, noeud in _noeuds(le_document()):
        if "discriminator" in noeud:
            assert [c["$ref"] for c in noeud["oneOf"]] == list(noeud["discriminator"]["mapping"].values()), ou
        if noeud.get("type") == "object":
            assert noeud.keys() & {"properties", "additionalProperties"}, ou
        if "links" in noeud:
            assert not [lien for lien in noeud["links"].values() if "requestBody" in lien], ou


# Days, not instants.
_JOURS = {
    ("Document", "en_vigueur_le"), ("Version", "en_vigueur_le"), ("FournisseurVu", "verifie_le"), ("FournisseursVus", "maj_le")
}  # fmt: skip


def test_every_body_has_an_example_that_its_schema_takes() -> None:
    for *_, operation in operations():
        for corps in (operation.get("requestBody", {}), *operation["responses"].values()):
            for contenu in corps.get("content", {}).values():
                assert contenu["examples"], operation["operationId"]
                for nom, exemple in contenu["examples"].items():
                    valideur(contenu["schema"]).validate(exemple["value"])
                    vides = [ou for ou, noeud in _noeuds(exemple) if noeud == {} or "?" in noeud.values()]
                    assert not vides, f"{operation['operationId']}, {nom}: to be given in app/http/openapi/exemples.py: {vides}"


def test_what_a_request_has_for_example_is_a_request_that_is_taken() -> None:
    """By the very reader of bodies, whose rules no schema tells."""
    types = {
        g.operation_id: g.parsed_data_field.annotation
        for route in litestar(Settings()).routes
        for g in getattr(route, "route_handlers", ())
        if isinstance(g, HTTPRouteHandler) and g.parsed_data_field
    }
    lus = 0
    for *_, operation in operations():
        if "requestBody" in operation:
            for exemple in operation["requestBody"]["content"]["application/json"]["examples"].values():
                lus += lire(exemple["value"], types[operation["operationId"]], des_outils()) is not None
    assert lus > 30


def test_a_sign_up_and_a_change_have_an_example_for_each_profile() -> None:
    par_nom = {o["operationId"]: o for *_, o in operations()}
    for nom in ("inscrire", "controlerInscription", "modifierMoi"):
        exemples = par_nom[nom]["requestBody"]["content"]["application/json"]["examples"]
        assert {cle: e["value"]["profil"]["type"] for cle, e in exemples.items()} == {
            p: p for p in ("citoyen", "entreprise", "association")
        }
    rendus = par_nom["echangerCode"]["responses"]["200"]["content"]["application/json"]["examples"]
    assert rendus.keys() >= {"session", "inscription", "rattachement_requis", "rattachement"}


def test_readings_that_have_a_validator_are_said_to_be_spared() -> None:
    relues = {o["operationId"] for *_, o in operations() if "304" in o["responses"]}
    assert relues == {o["operationId"] for *_, o in operations() if "If-None-Match" in {p["name"] for p in o["parameters"]}}
    assert relues >= {"lireMoi", "lireConfiguration", "listerProfils", "clesPubliques"}
    for *_, operation in operations():
        for statut in operation["responses"].keys() & {"200", "304"}:
            etiquetee = operation["operationId"] in relues | {"modifierMoi"}
            assert ("ETag" in operation["responses"][statut]["headers"]) is etiquetee


def test_refusals_are_shared_and_make_no_type_of_their_own() -> None:
    for chemin in le_document()["paths"].values():
        for operation in chemin.values():
            for statut, reponse in operation["responses"].items():
                assert ("$ref" in reponse) is (int(statut) >= 400)
    assert len(json.dumps(le_document(), ensure_ascii=False)) < 300_000


def test_the_head_of_the_document_tells_every_status_of_a_refusal_and_names_nothing_that_is_not_there() -> None:
    appels = {f"{methode.upper()} {chemin}" for chemin, methode, _ in operations()}
    for langue in ("fr", "en"):
        tete = document(litestar(Settings()), langue)["info"]["description"]
        assert {
            int(s) for ligne in tete.splitlines() if ligne.startswith("- ") for s in re.findall(r"\b[45]\d\d\b", ligne)
        } == {*STATUTS.values()}
        cites = set(re.findall(r"`((?:GET|POST|PATCH) [^`]+)`", tete))
        assert len(cites) > 5
        assert cites <= appels
        assert {*re.findall(r"[45]\d\d (\w+)`", tete)} <= textes.PROBLEMES.keys()


async def test_the_document_is_served_in_the_language_of_its_reader(service: Service) -> None:
    francais, anglais = [
        (await service.http.get("/openapi.json", headers={"Accept-Language": langue})).json() for langue in ("fr", "en")
    ]
    assert francais == le_document()
    assert francais["info"]["description"] != anglais["info"]["description"]
    assert francais.keys() == anglais.keys()
    for chemin, methode, operation in operations():
        for cle in ("summary", "description"):
            assert operation[cle] != anglais["paths"][chemin][methode][cle]


def test_the_english_document_has_no_french_left_and_the_french_one_no_english() -> None:
    francais, anglais = (document(litestar(Settings()), langue) for langue in ("fr", "en"))
    dits, dites = dict(_textes(francais)), dict(_textes(anglais))
    assert dits.keys() == dites.keys()
    sans_anglais = {dit for ou, dit in dits.items() if dites[ou] == dit and dit not in {"Comptoir", *textes.ANGLAIS}}
    assert not sans_anglais, f"give them their English in app/http/textes/document.toml: {sorted(sans_anglais)}"
    anglicismes = re.compile(r"\b(the|of|and|with|bad|request|not)\b", re.IGNORECASE)
    assert not {dit for dit in dits.values() if anglicismes.search(re.sub("`[^`]*`", "", dit))}
    tout = "\n".join(dits.values())
    assert not {texte for texte in textes.ANGLAIS if texte not in tout}


def _textes(noeud: Any, ou: str = "") -> Iterator[tuple[str, str]]:
    """What a person reads, by its place; examples are data."""
    if isinstance(noeud, list):
        for rang, fils in enumerate(noeud):
            yield from _textes(fils, f"{ou}/{rang}")
    elif isinstance(noeud, dict):
        for cle, fils in noeud.items():
            if isinstance(fils, str):
                if cle in ("title", "summary", "description") or (cle == "name" and "in" not in noeud):
                    yield f"{ou}/{cle}", fils
            elif cle == "x-libelles":
                yield from ((f"{ou}/{cle}/{valeur}", libelle) for valeur, libelle in fils.items())
            elif cle not in ("examples", "example"):
                yield from _textes(fils, f"{ou}/{cle}")


def _atteints(references: Iterator[str]) -> set[str]:
    """The schemas that these references lead to."""
    a_voir, vus = list(references), set()
    while a_voir:
        _, _, partie, nom = a_voir.pop().split("/")
        if partie == "schemas" and nom not in vus:
            vus.add(nom)
            a_voir += _references(le_document()["components"]["schemas"][nom])
    return vus


def _noeuds(noeud: Any, ou: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(noeud, dict):
        yield ou, noeud
    for cle, fils in noeud.items() if isinstance(noeud, dict) else enumerate(noeud) if isinstance(noeud, list) else ():
        yield from _noeuds(fils, f"{ou}/{cle}")
