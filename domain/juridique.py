"""What was accepted, acknowledged, consented: three kinds of record, never mixed, each tied to a version and its hash."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from domain.compte import Langue

CGU, RGPD = "cgu", "rgpd"
OBLIGATOIRES = (CGU, RGPD)

# Digital majority for consent-based processing: RGPD art. 8, loi 78-17 art. 45.
AGE_CONSENTEMENT = 15

Nature = Literal["acceptation", "prise_de_connaissance", "consentement"]


Par = Literal["titulaire", "conjoint", "service"]


# The RGPD box is mandatory, hence no free consent: it is kept as what it is, a notice acknowledged.
NATURES: dict[str, Nature] = {CGU: "acceptation", RGPD: "prise_de_connaissance"}


class Version(Struct, frozen=True, kw_only=True):
    """Une version immuable d'un document légal, sans son texte. `langue` : celle où il est écrit, la seule."""

    code: str
    version: str
    titre: str
    sha256: Annotated[str, Meta(description="Du texte en UTF-8, en hexadécimal.")]
    en_vigueur_le: date
    langue: Langue


class Document(Version, frozen=True, kw_only=True):
    """Une version immuable d'un document légal, en Markdown."""

    texte: str


class Acte(Struct, frozen=True, kw_only=True):
    """One line of the ledger. `objet`: the document, or the purpose of a consent. `par`: whose doing it is."""

    nature: Nature
    objet: str
    document: Version
    valeur: bool = True
    par: Par = "titulaire"


def objet_de(liste: str) -> str:
    """What the ledger calls the consent to this mailing."""
    return f"diffusion.{liste}"


class ActeRetenu(Struct, frozen=True, kw_only=True):
    """What an account last said of one object of the ledger."""

    version: str
    valeur: bool
    par: Par


def actes_d_inscription(en_vigueur: Mapping[str, Version], consentements: Mapping[str, bool]) -> list[Acte]:
    """What a sign-up records. A box left empty records nothing: it was not asked (RGPD, recital 32)."""
    return [
        *(Acte(nature=NATURES[code], objet=code, document=en_vigueur[code]) for code in OBLIGATOIRES),
        *(
            Acte(nature="consentement", objet=objet_de(liste), document=en_vigueur[RGPD])
            for liste, donne in consentements.items()
            if donne
        ),
    ]
