"""The document in its reader's language: what stands in French on the types and the handlers, in English when asked for."""

from __future__ import annotations

from typing import Any

from app.http import textes
from domain.compte import Langue
from domain.fournisseurs import CONDITIONS

_ANGLAIS = textes.ANGLAIS | {texte.fr: texte.en for texte in CONDITIONS.values()}
_DITS = ("title", "summary", "description")


def dire(texte: str, langue: Langue) -> str:
    """A text that has no English is left in French: a test tells of it."""
    return texte if langue == "fr" else _ANGLAIS.get(texte, texte)


def traduire(noeud: Any, langue: Langue) -> None:
    """Every text of a part of the document, in place; not the examples, which are data."""
    if isinstance(noeud, list):
        for fils in noeud:
            traduire(fils, langue)
    elif isinstance(noeud, dict):
        for cle, fils in noeud.items():
            if cle in _DITS and isinstance(fils, str):
                noeud[cle] = dire(fils, langue)
            elif cle == "x-libelles":
                noeud[cle] = {valeur: dire(libelle, langue) for valeur, libelle in fils.items()}
            elif cle not in ("example", "examples"):
                traduire(fils, langue)
