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

METHODES = ("get", "post", "patch", "put", "delete")


@cache
def le_document() -> dict[str, Any]:
    lu: dict[str, Any] = json.loads(json.dumps(document_openapi(Settings(public_url="https://compte.exemple.fr"))))
    return lu


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method, operation."""
    for chemin, element in le_document()["paths"].items():
        for methode in METHODES:
            if methode in element:
                yield chemin, methode, element[methode]


async def conforme(reponse: httpx.Response) -> None:
    """The operation tells this status, and this body follows the schema it tells for it."""
    operation = _operation(reponse.request.method, reponse.request.url.path)
    await reponse.aread()
    # Outside of any operation, the catalogue of the API's pages: an unknown address, a method it does not have.
    if operation is None or reponse.status_code == 405:
        return
    statut = str(reponse.status_code)
    attendue = operation["responses"].get(statut)
    assert attendue is not None, f"{operation['operationId']}: {statut} is not documented: {reponse.text}"
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
