"""What makes a password acceptable: the seeds' own rules, and the level that makes them safe. One judge for every route.

Level *Moyen*: 50 bits by CNIL's formula (délibération 2022-100) **and** 10⁸ guesses; *Fort*: 80 bits and 10¹⁰ guesses.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from domain.erreurs import ErreurChamp
from domain.outils import Estimateur

LONGUEUR_MIN, LONGUEUR_MAX = 8, 128
BITS_MOYEN, BITS_FORT = 50, 80
ESSAIS_MOYEN, ESSAIS_FORT = 8.0, 10.0

Niveau = Literal["faible", "moyen", "fort"]
CodeRegle = Literal["longueur", "majuscule", "minuscule", "chiffre", "niveau"]

# Words of this portal, and what French people choose most that English lists rank too low.
_MOTS_COURANTS = (
    "portail comptoir franceconnect citoyen entreprise association motdepasse mdp azerty azertyuiop qsdfgh wxcvbn bonjour "
    "soleil doudou loulou chouchou jetaime amour france marseille paris lyon bordeaux psg chocolat vacances maman papa secret"
).split()
# What the estimator reads of a password: its time grows with the square, and 48 characters decide already.
_LUS = 48


class Regle(Struct, frozen=True):
    """One rule and whether it is kept."""

    code: CodeRegle
    ok: bool


class Jugement(Struct, frozen=True):
    niveau: Niveau
    regles: tuple[Regle, ...]

    @property
    def acceptable(self) -> bool:
        return all(regle.ok for regle in self.regles)


def normaliser(mot_de_passe: str) -> str:
    """NFC: the same keys on another keyboard give the same password (a documented deviation from ASVS 6.2.8)."""
    return unicodedata.normalize("NFC", mot_de_passe)


def juger(mot_de_passe: str, contexte: Iterable[str | None], estimateur: Estimateur) -> Jugement:
    """`contexte`: the person's names, username, e-mail, birth date (ISO 8601), organisation: an attacker knows them."""
    texte = normaliser(mot_de_passe)
    niveau = _niveau(texte[:_LUS], mots_connus(contexte), estimateur) if len(texte) <= LONGUEUR_MAX else "faible"
    return Jugement(
        niveau=niveau,
        regles=(
            Regle("longueur", LONGUEUR_MIN <= len(texte) <= LONGUEUR_MAX),
            Regle("majuscule", any(c.isupper() for c in texte)),
            Regle("minuscule", any(c.islower() for c in texte)),
            Regle("chiffre", any("0" <= c <= "9" for c in texte)),
            Regle("niveau", niveau != "faible"),
        ),
    )


def fautes(mot_de_passe: str, contexte: Iterable[str | None], estimateur: Estimateur) -> list[ErreurChamp]:
    """What a form says of a password that is not acceptable, under `/mot_de_passe`."""
    return [
        ErreurChamp(pointer="/mot_de_passe", code=f"mot_de_passe_{regle.code}")
        for regle in juger(mot_de_passe, contexte, estimateur).regles
        if not regle.ok
    ]


def bits(texte: str) -> float:
    """CNIL's formula: length × log2 of the alphabet, its four classes counting 26, 26, 10 and 37 symbols."""
    alphabet = sum(
        taille
        for taille, present in (
            (26, any(c.islower() for c in texte)),
            (26, any(c.isupper() for c in texte)),
            (10, any("0" <= c <= "9" for c in texte)),
            (37, any(not (c.islower() or c.isupper() or "0" <= c <= "9") for c in texte)),
        )
        if present
    )
    return len(texte) * math.log2(alphabet) if alphabet else 0.0


def _niveau(texte: str, mots: list[str], estimateur: Estimateur) -> Niveau:
    # Whole figures, as CNIL counts: twelve characters of four classes (79.6) are its own example of 80.
    force = round(bits(texte))
    if force < BITS_MOYEN:
        return "faible"
    # The estimator is given the text without capitals nor accents, which hide a sequence from it ("Abcdefgh"); and once more
    # with each known word worth one character, for it rates a chain of them by their number. Often both are one text.
    plat = _plat(texte)[:_LUS]
    essais = min(estimateur.log10_essais(t, mots) for t in {plat, _sans_mots(plat, mots)})
    if essais < ESSAIS_MOYEN:
        return "faible"
    return "fort" if force >= BITS_FORT and essais >= ESSAIS_FORT else "moyen"


def mots_connus(contexte: Iterable[str | None]) -> list[str]:
    """Words of three characters or more, whole and cut at separators, without accents, in lower case."""
    entiers = [_plat(texte) for texte in contexte if texte]
    morceaux = [m for texte in entiers for m in re.split(r"[^a-z0-9]+", texte)]
    return list(dict.fromkeys(m for m in [*entiers, *morceaux, *_MOTS_COURANTS] if len(m) >= 3))


def _sans_mots(plat: str, mots: list[str]) -> str:
    for mot in sorted(mots, key=len, reverse=True):
        plat = plat.replace(mot, mot[0])
    return plat


def _plat(texte: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", texte.lower()) if not unicodedata.combining(c))
