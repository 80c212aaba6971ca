"""What there is to call, discovered from the service's own OpenAPI document: a new route is probed without being told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

METHODES = ("get", "post", "put", "patch", "delete")
# What stands for a path parameter that is no id of ours.
CHEMINS = {
    "type_profil": "citoyen",
    "code": "cgu",
    "version": "2026-11",
    "identifiant": "ines.dupont",
    "reference": "M547361765G",
}


class Cible(Struct, frozen=True, kw_only=True):
    """One operation. `corps`: valid bodies, one a variant of a union; empty when it takes none."""

    methode: str
    gabarit: str
    """The path as documented, `{parameters}` in it."""
    parametres: frozenset[str]
    acces: str | None
    """The security scheme it asks for."""
    corps: tuple[Any, ...]
    nuls: frozenset[str]
    """JSON pointers of the members of its body that may be null, outside of unions."""

    def chemin(self, **valeurs: str) -> str:
        """The path with these parameters, as they stand."""
        return re.sub(r"{(\w+)}", lambda m: valeurs.get(m[1], CHEMINS.get(m[1], "x")), self.gabarit)

    @property
    def variables(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.gabarit)

    def __str__(self) -> str:
        return f"{self.methode} {self.gabarit}"


def cibles(document: dict[str, Any]) -> list[Cible]:
    return [
        Cible(
            methode=methode.upper(),
            gabarit=gabarit,
            parametres=frozenset(p["name"] for p in operation.get("parameters", ())),
            acces=_exige(operation.get("security", ())),
            corps=_corps(operation, document),
            nuls=frozenset(_nuls(_schema(operation), document)),
        )
        for gabarit, operations in document["paths"].items()
        for methode, operation in operations.items()
        if methode in METHODES
    ]


def _exige(securite: Sequence[dict[str, Any]]) -> str | None:
    return None if {} in securite else next((nom for exigence in securite for nom in exigence), None)


def _schema(operation: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _corps(operation: dict[str, Any], document: dict[str, Any]) -> tuple[Any, ...]:
    schema = _schema(operation)
    return tuple(exemples(schema, document)) if schema else ()


def _nuls(schema: dict[str, Any], document: dict[str, Any], ou: str = "") -> Iterator[str]:
    schema = _resolu(schema, document)
    if "null" in schema.get("type", ()) or {"type": "null"} in schema.get("anyOf", ()):
        yield ou
    for nom, sous in schema.get("properties", {}).items():
        yield from _nuls(sous, document, f"{ou}/{nom}")


def _resolu(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    vise = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return {nom: valeur for nom, valeur in (vise | schema).items() if nom != "$ref"}


def exemples(schema: dict[str, Any], document: dict[str, Any]) -> Iterator[Any]:
    """Complete values from the schema's own examples: the first, then one more for each other variant of each union in it."""
    schema = _resolu(schema, document)
    if schema.get("type") == "object":
        yield from _objets(schema, document)
    elif "examples" in schema:
        yield schema["examples"][0]
    elif "const" in schema or "enum" in schema:
        yield schema.get("const", schema.get("enum", [None])[0])
    elif "anyOf" in schema or "oneOf" in schema:
        for choix in schema.get("anyOf") or schema["oneOf"]:
            if choix != {"type": "null"}:
                yield from exemples(choix, document)
    elif _type(schema) == "array":
        yield [next(exemples(schema.get("items", {}), document))]
    else:
        yield {"boolean": False, "integer": 1, "number": 1}.get(_type(schema), "a" * schema.get("minLength", 1))


def _type(schema: dict[str, Any]) -> str:
    type_ = schema.get("type", "string")
    return str(next(t for t in type_ if t != "null") if isinstance(type_, list) else type_)


def _objets(schema: dict[str, Any], document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    variantes = {nom: list(exemples(sous, document)) for nom, sous in schema.get("properties", {}).items()}
    base = {nom: valeurs[0] for nom, valeurs in variantes.items()}
    yield base
    for nom, valeurs in variantes.items():
        for autre in valeurs[1:]:
            yield base | {nom: autre}


def feuilles(valeur: Any, ou: str = "") -> Iterator[tuple[str, Any]]:
    """Every member of a body that is not itself an object, by JSON pointer."""
    for nom, membre in valeur.items():
        if isinstance(membre, dict):
            yield from feuilles(membre, f"{ou}/{nom}")
        else:
            yield f"{ou}/{nom}", membre
