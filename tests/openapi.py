"""Every answer that the tests meet is held against the OpenAPI document: nothing happens that it does not tell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
from jsonschema_rs import Draft202012Validator

from app.composition import document_openapi
from app.settings import Settings

# The headers that a client acts upon: documented where they are sent.
ENTETES = {"etag", "location", "retry-after", "www-authenticate", "set-cookie", "content-disposition"}


@cache
def le_document() -> dict[str, Any]:
    lu: dict[str, Any] = json.loads(json.dumps(document_openapi(Settings(public_url="https://compte.exemple.fr"))))
    return lu


@cache
def _resolues() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (chemin, methode, operation | {"responses": {s: _resolue(r) for s, r in operation["responses"].items()}})
        for chemin, element in le_document()["paths"].items()
        for methode, operation in element.items()
    ]


def _resolue(reponse: dict[str, Any]) -> dict[str, Any]:
    reponse = suivre(reponse)
    resolue = reponse | {"headers": {nom: suivre(entete) for nom, entete in reponse["headers"].items()}}
    if "content" in reponse:
        resolue["content"] = {type_: c | {"examples": _suivis(c["examples"])} for type_, c in reponse["content"].items()}
    return resolue


def _suivis(exemples: dict[str, Any]) -> dict[str, Any]:
    return {nom: suivre(exemple) for nom, exemple in exemples.items()}


def suivre(noeud: dict[str, Any]) -> dict[str, Any]:
    """What is shared, where it is referred to."""
    if "$ref" not in noeud:
        return noeud
    _, _, partie, nom = noeud["$ref"].split("/")
    trouve: dict[str, Any] = le_document()["components"][partie][nom]
    return trouve


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method, operation, its shared answers in place."""
    yield from _resolues()


async def conforme(reponse: httpx.Response) -> None:
    """The operation tells this status and its headers, and this body follows the schema it tells for it."""
    operation = _operation(reponse.request.method, reponse.request.url.path)
    await reponse.aread()
    # Outside of any operation, the catalogue of the API's pages: an unknown address, a method it does not have.
    if operation is None or reponse.status_code == 405:
        return
    statut = str(reponse.status_code)
    attendue = operation["responses"].get(statut)
    assert attendue is not None, f"{operation['operationId']}: {statut} is not documented: {reponse.text}"
    dits = {nom.lower(): entete.get("required", False) for nom, entete in attendue["headers"].items()}
    assert ENTETES & reponse.headers.keys() <= dits.keys(), f"{operation['operationId']}: {statut}: {reponse.headers}"
    assert {nom for nom, requis in dits.items() if requis} <= reponse.headers.keys(), f"{operation['operationId']}: {statut}"
    if "content" in attendue:
        _valideur(operation["operationId"], statut).validate(reponse.json())
    else:
        assert reponse.content == b""


def _operation(methode: str, chemin: str) -> dict[str, Any] | None:
    return next((o for gabarit, m, o in operations() if m == methode.lower() and _forme(gabarit).fullmatch(chemin)), None)


@cache
def _forme(gabarit: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", "[^/]+", re.escape(gabarit)))


@cache
def _valideur(operation: str, statut: str) -> Draft202012Validator:
    [trouvee] = [o for *_, o in operations() if o["operationId"] == operation]
    [contenu] = trouvee["responses"][statut]["content"].values()
    return valideur(contenu["schema"])


def valideur(schema: dict[str, Any]) -> Draft202012Validator:
    """For a schema of the document, its references followed; a field that it does not tell is a fault."""
    return Draft202012Validator({"components": {"schemas": _schemas_fermes()}, **schema}, validate_formats=True)


@cache
def _schemas_fermes() -> dict[str, Any]:
    schemas = le_document()["components"]["schemas"]
    return {nom: {"additionalProperties": False, **schema} for nom, schema in schemas.items()}
