"""The feed: what happened on an account, each line with a reference a person can read over the telephone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta, Struct

from domain.activation import Canal
from domain.erreurs import ReferenceMalformee
from domain.federation import Fournisseur

Nature = Literal[
    "compte_cree",
    "compte_active",
    "connexion",
    "deconnexion",
    "sessions_fermees",
    "session_suspecte",
    "mot_de_passe_change",
    "mot_de_passe_reinitialise",
    "identifiant_change",
    "profil_modifie",
    "contact_demande",
    "contact_change",
    "contact_retire",
    "contact_retabli",
    "contact_a_confirmer",
    "diffusion_modifiee",
    "accord_parental_demande",
    "accord_parental_donne",
    "accord_parental_refuse",
    "documents_acceptes",
    "export",
    "effacement_demande",
    "effacement_annule",
    "identite_rattachee",
    "identite_detachee",
]

# Without I, O and Q, which are read as 1 and 0. Prime in number, so that the key catches what base ten would let through.
_LETTRES = "MZABCDEFGHJKLNPRSTUVWXY"
_SERIE, _MODULE = 10**9, len(_LETTRES)
# Neighbours in time look nothing alike, and the count of lines cannot be read off a reference: an affine walk of the billion.
_PAS, _DEPART = 387_420_489, 618_033_989
_RETOUR = pow(_PAS, -1, _SERIE)
# The check letter of the portal's own sample, M547361765G, is right by it.
_DECALAGE = 17


def reference(numero: int) -> str:
    """`M547361765G`: a series letter, nine digits, a check letter (modulus 23). One number, one reference, both ways.

    Any one character mistyped, and any two neighbours swapped, change the check letter.
    """
    serie, rang = divmod(numero, _SERIE)
    corps = f"{_LETTRES[serie % _MODULE]}{(rang * _PAS + _DEPART) % _SERIE:09d}"
    return corps + _cle(corps)


def numero(lue: str) -> int:
    """The number a reference stands for. Refusal: `ReferenceMalformee`."""
    texte = lue.upper() if lue.isascii() else ""
    corps, cle = texte[:-1], texte[-1:]
    if len(texte) != 11 or corps[0] not in _LETTRES or not corps[1:].isdecimal() or _cle(corps) != cle:
        raise ReferenceMalformee
    rang = (int(corps[1:]) - _DEPART) * _RETOUR % _SERIE
    return _LETTRES.index(corps[0]) * _SERIE + rang


def _cle(corps: str) -> str:
    return _LETTRES[(_LETTRES.index(corps[0]) * _SERIE + int(corps[1:]) + _DECALAGE) % _MODULE]


class Activite(Struct, frozen=True, kw_only=True):
    """A line to write. `details`: what the person may read of it, destinations masked."""

    nature: Nature
    details: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Activite({self.nature!r})"


class LigneActivite(Struct, frozen=True, kw_only=True):
    """A line as stored."""

    id: int
    nature: Nature
    fait_le: datetime
    details: dict[str, Any]

    def __repr__(self) -> str:
        return f"LigneActivite(id={self.id})"


class DetailsActivite(TypedDict, total=False):
    """Ce que la ligne dit de plus, selon sa nature ; rien de secret."""

    canal: Canal
    destination: Annotated[str, Meta(description="Masquée.")]
    agent: Annotated[str, Meta(description="Ce que le navigateur ou l'application dit de lui-même.")]
    adresse: Annotated[str, Meta(description="Adresse réseau à l'ouverture (IPv6 : le /64).")]
    listes: Annotated[dict[str, bool] | list[str], Meta(description="Les choix faits, ou les listes concernées.")]
    champs: Annotated[list[str], Meta(description="Ce qui a changé.")]
    fournisseur: Fournisseur
    cgu: Annotated[str, Meta(description="La version acceptée.")]
    rgpd: Annotated[str, Meta(description="La version acceptée.")]


class ActiviteVue(Struct, frozen=True, kw_only=True):
    """Une ligne du fil d'activité."""

    reference: Annotated[str, Meta(examples=["M547361765G"], pattern="^[A-Z][0-9]{9}[A-Z]$")]
    nature: Nature
    titre: Annotated[str, Meta(description="Dans la langue demandée.")]
    fait_le: datetime
    details: DetailsActivite

    def __repr__(self) -> str:
        return f"ActiviteVue({self.reference!r})"


class Fil(Struct, frozen=True, kw_only=True):
    """Une page du fil d'activité, le plus récent d'abord."""

    activites: list[ActiviteVue]
    suivant: Annotated[str | None, Meta(description="À passer dans `apres` pour la suite ; `null` à la fin.")]
