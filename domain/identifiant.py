"""Usernames: their one canonical form, the `prenom.nom` made from a person's names, the names nobody may take."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from domain.formulaire import ValeurInvalide
from domain.outils import Formats

LONGUEUR_MIN, LONGUEUR_MAX = 3, 64
# A generated base leaves room for its homonym's number.
LONGUEUR_BASE = 56

_FORME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
# Nothing but digits and separators could be a telephone number, a SIRET, a code.
_NUMERO = re.compile(r"[0-9._-]*")
_SEPARATEURS = re.compile(r"[._-]")
_CHIFFRES = "0123456789"

# Letters that NFKD leaves whole: without this table, "Cœur" would lose its vowel. ʼ and ʻ are apostrophes that Unicode calls
# letters.
_LETTRES = str.maketrans("łđðøħıŋəʼʻ", "lddohine--") | str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "þ": "th"})

# Labels that are nobody's name: whatever stands around them, it passes for an administration, or for its site.
_ORGANISMES = frozenset(
    """cnil commissariat cpam dgfip elysee franceconnect fr gouv gouvernement impots legifrance ministere postmaster prefecture
    proconnect servicepublic urssaf webmaster www""".split()
)
# Those that come before the name of a place or of a service ("mairie-de-paris"): after a first name, they are a surname.
_EN_TETE = frozenset(
    """admin administrateur administration assistance comptoir contact direction gendarmerie mairie police portail securite
    service services support""".split()
)
# Roles and addresses a person must not be mistaken for; compared with separators removed (R20).
RESERVES = (
    _ORGANISMES
    | _EN_TETE
    | frozenset(
        """abuse accueil administrator agent aide anonyme anonymous api billing compte comptes daemon dev directeur dpo etat
    france guest help hostmaster info infos invite justice mail mailer mailerdaemon maire ministre moderateur moderation
    nepasrepondre news newsletter nobody noreply null officiel operator prefet premierministre presidence president
    republique republiquefrancaise responsable rgpd root sante security superadmin superuser superviseur sysadmin system
    systeme test undefined usager user utilisateur webadmin""".split()
    )
)
_MARQUES = ("franceconnect", "proconnect", "servicepublic")
# Words that offend inside any other, and words that offend by themselves only: "Dominique" and "Ignazio" hold two of them.
_INJURES = "bougnoul connard connasse encule hitler pedophile putain".split()
_INJURE = re.compile("|".join(_INJURES))
_GROSSIERS = frozenset([*_INJURES, *"fdp nazi nazis nique niquer ntm salope youpin".split()])


class IdentifiantInvalide(ValueError):
    """`motif`: `invalide` (the form) or `reserve` (a name nobody may take)."""

    def __init__(self, motif: str) -> None:
        self.motif = motif


def canonique(saisie: str) -> str:
    """The one form used everywhere: lower-case ASCII, 3 to 64 characters, `.`, `-` or `_` single and inside.

    Refuses with `IdentifiantInvalide`; idempotent. Names without a letter are refused, and so, by the alphabet, are e-mail
    addresses: no identifiant can be taken for another kind of key (R18).
    """
    texte = replier(saisie)
    if not LONGUEUR_MIN <= len(texte) <= LONGUEUR_MAX or not _FORME.fullmatch(texte) or _NUMERO.fullmatch(texte):
        raise IdentifiantInvalide("invalide")
    if est_reserve(texte):
        raise IdentifiantInvalide("reserve")
    return texte


def replier(saisie: str) -> str:
    """Lower case for ASCII, nothing for the rest: `lower` alone would fold K (kelvin sign) into an ASCII k."""
    return saisie.lower() if saisie.isascii() else ""


def designation(saisie: str, formats: Formats) -> str:
    """What was typed to name an account, by identifiant or by address, in its canonical form; nothing for what names nobody."""
    if "@" not in saisie:
        return replier(saisie)
    try:
        return formats.email(saisie).lower()
    except ValeurInvalide:
        return ""


def est_reserve(texte: str) -> bool:
    nu = _SEPARATEURS.sub("", texte).rstrip(_CHIFFRES)
    etiquettes = [mot.rstrip(_CHIFFRES) for mot in _SEPARATEURS.split(texte)]
    return (
        nu in RESERVES
        or nu.startswith(_MARQUES)
        or not _ORGANISMES.isdisjoint(etiquettes)
        or etiquettes[0] in _EN_TETE
        or not _GROSSIERS.isdisjoint([nu, *etiquettes])
        or bool(_INJURE.search(texte))
    )


def base(prenom: str | None, nom: str | None, translitterer: Callable[[str], str]) -> str:
    """`prenom.nom` for these names; the part that exists for a mononym. For any text it is canonical, and so is it numbered.

    Letter-true for the Latin alphabet; other scripts go through `translitterer`. A name too short or reserved comes after
    `usager.`; names without a letter, and offensive ones, give `usager.portail`.
    """
    return _borner(".".join(p for p in _parties(prenom, nom, translitterer) if p))


def _acceptable(brut: str) -> bool:
    try:
        return canonique(brut) == brut
    except IdentifiantInvalide:
        return False


def _borner(texte: str) -> str:
    """The base itself, or what stands in for one that nobody may take ("X", "Service Public", "")."""
    formes = (forme[:LONGUEUR_BASE].rstrip("._-") for forme in (texte, f"usager.{texte}"))
    return next(filter(_acceptable, formes), "usager.portail")


def _parties(prenom: str | None, nom: str | None, translitterer: Callable[[str], str]) -> tuple[str, str]:
    """Both names folded, and cut so that neither pushes the other out of the base."""
    p, n = _plier(prenom or "", translitterer), _plier(nom or "", translitterer)
    place = LONGUEUR_BASE - len(".")
    p = p[: max(place // 2, place - len(n))].rstrip("-")
    return p, n[: place - len(p)].rstrip("-")


def _plier(texte: str, translitterer: Callable[[str], str]) -> str:
    # Composed first: a Hangul syllable or a voiced kana taken apart would be read as other letters.
    lettres = unicodedata.normalize("NFC", texte.lower()).translate(_LETTRES)
    return re.sub(r"[^a-z0-9]+", "-", "".join(_lettre(c, translitterer) for c in lettres).lower()).strip("-")


def _lettre(c: str, translitterer: Callable[[str], str]) -> str:
    nue = "".join(d for d in unicodedata.normalize("NFKD", c) if not unicodedata.combining(d))
    if nue.isascii():
        return nue
    # Marks too: the vowels of Indic scripts are no letters to Unicode. The rest, emoji included, separates.
    if unicodedata.category(c)[0] not in "LMN":
        return "-"
    # The transliteration's own apostrophes (a soft sign, a glottal stop) cut no word in two.
    return "".join(d for d in translitterer(c) if d.isalnum())


def variantes(prenom: str | None, nom: str | None, translitterer: Callable[[str], str]) -> Iterator[str]:
    """Other bases to propose beside `prenom.nom`, the most natural first."""
    p, n = _parties(prenom, nom, translitterer)
    formes = [f"{p[0]}.{n}", f"{n}.{p}", f"{p}-{n}", f"{p}.{n[0]}"] if p and n else [f"{p or n}.perso", f"{p or n}-perso"]
    principale = base(prenom, nom, translitterer)
    for forme in dict.fromkeys(formes):
        if forme != principale and _acceptable(forme):
            yield forme


def sans_numero(identifiant: str) -> str:
    """The base a chosen identifiant is a homonym of: `jean.martin75` is one more `jean.martin`."""
    nu = identifiant.rstrip(_CHIFFRES).rstrip("._-")
    return _borner(nu if _acceptable(nu) else identifiant)


def voisins(pris: str) -> Iterator[str]:
    """Bases to propose instead of a taken identifiant, the nearest first: its own series, then other ways to write it."""
    nu = sans_numero(pris)
    parties = nu.split(".")
    for forme in dict.fromkeys([nu, ".".join(reversed(parties)), "-".join(parties), "_".join(parties)]):
        if _acceptable(forme):
            yield forme
