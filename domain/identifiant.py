"""Usernames: their one canonical form, the `prenom.nom` made from a person's names, the names nobody may take."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

LONGUEUR_MIN, LONGUEUR_MAX = 3, 64
# A generated base leaves room for its homonym's number.
LONGUEUR_BASE = 56

_FORME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
# A telephone number in disguise: at least six digits and nothing but digits and separators.
_NUMERO = re.compile(r"[0-9._-]*")

# Letters that NFKD leaves whole: without this table, "Cœur" would lose its vowel.
_LETTRES = str.maketrans(
    {"œ": "oe", "æ": "ae", "ß": "ss", "ł": "l", "đ": "d", "ð": "d", "ø": "o", "þ": "th", "ħ": "h", "ı": "i", "ŋ": "n", "ə": "e"}
)

# Roles and addresses a person must not be mistaken for; compared with separators removed (R20).
RESERVES = frozenset(
    """abuse accueil admin administrateur administration administrator agent aide anonymous anonyme api assistance billing
    commissariat compte comptes comptoir contact cnil daemon dev direction directeur dpo elysee etat france franceconnect
    gendarmerie gouv gouvernement guest help hostmaster impots info infos root invite justice mail mailer mailerdaemon mairie
    maire ministere ministre moderateur moderation news newsletter nobody noreply nepasrepondre null officiel operator police
    portail postmaster prefecture prefet premierministre president presidence proconnect republique republiquefrancaise
    responsable rgpd root sante securite security service services servicepublic support system systeme superuser sysadmin
    superadmin superviseur test undefined urssaf user usager utilisateur webmaster webadmin www""".split()
)
_GROSSIERS = re.compile(r"connard|connasse|encule|enculer|salope|putain|nazi|hitler|nique|pedophile|bougnoule|negro|youpin|fdp")


class IdentifiantInvalide(ValueError):
    """`motif`: `invalide` (the form) or `reserve` (a name nobody may take)."""

    def __init__(self, motif: str) -> None:
        self.motif = motif


def canonique(saisie: str) -> str:
    """The one form used everywhere: lower-case ASCII, 3 to 64 characters, `.`, `-` or `_` single and inside.

    Refuses with `IdentifiantInvalide`; idempotent. Names shaped like a telephone number are refused, and so, by the alphabet, are
    e-mail addresses: no identifiant can be taken for another kind of key (R18).
    """
    # `lower` alone would fold K (kelvin sign) into an ASCII k.
    texte = saisie.lower() if saisie.isascii() else ""
    if not LONGUEUR_MIN <= len(texte) <= LONGUEUR_MAX or not _FORME.fullmatch(texte) or _NUMERO.fullmatch(texte):
        raise IdentifiantInvalide("invalide")
    if est_reserve(texte):
        raise IdentifiantInvalide("reserve")
    return texte


def est_reserve(texte: str) -> bool:
    nu = re.sub(r"[._-]", "", texte)
    return nu in RESERVES or nu.rstrip("0123456789") in RESERVES or bool(_GROSSIERS.search(nu))


def base(prenom: str | None, nom: str | None, translitterer: Callable[[str], str]) -> str:
    """`prenom.nom` for these names; the part that exists for a mononym; `usager` + letters when no name has a letter left.

    Letter-true for the Latin alphabet; other scripts go through `translitterer`. Always canonical but for its number.
    """
    parties = [p for p in (_partie(prenom or "", translitterer), _partie(nom or "", translitterer)) if p]
    brut = ".".join(parties)[:LONGUEUR_BASE].rstrip(".-")
    return brut if _acceptable(brut) else _repli(brut)


def _acceptable(brut: str) -> bool:
    try:
        return canonique(brut) == brut
    except IdentifiantInvalide:
        return False


def _repli(brut: str) -> str:
    """Too short ("X"), reserved ("Service Public") or empty: still a name of one's own."""
    return f"usager.{brut}" if brut and _acceptable(f"usager.{brut}") else "usager.portail"


def _partie(texte: str, translitterer: Callable[[str], str]) -> str:
    latin = "".join(c for c in unicodedata.normalize("NFKD", texte.lower().translate(_LETTRES)) if not unicodedata.combining(c))
    if not latin.isascii():
        latin = "".join(c if c.isascii() else translitterer(c).lower() if c.isalnum() else "-" for c in latin)
    return re.sub(r"[^a-z0-9]+", "-", latin).strip("-")


def variantes(prenom: str | None, nom: str | None, translitterer: Callable[[str], str]) -> Iterator[str]:
    """Other bases to propose beside `prenom.nom`, the most natural first."""
    p, n = _partie(prenom or "", translitterer), _partie(nom or "", translitterer)
    principale = base(prenom, nom, translitterer)
    if p and n:
        formes = [f"{p[0]}.{n}", f"{n}.{p}", f"{p}-{n}", f"{p}.{n[0]}"]
    else:
        formes = [f"{p or n}.{suite}" for suite in ("fr", "perso")]
    for forme in dict.fromkeys(f[:LONGUEUR_BASE].rstrip(".-") for f in formes):
        if forme != principale and _acceptable(forme):
            yield forme


def sans_numero(identifiant: str) -> str:
    """The base a chosen identifiant is a homonym of: `jean.martin75` is one more `jean.martin`."""
    nu = identifiant.rstrip("0123456789").rstrip("._-")
    return nu if _acceptable(nu) else identifiant[:LONGUEUR_BASE].rstrip("._-")
