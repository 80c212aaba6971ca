"""JSON Schema of the very types that validate, with what forms need: labels, order, `autocomplete` tokens, examples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import inspect as mi

from domain.inscription import DemandeInscription
from domain.profils import PROFILS


def composants(
    types: Iterable[Any], reference: str, *, rendus: bool = False
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The schema of each of these types, and those of all they name; `reference` as `#/$defs/{name}`.

    `rendus`: as the service writes them, where a field with a default is always there, the default being but an example of it.
    """
    types = tuple(types)
    premiers, schemas = msgspec.json.schema_components(types, ref_template=reference)
    for schema in schemas.values():
        for propriete in schema.get("properties", {}).values():
            _aplatir(propriete)
            _constante(propriete)
    for nom, forme in _formes(mi.multi_type_info(types)).items():
        for champ in forme.fields:
            if _est_instant(champ.type):
                schemas[nom]["properties"][champ.encode_name]["format"] = "date-time"
        if rendus:
            _completer(schemas[nom], forme)
    _unions([*premiers, schemas])
    return list(premiers), schemas


def _formes(types: Iterable[mi.Type]) -> dict[str, mi.StructType | mi.TypedDictType]:
    """The structs that these types name, by name."""
    formes: dict[str, mi.StructType | mi.TypedDictType] = {}
    a_voir = list(types)
    while a_voir:
        type_ = a_voir.pop()
        if isinstance(type_, (mi.StructType, mi.TypedDictType)):
            if type_.cls.__name__ not in formes:
                formes[type_.cls.__name__] = type_
                a_voir += [champ.type for champ in type_.fields]
        elif isinstance(type_, mi.UnionType):
            a_voir += type_.types
        elif isinstance(type_, mi.Metadata):
            a_voir.append(type_.type)
        elif isinstance(type_, (mi.ListType, mi.VarTupleType)):
            a_voir.append(type_.item_type)
        elif isinstance(type_, mi.DictType):
            a_voir.append(type_.value_type)
    return formes


def _est_instant(type_: mi.Type) -> bool:
    """msgspec gives this format to a `datetime` only when its zone is imposed on what is read."""
    if isinstance(type_, mi.Metadata):
        return _est_instant(type_.type)
    if isinstance(type_, mi.UnionType):
        return any(_est_instant(choix) for choix in type_.types)
    return isinstance(type_, mi.DateTimeType)


def _completer(schema: dict[str, Any], forme: mi.StructType | mi.TypedDictType) -> None:
    absents = {c.encode_name for c in forme.fields if not c.required and c.default is c.default_factory is msgspec.NODEFAULT}
    schema["required"] = [nom for nom in schema["properties"] if nom not in absents]
    for propriete in schema["properties"].values():
        if (defaut := propriete.pop("default", None)) is not None:
            propriete.setdefault("examples", [defaut])


def _unions(noeud: Any) -> None:
    """The tag tells one type and no other: `oneOf`, which code generators read as a union, where they mix an `anyOf`."""
    for fils in noeud.values() if isinstance(noeud, dict) else noeud if isinstance(noeud, list) else ():
        _unions(fils)
    if isinstance(noeud, dict) and "discriminator" in noeud:
        noeud["oneOf"] = noeud.pop("anyOf")


def _aplatir(propriete: dict[str, Any]) -> None:
    """`anyOf: [X, null]` as X that may be null: what forms and code generators read best. A named X stays a choice."""
    choix = [c for c in propriete.get("anyOf", ()) if c != {"type": "null"}]
    if len(choix) != 1 or len(propriete["anyOf"]) != 2 or "$ref" in choix[0]:
        return
    del propriete["anyOf"]
    valeur = {**choix[0], **propriete}
    if "enum" in valeur:
        valeur["enum"] = [*valeur["enum"], None]
    if "type" in valeur:
        valeur["type"] = [valeur["type"], "null"]
    propriete.clear()
    propriete.update(valeur)


def _constante(propriete: dict[str, Any]) -> None:
    """The tag of a union: `const` is what code generators read."""
    if len(propriete.get("enum", ())) == 1:
        propriete["const"] = constante = propriete.pop("enum")[0]
        propriete["type"] = "boolean" if isinstance(constante, bool) else "string"


def formulaire(profil: str) -> dict[str, Any]:
    """The sign-up body of one profile. `x-ordre` is the order of the screens; required marks are JSON Schema's own."""
    _, defs = composants([DemandeInscription], "#/$defs/{name}")
    racine = defs.pop(DemandeInscription.__name__)
    choisi = PROFILS[profil].__name__
    for autre in {t.__name__ for t in PROFILS.values()} - {choisi}:
        del defs[autre]
    racine["properties"]["profil"] = {"title": "Profil", "$ref": f"#/$defs/{choisi}"}
    # Whoever fills this form in has not come by FranceConnect.
    del racine["properties"]["jeton_identite"]
    racine["properties"]["mot_de_passe"]["type"] = "string"
    del racine["properties"]["mot_de_passe"]["default"]
    racine["required"].append("mot_de_passe")
    for schema in (racine, *defs.values()):
        for rang, propriete in enumerate(schema.get("properties", {}).values(), 1):
            propriete["x-ordre"] = rang
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **racine,
        "title": f"Inscription d'un profil {profil}",
        "$defs": {nom: defs[nom] for nom in sorted(defs) if nom in _nommes(racine, defs)},
    }


def _nommes(racine: dict[str, Any], defs: dict[str, dict[str, Any]]) -> set[str]:
    """The definitions a schema reaches."""
    atteints: set[str] = set()
    a_voir = [racine]
    while a_voir:
        for nom in _references(a_voir.pop()) - atteints:
            atteints.add(nom)
            a_voir.append(defs[nom])
    return atteints


def _references(noeud: Any) -> set[str]:
    if isinstance(noeud, list):
        return set().union(*map(_references, noeud))
    if not isinstance(noeud, dict):
        return set()
    ici = {noeud["$ref"].rpartition("/")[2]} if "$ref" in noeud else set()
    return ici.union(*map(_references, noeud.values()))
