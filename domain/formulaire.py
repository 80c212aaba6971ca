"""Reading a JSON value into a struct and telling *every* fault at once, where msgspec stops at the first.

The rules stand on the types: lengths and enumerations in `msgspec.Meta`, and beside them, under `extra["regle"]`, the
function that normalises a text or refuses it. A struct with rules across fields has a static method `controles`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import inspect as mi

from domain.erreurs import ChampsInvalides, ErreurChamp
from domain.outils import Outils

T = TypeVar("T")
_INVALIDE: Any = object()
# Enough for any form; a body of ten thousand unknown fields is not told of each.
ERREURS_MAX = 100


class ValeurInvalide(Exception):
    """Raised by a field rule: the code of the fault, and the figures of its message."""

    def __init__(self, code: str, **params: Any) -> None:
        self.code, self.params = code, params


Regle = Callable[[str, Outils], str]

# Control characters, line separators, bidirectional overrides, invisible fillers, tags, noncharacters, surrogates (R02).
_INTERDITS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)


def lire(brut: Any, type_: type[T], outils: Outils) -> T:
    """The struct that `brut` (decoded JSON) stands for, normalised. Refuses with `ChampsInvalides`, one entry a fault."""
    erreurs: list[ErreurChamp] = []
    valeur = _lire(brut, _structure(type_), "", erreurs, outils)  # type: ignore[arg-type]
    if erreurs:
        raise ChampsInvalides(erreurs[:ERREURS_MAX])
    return msgspec.convert(valeur, type_)


@cache
def _structure(type_: Any) -> mi.Type:
    return mi.type_info(type_)


def _lire(brut: Any, type_: mi.Type, ou: str, erreurs: list[ErreurChamp], outils: Outils, regle: Regle | None = None) -> Any:
    """The value as `msgspec.convert` will take it, or `_INVALIDE` once its faults are noted."""
    if isinstance(type_, mi.Metadata):
        return _lire(brut, type_.type, ou, erreurs, outils, (type_.extra or {}).get("regle", regle))
    if isinstance(type_, mi.UnionType):
        return _lire_union(brut, type_, ou, erreurs, outils, regle)
    if isinstance(type_, mi.StructType):
        return _lire_objet(brut, type_, ou, erreurs, outils)
    try:
        return _lire_feuille(brut, type_, outils, regle)
    except ValeurInvalide as faute:
        erreurs.append(ErreurChamp(pointer=ou, code=faute.code, params=faute.params))
        return _INVALIDE


def _lire_union(
    brut: Any, union: mi.UnionType, ou: str, erreurs: list[ErreurChamp], outils: Outils, regle: Regle | None
) -> Any:
    autres = [t for t in union.types if not isinstance(t, mi.NoneType)]
    if brut is None and len(autres) < len(union.types):
        return None
    if len(autres) == 1:
        return _lire(brut, autres[0], ou, erreurs, outils, regle)
    par_etiquette = {t.tag: t for t in autres if isinstance(t, mi.StructType)}
    champ = next(t.tag_field for t in par_etiquette.values())
    if not isinstance(brut, dict):
        erreurs.append(ErreurChamp(pointer=ou, code="objet_attendu"))
    elif champ not in brut:
        erreurs.append(ErreurChamp(pointer=f"{ou}/{champ}", code="requis"))
    elif not isinstance(brut[champ], str) or brut[champ] not in par_etiquette:
        choix = ", ".join(str(e) for e in par_etiquette)
        erreurs.append(ErreurChamp(pointer=f"{ou}/{champ}", code="valeur_inconnue", params={"choix": choix}))
    else:
        return _lire_objet(brut, par_etiquette[brut[champ]], ou, erreurs, outils)
    return _INVALIDE


def _lire_objet(brut: Any, struct: mi.StructType, ou: str, erreurs: list[ErreurChamp], outils: Outils) -> Any:
    if not isinstance(brut, dict):
        erreurs.append(ErreurChamp(pointer=ou, code="objet_attendu"))
        return _INVALIDE
    valeurs: dict[str, Any] = {}
    for champ in struct.fields:
        if champ.encode_name in brut:
            pointeur = f"{ou}/{champ.encode_name}"
            valeur = _lire(brut[champ.encode_name], champ.type, pointeur, erreurs, outils)
            if valeur is not _INVALIDE:
                valeurs[champ.encode_name] = valeur
        elif champ.required:
            erreurs.append(ErreurChamp(pointer=f"{ou}/{champ.encode_name}", code="requis"))
        elif champ.default is None or isinstance(champ.default, str | bool):
            valeurs[champ.encode_name] = champ.default
    connus = {champ.encode_name for champ in struct.fields} | {struct.tag_field}
    erreurs += [ErreurChamp(pointer=f"{ou}/{_echapper(nom)}", code="champ_inconnu") for nom in brut if nom not in connus]
    erreurs += [erreur.sous(ou) for erreur in _croises(struct, valeurs, outils)]
    # Even with faults: the rules of the struct above may need what is valid here.
    return valeurs | ({struct.tag_field: struct.tag} if struct.tag_field else {})


def _croises(struct: mi.StructType, valeurs: dict[str, Any], outils: Outils) -> Iterator[ErreurChamp]:
    """The struct's own rules across fields, over the values that are valid by themselves, defaults included."""
    controles = getattr(struct.cls, "controles", None)
    return controles(valeurs, outils) if controles else iter(())


def _echapper(nom: str) -> str:
    """A member's name in a JSON pointer, cut and cleaned: it comes from outside and is echoed."""
    return _INTERDITS.sub("", nom)[:64].replace("~", "~0").replace("/", "~1")


def _lire_feuille(brut: Any, type_: mi.Type, outils: Outils, regle: Regle | None) -> Any:
    if brut is None:
        raise ValeurInvalide("non_nul")
    if isinstance(type_, mi.StrType):
        return _lire_texte(brut, type_, outils, regle)
    if isinstance(type_, mi.LiteralType):
        if not isinstance(brut, str) or brut not in type_.values:
            raise ValeurInvalide("valeur_inconnue", choix=", ".join(str(v) for v in type_.values))
        return brut
    attendu = _TYPES[type(type_)]
    try:
        return msgspec.convert(brut, attendu.type)
    # A lone surrogate cannot be encoded.
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise ValeurInvalide(attendu.code) from None


def _lire_texte(brut: Any, type_: mi.StrType, outils: Outils, regle: Regle | None) -> str:
    if not isinstance(brut, str):
        raise ValeurInvalide("texte_attendu")
    if _INTERDITS.search(brut) or _hors_plan(brut):
        raise ValeurInvalide("caractere_interdit")
    texte = unicodedata.normalize("NFC", brut)
    if not getattr(regle, "tel_quel", False):
        texte = texte.strip()
    if type_.max_length is not None and len(texte) > type_.max_length:
        raise ValeurInvalide("trop_long", max=type_.max_length)
    if type_.min_length is not None and len(texte) < type_.min_length:
        raise ValeurInvalide("vide" if not texte else "trop_court", min=type_.min_length)
    if regle:
        return regle(texte, outils)
    if type_.pattern is not None and not re.search(type_.pattern, texte):
        raise ValeurInvalide("forme_invalide")
    return texte


def _hors_plan(texte: str) -> bool:
    """Noncharacters at the end of a supplementary plane (U+1FFFE, U+1FFFF …)."""
    return any(ord(c) > 0xFFFF and ord(c) & 0xFFFE == 0xFFFE for c in texte)


class _Attendu(msgspec.Struct, frozen=True):
    type: Any
    code: str


_TYPES: dict[type[mi.Type], _Attendu] = {
    mi.BoolType: _Attendu(bool, "booleen_attendu"),
    mi.DateType: _Attendu(date, "date_invalide"),
    mi.UUIDType: _Attendu(UUID, "uuid_attendu"),
}
