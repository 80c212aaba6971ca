"""The bodies of the document. A field that has a default may be left out of a request, and never is of an answer: generators
make two types of it, so that what both hold has two schemas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from app.http import textes
from app.http.openapi.langue import dire, traduire
from app.http.problemes import STATUTS, Probleme
from app.http.schemas import composants
from domain.compte import Langue

REFERENCE = "#/components/schemas/{name}"


class Corps(Struct, frozen=True):
    """The schemas by name; those of bodies, by operation."""

    schemas: dict[str, dict[str, Any]]
    requetes: dict[str, dict[str, Any]]
    reponses: dict[str, dict[str, Any]]


def corps(gestionnaires: Iterable[HTTPRouteHandler], langue: Langue) -> Corps:
    lus = {str(g.operation_id): g.parsed_data_field.annotation for g in gestionnaires if g.parsed_data_field}
    rendus = {str(g.operation_id): r for g in gestionnaires if (r := _rendu(g)) is not None}
    requetes, saisis = composants(lus.values(), REFERENCE)
    reponses, vus = composants([*rendus.values(), Probleme], REFERENCE, rendus=True)
    # Named as what is shown is, everywhere else.
    noms = {REFERENCE.format(name=nom): REFERENCE.format(name=f"{nom}Vue") for nom in saisis.keys() & vus.keys()}
    reponses, vus = _renommer([reponses, {nom + "Vue" * (nom in saisis): schema for nom, schema in vus.items()}], noms)
    schemas = {nom: (saisis | vus)[nom] for nom in sorted(saisis | vus)}
    for schema in schemas.values():
        schema.pop("title")
        # A docstring, by its paragraphs: where its lines end says nothing.
        schema["description"] = "\n\n".join(" ".join(p.split()) for p in schema.get("description", "").split("\n\n"))
    schemas["Probleme"]["properties"]["code"]["enum"] = sorted({refus.code for refus in STATUTS})
    schemas["ChampFautif"]["properties"]["code"]["enum"] = sorted(textes.CHAMPS)
    traduire([schemas, reponses], langue)
    for schema in saisis.values():
        _dire_defauts(schema, langue)
    return Corps(schemas, dict(zip(lus, requetes, strict=True)), dict(zip(rendus, reponses, strict=False)))


def _rendu(gestionnaire: HTTPRouteHandler) -> Any:
    rendu = gestionnaire.parsed_return_field
    type_ = rendu.args[0] if rendu.origin is Response else rendu.annotation
    return None if type_ in (None, type(None)) else type_


def _renommer(noeud: Any, noms: dict[str, str]) -> Any:
    if isinstance(noeud, dict):
        return {cle: _renommer(fils, noms) for cle, fils in noeud.items()}
    if isinstance(noeud, list):
        return [_renommer(fils, noms) for fils in noeud]
    return noms.get(noeud, noeud) if isinstance(noeud, str) else noeud


def _dire_defauts(schema: dict[str, Any], langue: Langue) -> None:
    """In words: a `default` makes generators ask for the field."""
    for propriete in schema["properties"].values():
        if (defaut := propriete.pop("default", None)) is not None:
            dit = f"{dire('Par défaut', langue)} : `{msgspec.json.encode(defaut).decode()}`."
            propriete["description"] = " ".join(filter(None, (propriete.get("description"), dit)))
