"""The texts of the API, French and English, keyed by code. A code without its text does not exist: a test holds it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from re import sub
from typing import Any

from domain.compte import Langue

_DOSSIER = Path(__file__).parent
_RANG: dict[Langue, int] = {"fr": 0, "en": 1}


def _lire(nom: str) -> dict[str, Any]:
    return tomllib.loads((_DOSSIER / nom).read_text(encoding="utf-8"))


PROBLEMES: dict[str, dict[str, list[str]]] = _lire("problemes.toml")
CHAMPS: dict[str, list[str]] = _lire("champs.toml")
OPERATIONS: dict[str, dict[str, list[str]]] = _lire("operations.toml")
ACTIVITES: dict[str, list[str]] = _lire("activites.toml")
# The texts of the OpenAPI document that are no operation's: the phrases of statuses, and French to English for what stands in
# French on the types and the handlers.
_DOCUMENT = _lire("document.toml")
STATUTS: dict[str, str] = _DOCUMENT["statuts"]
ETIQUETTES: dict[str, str] = _DOCUMENT["etiquettes"]
ANGLAIS: dict[str, str] = _DOCUMENT["anglais"]
REGLES: dict[str, list[str]] = CHAMPS.pop("regles")  # type: ignore[assignment]


def titre(code: str, langue: Langue) -> str:
    return PROBLEMES[code]["titre"][_RANG[langue]]


def detail(code: str, langue: Langue, figures: dict[str, Any]) -> str:
    return PROBLEMES[code]["detail"][_RANG[langue]].format(**figures)


def detail_sans_figures(code: str, langue: Langue) -> str:
    """For the catalogue, which tells of no refusal in particular: each figure by the name of the member that bears it."""
    return sub(r"{(\w+)}", r"`\1`", PROBLEMES[code]["detail"][_RANG[langue]])


def champ(code: str, langue: Langue, figures: dict[str, Any]) -> str:
    return CHAMPS[code][_RANG[langue]].format(**figures)


def activite(nature: str, langue: Langue) -> str:
    return ACTIVITES[nature][_RANG[langue]]


def regle(code: str, langue: Langue) -> str:
    return REGLES[code][_RANG[langue]]


def operation(identifiant: str, langue: Langue) -> tuple[str, str]:
    """Summary and description of an operation."""
    textes = OPERATIONS[identifiant]
    return textes["resume"][_RANG[langue]], textes["description"][_RANG[langue]].strip()
