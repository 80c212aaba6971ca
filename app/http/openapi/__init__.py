"""The OpenAPI document: Litestar's, with what it leaves out: msgspec's own schemas and an example of each body, every refusal
of every operation with its figures, headers, and French or English texts."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from app.http import textes
from app.http.acces import Acces
from app.http.openapi.corps import Corps, corps
from app.http.openapi.exemples import exemples
from app.http.openapi.langue import dire, traduire
from app.http.openapi.liens import lier
from app.http.openapi.refus import Refuses, phrase
from domain.compte import Langue

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
_SI_NOUVEAU = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "L'`ETag` d'une lecture précédente : `304`, sans corps, si rien n'a changé depuis.",
    "schema": {"type": "string"},
    "example": '"8c0f3b0e5f8e4f0aa6f3d1f5d6b7c8d9"',
}
_ENTETES = {
    "X-Request-Id": "Le numéro de la requête, à citer au support.",
    "ETag": "La version de ce qui est lu, pour `If-None-Match` et `If-Match`.",
    "Cache-Control": "Combien de temps tout cache peut garder la réponse.",
    "WWW-Authenticate": "`Bearer`, et ce qui lui manque (RFC 6750).",
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
    doc["tags"] = [{"name": dire(nom, langue), "description": dire(dit, langue)} for nom, dit in textes.ETIQUETTES.items()]
    gestionnaires = {g.operation_id: g for r in app.routes for g in getattr(r, "route_handlers", ())}
    operations = [o for chemin in doc["paths"].values() for o in chemin.values()]
    contenus = corps([gestionnaires[o["operationId"]] for o in operations], langue)
    refuses = Refuses(app.state.origine, langue)
    for operation in operations:
        gestionnaire = gestionnaires[operation["operationId"]]
        _presenter(operation, gestionnaire, langue)
        _remplir(operation, gestionnaire, contenus, langue)
        operation["responses"] |= refuses.de(gestionnaire)
    lier(doc, langue)
    traduire(doc["components"]["securitySchemes"], langue)
    doc["components"] |= {
        "schemas": contenus.schemas,
        "responses": refuses.reponses,
        "examples": refuses.exemples,
        "headers": {nom: _entete(dit, langue) | {"required": True} for nom, dit in _ENTETES.items()},
    }
    return doc


def _presenter(operation: dict[str, Any], gestionnaire: HTTPRouteHandler, langue: Langue) -> None:
    """What it is, who may call it, and what it is told beside its body."""
    operation["summary"], operation["description"] = textes.operation(operation["operationId"], langue)
    operation["tags"] = [dire(nom, langue) for nom in operation["tags"]]
    operation["security"] = _SECURITE[gestionnaire.opt["acces"]]
    parametres = [*operation.get("parameters", ()), _LANGUE]
    if gestionnaire.opt["idempotente"]:
        parametres.append(_CLE)
    if gestionnaire.opt["etiquetee"] and "PATCH" in gestionnaire.http_methods:
        parametres.append(_SI_VERSION)
    if _relue(gestionnaire):
        parametres.append(_SI_NOUVEAU)
    for parametre in parametres:
        # Litestar says it here too.
        parametre["schema"].pop("description", None)
    operation["parameters"] = [p | {"description": dire(p["description"], langue)} for p in parametres]


def _relue(gestionnaire: HTTPRouteHandler) -> bool:
    """A reading that whoever has it already is spared."""
    return bool(gestionnaire.opt["cachee"] or (gestionnaire.opt["etiquetee"] and "GET" in gestionnaire.http_methods))


def _remplir(operation: dict[str, Any], gestionnaire: HTTPRouteHandler, contenus: Corps, langue: Langue) -> None:
    """Its body, and its answers but for the refusals."""
    nom, opt = operation["operationId"], gestionnaire.opt
    if nom in contenus.requetes:
        operation["requestBody"]["content"] = _contenu(contenus.requetes[nom], contenus, saisi=True)
    communs = ["X-Request-Id", *["ETag"] * (opt["etiquetee"] or opt["cachee"]), *["Cache-Control"] * opt["cachee"]]
    entetes: dict[str, Any] = {entete: {"$ref": f"#/components/headers/{entete}"} for entete in communs}
    reponse: dict[str, Any] = {
        "description": operation["summary"],
        "headers": entetes | {entete: _entete(dit, langue) for entete, dit in opt["entetes"].items()},
    }
    if nom in contenus.reponses:
        schema = contenus.reponses[nom]
        reponse["description"] = _resolu(schema, contenus).get("description", operation["summary"])
        reponse["content"] = _contenu(schema, contenus, saisi=False)
    operation["responses"] = {str(gestionnaire.status_code): reponse}
    if _relue(gestionnaire):
        operation["responses"]["304"] = {"description": phrase(304, langue), "headers": entetes}


def _contenu(schema: dict[str, Any], contenus: Corps, *, saisi: bool) -> dict[str, Any]:
    donnes = {nom: {"value": valeur} for nom, valeur in exemples(schema, contenus.schemas, saisi=saisi).items()}
    return {"application/json": {"schema": schema, "examples": donnes}}


def _resolu(schema: dict[str, Any], contenus: Corps) -> dict[str, Any]:
    return contenus.schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _entete(dit: str, langue: Langue) -> dict[str, Any]:
    return {"description": dire(dit, langue), "schema": {"type": "string"}}
