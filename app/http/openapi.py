"""The OpenAPI document: Litestar's, with what it leaves out: msgspec's own schemas, every refusal of every operation with its
figures, and French or English summaries."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from msgspec import to_builtins

from app.http import textes
from app.http.acces import Acces
from app.http.problemes import (
    MEDIA,
    STATUTS,
    CorpsTropGrand,
    DelaiDepasse,
    ErreurInterne,
    Introuvable,
    JsonInvalide,
    Probleme,
    RequeteInvalide,
    TypeContenu,
)
from app.http.problemes import document as probleme
from app.http.schemas import composants
from domain import erreurs
from domain.compte import Langue
from domain.erreurs import Refus

_REFERENCE = "#/components/schemas/{name}"
_CLE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Rejouer sans risque : même clé et même corps, même réponse pendant 24 h, d'où que l'on appelle.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "8f4d1c1e-6f0a-4f7e-9f57-0f2a3f6f2a11",
}
_LANGUE = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "description": "`fr` (par défaut) ou `en` : langue des messages rendus et envoyés.",
    "schema": {"type": "string", "default": "fr"},
}


_SI_VERSION = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "L'`ETag` de la lecture que l'on modifie : `412` si le compte a changé depuis, `428` sans lui.",
    "schema": {"type": "string"},
    "example": '"8c0f3b0e5f8e4f0aa6f3d1f5d6b7c8d9"',
}
_SECURITE: dict[Acces, list[dict[str, list[str]]]] = {
    "public": [],
    "inscription": [{"secretInscription": []}],
    "session": [{"jetonAcces": []}],
    "facultatif": [{"jetonAcces": []}, {}],
}


def configuration(version: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Comptoir",
        version=version,
        components=Components(
            security_schemes={
                "jetonAcces": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="JWT",
                    description="Le `jeton_acces` d'une session (10 minutes), vérifiable par `/.well-known/jwks.json`.",
                ),
                "secretInscription": SecurityScheme(
                    type="http", scheme="bearer", description="Le `secret` rendu par `POST /v1/inscriptions`."
                ),
            }
        ),
        # At least one, else Litestar adds all of its own; closed like all that declares no access.
        render_plugins=[JsonRenderPlugin()],
        path="/_openapi",
    )


@lru_cache(4)
def document(app: Litestar, langue: Langue) -> dict[str, Any]:
    doc: dict[str, Any] = app.openapi_schema.to_schema()
    doc["info"]["summary"], doc["info"]["description"] = textes.operation("document", langue)
    gestionnaires = {h.operation_id: h for r in app.routes for h in getattr(r, "route_handlers", ())}
    types = {t for h in gestionnaires.values() if isinstance(h, HTTPRouteHandler) for t in _types(h)}
    doc["components"]["schemas"] |= composants([*types, Probleme], _REFERENCE)
    doc["components"]["schemas"]["Probleme"] = _schema_probleme(doc)
    for chemin in doc["paths"].values():
        for methode, operation in chemin.items():
            if methode in ("get", "post", "patch", "put", "delete"):
                _completer(operation, gestionnaires[operation["operationId"]], app.state.origine, langue)
    _lier(doc)
    return doc


def _types(gestionnaire: HTTPRouteHandler) -> Iterator[Any]:
    """The structs a handler reads and answers."""
    if gestionnaire.opt.get("acces") is None or not gestionnaire.include_in_schema:
        return
    a_voir = [champ for champ in (gestionnaire.parsed_data_field, gestionnaire.parsed_return_field) if champ]
    while a_voir:
        champ = a_voir.pop()
        a_voir += champ.inner_types
        if hasattr(champ.annotation, "__struct_config__"):
            yield champ.annotation


def _schema_probleme(doc: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = doc["components"]["schemas"]["Probleme"]
    schema["properties"]["code"]["enum"] = sorted({refus.code for refus in STATUTS})
    schema["properties"]["type"]["format"] = "uri"
    doc["components"]["schemas"]["ChampFautif"]["properties"]["code"]["enum"] = sorted(textes.CHAMPS)
    # The figures of a refusal stand beside the standard members.
    schema["additionalProperties"] = True
    return schema


def _completer(operation: dict[str, Any], gestionnaire: Any, origine: str, langue: Langue) -> None:
    operation["summary"], operation["description"] = textes.operation(operation["operationId"], langue)
    parametres = operation.setdefault("parameters", [])
    parametres.append(_LANGUE)
    if gestionnaire.opt["idempotente"]:
        parametres.append(_CLE)
    operation["security"] = _SECURITE[gestionnaire.opt["acces"]]
    if gestionnaire.opt["etiquetee"] and "PATCH" in gestionnaire.http_methods:
        parametres.append(_SI_VERSION)
    for reponse in operation["responses"].values():
        reponse["description"] = operation["summary"]
        reponse.setdefault("headers", {})["X-Request-Id"] = {"schema": {"type": "string"}}
        if gestionnaire.opt["etiquetee"]:
            reponse["headers"]["ETag"] = {"schema": {"type": "string"}}
        if gestionnaire.opt["cachee"]:
            reponse["headers"] |= {nom: {"schema": {"type": "string"}} for nom in ("ETag", "Cache-Control")}
        if "201" in operation["responses"]:
            reponse["headers"]["Location"] = {"schema": {"type": "string", "format": "uri-reference"}}
    if gestionnaire.opt["cachee"] or (gestionnaire.opt["etiquetee"] and "GET" in gestionnaire.http_methods):
        operation["responses"]["304"] = {"description": HTTPStatus(304).phrase}
    if "204" in operation["responses"]:
        operation["responses"]["204"].pop("content", None)
    if "400" in operation["responses"]:
        del operation["responses"]["400"]
    par_statut: dict[int, list[type[Refus]]] = {}
    for refus in sorted(_refus(gestionnaire), key=lambda r: r.code):
        par_statut.setdefault(STATUTS[refus], []).append(refus)
    for statut, refus_du_statut in sorted(par_statut.items()):
        operation["responses"][str(statut)] = _reponse(statut, refus_du_statut, origine, langue)


def _refus(gestionnaire: Any) -> set[type[Refus]]:
    """Its own refusals, and those that come with its access, its body, its retries."""
    refus: set[type[Refus]] = {RequeteInvalide, ErreurInterne, erreurs.Indisponible, *gestionnaire.opt["refus"]}
    if gestionnaire.parsed_data_field is not None:
        refus |= {JsonInvalide, TypeContenu, CorpsTropGrand, DelaiDepasse, erreurs.ChampsInvalides}
    if gestionnaire.opt["acces"] in ("session", "facultatif"):
        refus |= {erreurs.JetonInvalide, erreurs.SessionFinie}
    if gestionnaire.opt["acces"] == "inscription":
        refus |= {erreurs.SecretInvalide, erreurs.InscriptionInconnue}
    if any("{" in chemin for chemin in gestionnaire.paths):
        refus |= {Introuvable}
    if gestionnaire.opt["idempotente"]:
        refus |= {erreurs.CleIdempotenceInvalide, erreurs.CleIdempotenceReutilisee, erreurs.RequeteEnCours}
    return refus


def _reponse(statut: int, refus: list[type[Refus]], origine: str, langue: Langue) -> dict[str, Any]:
    entetes: dict[str, Any] = {"X-Request-Id": {"schema": {"type": "string"}}}
    if any(issubclass(r, erreurs.AvecReprise) for r in refus):
        entetes["Retry-After"] = {"description": "Secondes.", "schema": {"type": "integer", "minimum": 1}}
    if statut == HTTPStatus.UNAUTHORIZED:
        entetes["WWW-Authenticate"] = {"schema": {"type": "string"}}
    codes = ", ".join(f"`{r.code}`" for r in refus)
    return {
        "description": f"{HTTPStatus(statut).phrase} : {codes}",
        "headers": entetes,
        "content": {
            MEDIA: {
                "schema": {
                    "allOf": [
                        {"$ref": _REFERENCE.format(name="Probleme")},
                        {"properties": {"code": {"enum": [r.code for r in refus]}}},
                    ]
                },
                "examples": {r.code: {"value": _exemple(r, origine, langue)} for r in refus},
            }
        },
    }


_EXEMPLES: dict[type[Refus], Refus] = {
    RequeteInvalide: RequeteInvalide(["limite"]),
    erreurs.ChampsInvalides: erreurs.ChampsInvalides(
        [
            erreurs.ErreurChamp(pointer="/profil/siret", code="siret_cle_invalide"),
            erreurs.ErreurChamp(pointer="/email", code="requis"),
        ]
    ),
    erreurs.DocumentPerime: erreurs.DocumentPerime("cgu", "2026-11"),
    erreurs.IdentifiantIndisponible: erreurs.IdentifiantIndisponible(["ines.dupont2", "ines.dupont.fr"]),
    erreurs.CanalImpossible: erreurs.CanalImpossible("sms"),
    erreurs.CodeIncorrect: erreurs.CodeIncorrect(4),
    erreurs.CguAReaccepter: erreurs.CguAReaccepter("2027-01"),
    erreurs.CompteNonActive: erreurs.CompteNonActive(inscription="019a2f6e-6f0e-7c52-9a57-3a1f0f2c4d11", secret="AZov…"),  # noqa: S106  (an example)
}


def _exemple(famille: type[Refus], origine: str, langue: Langue) -> dict[str, Any]:
    refus = _EXEMPLES.get(famille) or (famille(29) if issubclass(famille, erreurs.AvecReprise) else famille())
    exemple: dict[str, Any] = to_builtins(probleme(refus, origine, langue, "/v1/…", "8c0f3b0e5f8e4f0aa6f3d1f5d6b7c8d9"))
    return exemple


_SECRET, _ACCES = "Avec `secret` en porteur.", "Avec `jeton_acces` en porteur."
_ID, _SESSION = {"id": "$response.body#/id"}, {"id": "$response.body#/session"}
_ACTIVATION = {**_ID, "aid": "$response.body#/activation/id"}
_OUVERTE: dict[str, dict[str, Any]] = {
    "lire": {"operationId": "lireMoi", "description": _ACCES},
    "rafraichir": {
        "operationId": "rafraichirSession",
        "requestBody": {"jeton_rafraichissement": "$response.body#/jeton_rafraichissement"},
    },
    "fermer": {"operationId": "fermerAutreSession", "parameters": _SESSION, "description": _ACCES},
}
# How one answer's figures lead to the next call: the operation, its answer, the calls.
_LIENS: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {
    ("/v1/inscriptions", "post", "201"): {
        "suivre": {"operationId": "lireInscription", "parameters": _ID, "description": _SECRET},
        "corriger": {"operationId": "corrigerContacts", "parameters": _ID, "description": _SECRET},
        "activer": {"operationId": "demanderActivation", "parameters": _ID, "description": _SECRET},
        "annuler": {"operationId": "annulerInscription", "parameters": _ID, "description": _SECRET},
        "essayer": {"operationId": "essayerCode", "parameters": _ACTIVATION, "description": _SECRET},
        "renvoyer": {"operationId": "renvoyerCode", "parameters": _ACTIVATION, "description": _SECRET},
        "entrer": {"operationId": "echangerSecret", "parameters": _ID, "description": _SECRET},
    },
    ("/v1/sessions", "post", "201"): _OUVERTE,
    ("/v1/inscriptions/{id}/session", "post", "201"): _OUVERTE,
    ("/v1/sessions/rafraichissements", "post", "200"): _OUVERTE,
    ("/v1/moi/contacts", "post", "202"): {
        "prouver": {"operationId": "prouverContact", "parameters": _ID, "description": _ACCES},
    },
    ("/v1/moi/activites", "get", "200"): {
        "relire": {
            "operationId": "lireActivite",
            "parameters": {"reference": "$response.body#/activites/0/reference"},
            "description": _ACCES,
        },
    },
}


def _lier(doc: dict[str, Any]) -> None:
    for (chemin, methode, statut), liens in _LIENS.items():
        doc["paths"][chemin][methode]["responses"][statut]["links"] = liens
