"""The field types: one definition validates, documents, and labels the forms (`title`, `x-autocomplete`, examples)."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Annotated, Any, Literal

from msgspec import Meta

from domain import identifiant
from domain.formulaire import Regle, ValeurInvalide
from domain.mot_de_passe import LONGUEUR_MAX as MOT_DE_PASSE_MAX
from domain.mot_de_passe import LONGUEUR_MIN as MOT_DE_PASSE_MIN
from domain.outils import Outils

# What a civil-status or usual name is written with, whatever the script; no digit, no sign to forge a message with (R57).
_LIAISONS = frozenset(" -'’ʼ‐·")


def _champ(
    titre: str,
    *,
    exemple: str | None = None,
    autocomplete: str | None = None,
    description: str | None = None,
    regle: Regle | None = None,
    min: int | None = None,
    max: int | None = None,
    pattern: str | None = None,
    **schema: Any,
) -> Meta:
    """A field's label, hints and rule; `pattern` documents what `regle` checks, it is not applied twice."""
    extra: dict[str, Any] = {"title": titre}
    if autocomplete:
        extra["x-autocomplete"] = autocomplete
    if pattern:
        extra["pattern"] = pattern
    return Meta(
        min_length=min,
        max_length=max,
        description=description,
        examples=[exemple] if exemple is not None else None,
        extra_json_schema=extra | schema,
        extra={"regle": regle} if regle else None,
    )


def nom_propre(texte: str, _: Outils) -> str:
    lettres = sum(c.isalpha() for c in texte)
    if not lettres or any(not (c.isalpha() or c in _LIAISONS or unicodedata.category(c) in ("Mn", "Mc")) for c in texte):
        raise ValeurInvalide("nom_invalide")
    # A pile of combining marks on one letter is no name.
    if sum(unicodedata.combining(c) > 0 for c in texte) > 2 * lettres:
        raise ValeurInvalide("nom_invalide")
    return texte


def _selon(motif: str, code: str, *, espaces: bool = True) -> Regle:
    """A rule: the text, spaces and dots removed and in capitals, matches `motif`."""
    forme = re.compile(motif)

    def regle(texte: str, _: Outils) -> str:
        compact = re.sub(r"[\s.\-]", "", texte) if espaces else texte
        # ASCII before capitals: "ß" in capitals is an ASCII "SS", "ı" an "I".
        if not compact.isascii() or not forme.fullmatch(compact.upper()):
            raise ValeurInvalide(code)
        return compact.upper()

    return regle


def _email(texte: str, outils: Outils) -> str:
    return outils.formats.email(texte)


def _telephone(texte: str, outils: Outils) -> str:
    return outils.formats.telephone(texte).e164


def _siret(texte: str, outils: Outils) -> str:
    return outils.formats.siret(texte)


def _naf(texte: str, outils: Outils) -> str:
    compact = _selon(r"[0-9]{4}[A-Z]", "naf_invalide")(texte, outils)
    return f"{compact[:2]}.{compact[2:]}"


def _identifiant(texte: str, _: Outils) -> str:
    try:
        return identifiant.canonique(texte)
    except identifiant.IdentifiantInvalide as faute:
        raise ValeurInvalide(f"identifiant_{faute.motif}") from None


def _code(texte: str, outils: Outils) -> str:
    # People copy "123 456" as it was displayed.
    return _selon(r"[0-9]{6}", "code_malforme")(texte, outils)


def mot_de_passe_tel_quel(texte: str, _: Outils) -> str:
    return texte


# Never trimmed: a space is a character of the password. NFC like every text, as the judge and the hash have it too.
mot_de_passe_tel_quel.tel_quel = True  # type: ignore[attr-defined]

Civilite = Annotated[
    Literal["madame", "monsieur", "non_precisee"],
    _champ(
        "Civilité",
        exemple="madame",
        autocomplete="honorific-prefix",
        **{"x-libelles": {"madame": "Madame", "monsieur": "Monsieur", "non_precisee": "Ne pas préciser"}},
    ),
]
Nom = Annotated[str, _champ("Nom", exemple="Le Goff", autocomplete="family-name", regle=nom_propre, min=1, max=80)]
NomNaissance = Annotated[
    str, _champ("Nom de naissance", exemple="Dupont", autocomplete="family-name", regle=nom_propre, min=1, max=80)
]
NomUsage = Annotated[str, _champ("Nom d'usage", exemple="Le Goff", autocomplete="family-name", regle=nom_propre, min=1, max=80)]
Prenom = Annotated[
    str,
    _champ(
        "Prénom", exemple="Inès", autocomplete="given-name", regle=nom_propre, min=1, max=80,
        description="`null` pour une personne dont l'état civil ne porte pas de prénom.",
    ),
]  # fmt: skip
Email = Annotated[
    str,
    _champ(
        "Adresse électronique", exemple="ines@exemple.fr", autocomplete="email", regle=_email, min=3, max=254, format="email"
    ),
]
TelephoneFixe = Annotated[
    str,
    _champ(
        "Téléphone fixe", exemple="0139980101", autocomplete="home tel", regle=_telephone, min=3, max=32,
        description="Forme nationale (outre-mer compris) ou internationale (`+33…`) ; rendu en E.164.",
    ),
]  # fmt: skip
TelephoneMobile = Annotated[
    str,
    _champ(
        "Téléphone mobile", exemple="0612345678", autocomplete="mobile tel", regle=_telephone, min=3, max=32,
        description="Obligatoire pour activer par SMS, et alors un mobile français ou d'outre-mer.",
    ),
]  # fmt: skip
Identifiant = Annotated[
    str,
    _champ(
        "Votre identifiant de connexion", exemple="ines.le-goff", autocomplete="username", regle=_identifiant,
        min=identifiant.LONGUEUR_MIN, max=identifiant.LONGUEUR_MAX, pattern=r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$",
        description="`null` : attribué d'après vos nom et prénom.",
    ),
]  # fmt: skip
MotDePasse = Annotated[
    str,
    _champ(
        "Mot de passe", exemple="Vent-d'Ouest 47 marées", autocomplete="new-password", regle=mot_de_passe_tel_quel,
        # Lengths for the document only: the judge measures them, and tells them with what else the password lacks.
        minLength=MOT_DE_PASSE_MIN, maxLength=MOT_DE_PASSE_MAX, format="password",
        description="8 caractères au moins, une majuscule, une minuscule, un chiffre, et le niveau Moyen.",
    ),
]  # fmt: skip
MotDePasseAEvaluer = Annotated[
    str,
    _champ(
        "Mot de passe", exemple="Bonjour1", autocomplete="new-password", regle=mot_de_passe_tel_quel, max=512, format="password"
    ),
]
# What is compared, not chosen: no rule but a length, and one answer to whatever cannot be right.
MotDePasseSaisi = Annotated[
    str,
    _champ(
        "Mot de passe", exemple="Tulipe!73orage", autocomplete="current-password", regle=mot_de_passe_tel_quel,
        max=MOT_DE_PASSE_MAX, format="password",
    ),
]  # fmt: skip
IdentifiantDeConnexion = Annotated[
    str,
    _champ(
        "Identifiant", exemple="ines.le-goff", autocomplete="username", min=1, max=254,
        description="L'identifiant de connexion, ou l'adresse électronique confirmée du compte.",
    ),
]  # fmt: skip
JetonOpaque = Annotated[str, _champ("Jeton", regle=mot_de_passe_tel_quel, min=1, max=128)]
NomSaisi = Annotated[str, _champ("Nom ou prénom tel qu'il est tapé", exemple="Le Goff", max=80)]
TexteLibre = Annotated[str, _champ("Texte", max=254)]
Siret = Annotated[
    str, _champ("SIRET", exemple="73282932000074", regle=_siret, min=14, max=24, description="14 chiffres ; espaces admis.")
]
Rna = Annotated[
    str,
    _champ(
        "Numéro RNA", exemple="W751234567", min=10, max=16,
        # Both real forms: W + department (a letter overseas) + 7 digits, and the older all-digit one.
        regle=_selon(r"W[0-9][A-Z0-9][0-9]{7}|0[0-9]{3}00[0-9]{4}", "rna_invalide"),
        description="Au moins l'un des deux : RNA ou SIRET.",
    ),
]  # fmt: skip
RaisonSociale = Annotated[
    str, _champ("Raison sociale", exemple="Ateliers Le Goff", autocomplete="organization", min=1, max=160)
]
Denomination = Annotated[str, _champ("Dénomination", exemple="Les Amis du canal", autocomplete="organization", min=1, max=250)]
FormeJuridique = Annotated[
    str,
    _champ(
        "Forme juridique", exemple="5710", regle=_selon(r"[1-9][0-9]{3}", "forme_juridique_invalide"), min=4, max=8,
        pattern="^[1-9][0-9]{3}$", description="Catégorie juridique de l'INSEE, quatre chiffres.",
    ),
]  # fmt: skip
CodeNaf = Annotated[
    str,
    _champ("Code NAF", exemple="62.01Z", regle=_naf, min=5, max=8, pattern=r"^[0-9]{2}\.?[0-9]{2}[A-Za-z]$",
           description="Activité principale exercée (APE)."),
]  # fmt: skip
Objet = Annotated[str, _champ("Objet", exemple="Entretien des berges du canal", max=1000, min=1)]
Fonction = Annotated[str, _champ("Fonction", exemple="Présidente", autocomplete="organization-title", min=1, max=80)]
LigneAdresse = Annotated[str, _champ("Adresse", exemple="12 rue de la Paix", autocomplete="address-line1", min=1, max=120)]
LigneAdresse2 = Annotated[
    str, _champ("Complément d'adresse", exemple="Bâtiment B", autocomplete="address-line2", min=1, max=120)
]
CodePostal = Annotated[
    str,
    _champ("Code postal", exemple="75002", autocomplete="postal-code", min=2, max=12,
           regle=_selon(r"[0-9A-Z](?:[0-9A-Z]|[ \-](?=[0-9A-Z])){1,11}", "code_postal_invalide", espaces=False)),
]  # fmt: skip
Commune = Annotated[str, _champ("Commune", exemple="Paris", autocomplete="address-level2", min=1, max=80)]
CodeCommune = Annotated[
    str,
    _champ("Code commune (COG)", exemple="75102", min=5, max=5,
           regle=_selon(r"(?:2[AB]|[0-9]{2})[0-9]{3}", "code_commune_invalide"), pattern="^(2[ABab]|[0-9]{2})[0-9]{3}$"),
]  # fmt: skip
Pays = Annotated[
    str,
    _champ("Pays", exemple="FR", autocomplete="country", min=2, max=2, pattern="^[A-Za-z]{2}$",
           regle=_selon(r"[A-Z]{2}", "pays_invalide"), description="Code ISO 3166-1 à deux lettres."),
]  # fmt: skip
Version = Annotated[str, _champ("Version", exemple="2026-11", min=1, max=32)]
DateNaissance = Annotated[
    date,
    Meta(
        description="Entre le 1er janvier 1900 et aujourd'hui.",
        examples=["2000-01-01"],
        extra_json_schema={"title": "Date de naissance", "x-autocomplete": "bday"},
    ),
]
CodeActivation = Annotated[
    str,
    _champ(
        "Code reçu", exemple="123456", autocomplete="one-time-code", regle=_code, min=6, max=16, pattern=r"^[0-9][0-9 .\-]*$"
    ),
]
JetonLien = Annotated[str, _champ("Jeton du lien", min=1, max=128, description="Le fragment de l'adresse, après `#`.")]
