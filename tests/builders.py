"""Bodies as a client would send them, valid as they stand; every test changes what it is about."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import date
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

from adapters.formats import FrenchFormats
from adapters.strength import ZxcvbnEstimateur
from domain.outils import Outils

Corps = dict[str, Any]

AUJOURDHUI = date(2026, 11, 21)
MOT_DE_PASSE = "Tulipe!73orage"
VERSION = "2026-11"
ABSENT: Any = object()


def un_citoyen(**changes: Any) -> Corps:
    return {
        "type": "citoyen",
        "civilite": "madame",
        "nom_naissance": "Dupont",
        "nom_usage": "Le Goff",
        "prenom": "Inès",
        "date_naissance": "2000-01-01",
    } | changes


def une_entreprise(**changes: Any) -> Corps:
    return {
        "type": "entreprise",
        "siret": "73282932000074",
        "raison_sociale": "Ateliers Le Goff",
        "forme_juridique": "5710",
        "code_naf": "62.01Z",
        "adresse": une_adresse(),
        "representant": un_representant(),
    } | changes


def une_association(**changes: Any) -> Corps:
    return {
        "type": "association",
        "denomination": "Les Amis du canal",
        "rna": "W751234567",
        "siret": None,
        "objet": "Entretien des berges du canal",
        "adresse": une_adresse(),
        "representant": un_representant(),
    } | changes


def une_adresse(**changes: Any) -> Corps:
    return {
        "ligne1": "12 rue de la Paix",
        "ligne2": "Bâtiment B",
        "code_postal": "75002",
        "commune": "Paris",
        "code_commune": "75102",
        "pays": "FR",
    } | changes


def un_representant(**changes: Any) -> Corps:
    return {"civilite": "monsieur", "prenom": "Yann", "nom": "Le Goff", "fonction": "Président"} | changes


def une_demande(profil: Corps | None = None, **changes: Any) -> Corps:
    """The whole body of a sign-up; a Citoyen unless told otherwise."""
    return {
        "profil": un_citoyen() if profil is None else profil,
        "email": "ines@exemple.fr",
        "telephone_fixe": "0139980101",
        "telephone_mobile": "0612345678",
        "identifiant": None,
        "mot_de_passe": MOT_DE_PASSE,
        "reglementation": {"cgu": un_accord(), "rgpd": un_accord()},
        "diffusion": {"email": False, "sms": False, "lettre_actualite": False, "alertes": False},
        "activer_par": None,
    } | changes


def demande_federee(prerempli: Corps, **changes: Any) -> Corps:
    """The sign-up that an identity pre-fills, as its person sends it: no password, and what the identity left blank."""
    profil = {"type": "citoyen", "civilite": "non_precisee"} | prerempli["profil"]
    return {
        "profil": profil,
        "email": prerempli["email"] or "sans-adresse@exemple.fr",
        "reglementation": {"cgu": un_accord(), "rgpd": un_accord()},
        "jeton_identite": prerempli["jeton_identite"],
    } | changes


def un_accord(**changes: Any) -> Corps:
    return {"accepte": True, "version": VERSION} | changes


def modifie(corps: Corps, pointeur: str, valeur: Any) -> Corps:
    """A copy with one member replaced, or added, or removed (`ABSENT`); `pointeur`: a JSON pointer to it."""
    copie = deepcopy(corps)
    *chemin, nom = pointeur.removeprefix("/").split("/")
    objet = copie
    for etape in chemin:
        objet = objet[etape]
    if valeur is ABSENT:
        del objet[nom]
    else:
        objet[nom] = valeur
    return copie


def des_outils(aujourdhui: date = AUJOURDHUI) -> Outils:
    return Outils(formats=FrenchFormats(), estimateur=ZxcvbnEstimateur(), aujourdhui=aujourdhui)


def altere(jeton: str) -> str:
    """As long, and never the token itself whatever its last character; the bit changed is not one that base64 leaves unused."""
    return jeton[:-1] + _BASE64[_BASE64.index(jeton[-1]) ^ 32]


def parait(chiffres: str, texte: str) -> bool:
    """Whether these digits stand there by themselves: those of an id, of a digest or of an instant are them by chance."""
    return re.search(rf"(?<![0-9A-Fa-f.]){chiffres}(?![0-9A-Fa-f])", texte) is not None


_BASE64 = ascii_uppercase + ascii_lowercase + digits + "-_"
