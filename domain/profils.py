"""The three profiles, a tagged union on `type`: who signs up, and with which fields."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from domain import champs
from domain.erreurs import ErreurChamp
from domain.outils import Outils

NAISSANCE_MIN = date(1900, 1, 1)
# What the register does not know of a birth date, and has as the first: the day, or the day and the month.
Presumee = Literal["jour", "jour_et_mois"]


class _Personnel(Struct, frozen=True):
    """A struct prints its fields; these are a person's, and stay out of logs and traces."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class Adresse(_Personnel, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Adresse postale."""

    ligne1: champs.LigneAdresse
    ligne2: champs.LigneAdresse2 | None = None
    code_postal: champs.CodePostal
    commune: champs.Commune
    code_commune: champs.CodeCommune | None = None
    pays: champs.Pays = "FR"

    @staticmethod
    def controles(valeurs: dict[str, Any], _: Outils) -> Iterator[ErreurChamp]:
        code = valeurs.get("code_postal")
        if code is not None and valeurs.get("pays") == "FR" and not (len(code) == 5 and code.isdecimal()):
            yield ErreurChamp(pointer="/code_postal", code="code_postal_invalide")


class Representant(_Personnel, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """La personne physique qui signe pour l'organisation."""

    civilite: champs.Civilite
    prenom: champs.Prenom | None
    nom: champs.Nom
    fonction: champs.Fonction


class Citoyen(_Personnel, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="citoyen"):
    """Une personne, pour elle-même."""

    civilite: champs.Civilite
    nom_naissance: champs.NomNaissance
    nom_usage: champs.NomUsage | None = None
    prenom: champs.Prenom | None
    date_naissance: champs.DateNaissance

    @staticmethod
    def controles(valeurs: dict[str, Any], outils: Outils) -> Iterator[ErreurChamp]:
        naissance = valeurs.get("date_naissance")
        if naissance and naissance > outils.aujourdhui:
            yield ErreurChamp(pointer="/date_naissance", code="date_future")
        elif naissance and naissance < NAISSANCE_MIN:
            yield ErreurChamp(pointer="/date_naissance", code="date_trop_ancienne", params={"min": NAISSANCE_MIN.isoformat()})


class Entreprise(_Personnel, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="entreprise"):
    """Un établissement, par la personne qui le représente."""

    siret: champs.Siret
    raison_sociale: champs.RaisonSociale
    forme_juridique: champs.FormeJuridique | None = None
    code_naf: champs.CodeNaf | None = None
    adresse: Adresse
    representant: Representant


class Association(_Personnel, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="association"):
    """Une association, par la personne qui la représente ; RNA ou SIRET, l'un au moins."""

    denomination: champs.Denomination
    rna: champs.Rna | None = None
    siret: champs.Siret | None = None
    objet: champs.Objet | None = None
    adresse: Adresse
    representant: Representant

    @staticmethod
    def controles(valeurs: dict[str, Any], _: Outils) -> Iterator[ErreurChamp]:
        # A malformed one is missing from `valeurs` and has its own message.
        if valeurs.get("rna", "") is None and valeurs.get("siret", "") is None:
            yield ErreurChamp(pointer="/rna", code="rna_ou_siret_requis")


TypeProfil = Literal["citoyen", "entreprise", "association"]
Profil = Citoyen | Entreprise | Association
PROFILS: dict[str, type[Profil]] = {"citoyen": Citoyen, "entreprise": Entreprise, "association": Association}


def type_profil(profil: Profil) -> TypeProfil:
    tag: TypeProfil = profil.__struct_config__.tag  # type: ignore[assignment]
    return tag


def noms(profil: Profil) -> tuple[str | None, str]:
    """First name and name the username is made from: the person's, or the representative's."""
    if isinstance(profil, Citoyen):
        return profil.prenom, profil.nom_naissance
    return profil.representant.prenom, profil.representant.nom


def age(naissance: date, jour: date) -> int:
    """Whole years; somebody born on 29 February turns a year older on 1 March of a common year."""
    return jour.year - naissance.year - ((jour.month, jour.day) < (naissance.month, naissance.day))


def au_plus_tard(naissance: date, presumee: Presumee | UnsetType = UNSET) -> date:
    """The last day that a birth date may stand for: whoever it is of may be as young as that."""
    if presumee is UNSET:
        return naissance
    mois = 12 if presumee == "jour_et_mois" else naissance.month
    return date(naissance.year, mois, monthrange(naissance.year, mois)[1])
