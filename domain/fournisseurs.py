"""Which identity provider suits a person: the one whose conditions they all meet. Nothing of the answers is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from msgspec import Meta, Struct, defstruct, structs

from domain.fiches import FICHES, Fiche, Texte

# Whoever the provider is, FranceConnect looks the person up in the national register, and refuses whom it does not find.
PRECONDITION = "nir_1_ou_2"

CONDITIONS = {
    PRECONDITION: Texte(
        "Posséder un numéro de sécurité sociale commençant par 1 ou 2",
        "Having a French social security number beginning with 1 or 2",
    ),
    "numero_fiscal": Texte("Connaître son numéro fiscal (13 chiffres)", "Knowing one's tax number (13 digits)"),
    "revenu_fiscal_reference": Texte("Connaître son revenu fiscal de référence", "Knowing one's reference tax income"),
    "numero_acces_en_ligne": Texte(
        "Connaître son numéro d'accès en ligne (7 chiffres)", "Knowing one's online access number (7 digits)"
    ),
    "numero_securite_sociale": Texte(
        "Connaître son numéro de sécurité sociale (13 chiffres)", "Knowing one's social security number (13 digits)"
    ),
    "carte_vitale": Texte("Avoir une carte Vitale", "Having a carte Vitale (health insurance card)"),
    "coordonnees_bancaires": Texte("Disposer de ses coordonnées bancaires", "Having one's bank details at hand"),
    "affiliation_msa": Texte(
        "Être affilié à la MSA (Mutualité sociale agricole)", "Being covered by the MSA (farmers' social insurance)"
    ),
    "majeur": Texte("Avoir 18 ans ou plus", "Being 18 or over"),
    "nationalite_francaise": Texte("Être de nationalité française", "Being a French national"),
    "piece_identite_francaise": Texte(
        "Avoir une pièce d'identité française en cours de validité", "Having a valid French identity document"
    ),
    "verification_piece": Texte(
        "Pouvoir faire vérifier sa pièce d'identité, en ligne ou par un postier (à domicile ou en bureau de poste)",
        "Being able to have one's identity document checked, online or by a postal worker (at home or in a post office)",
    ),
    "smartphone": Texte("Avoir un smartphone (Android ou iOS)", "Having a smartphone (Android or iOS)"),
    "carte_identite_electronique": Texte(
        "Avoir la carte nationale d'identité au format carte bancaire (délivrée depuis août 2021)",
        "Having the bank-card-sized French identity card (issued since August 2021)",
    ),
    "smartphone_nfc": Texte(
        "Avoir un smartphone qui lit sans contact (NFC), Android 8 ou iOS 16 au moins",
        "Having a smartphone that reads contactless chips (NFC), Android 8 or iOS 16 at least",
    ),
    "accompagnement_aidant": Texte(
        "Être accompagné par un aidant habilité Aidants Connect", "Being helped by a helper accredited by Aidants Connect"
    ),
    "abonnement_orange_sosh": Texte("Avoir un abonnement Orange ou Sosh", "Having an Orange or Sosh subscription"),
    "piece_identite": Texte("Avoir une pièce d'identité", "Having an identity document"),
    "titre_a_puce": Texte(
        "Avoir un passeport ou un titre de séjour à puce", "Having a passport or a residence permit with a chip"
    ),
    "reconnaissance_faciale": Texte("Accepter la reconnaissance faciale", "Agreeing to facial recognition"),
}

SANS_FRANCECONNECT = Texte(
    "FranceConnect est facultatif : vous pouvez toujours vous inscrire ici sans lui, avec un identifiant et un mot de passe.",
    "FranceConnect is optional: you may always sign up here without it, with a username and a password.",
)
SANS_NIR = Texte(
    "FranceConnect ne pourra pas vous reconnaître : inscrivez-vous directement ici, avec un identifiant et un mot de passe.",
    "FranceConnect will not be able to recognise you: sign up directly here, with a username and a password.",
)
POURQUOI_NIR = Texte(
    "FranceConnect retrouve votre identité au répertoire national (RNIPP), quel que soit le fournisseur choisi. Qui n'y figure"
    " pas, ou n'a encore qu'un numéro provisoire, n'est pas reconnu.",
    "FranceConnect looks your identity up in the national register (RNIPP), whichever provider is chosen. Whoever is not in it,"
    " or still has a temporary number only, is not recognised.",
)

# One optional box for each condition of the table, so that the form reader and the OpenAPI document know them all.
_Cases: Any = defstruct(
    "_Cases",
    [(code, Annotated[bool | None, Meta(description=texte.fr)], None) for code, texte in CONDITIONS.items()],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
)


class Reponses(_Cases):  # type: ignore[misc]  # made of the table
    """`true` : oui ; `false` : non ; `null` ou absente : je ne sais pas. Toutes facultatives."""

    def __repr__(self) -> str:
        return "Reponses(…)"


class DemandeConseils(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ce que la personne possède ou connaît, par code de condition."""

    reponses: Annotated[Reponses, Meta(examples=[{"nir_1_ou_2": True, "carte_identite_electronique": False}])]

    def __repr__(self) -> str:
        return "DemandeConseils(…)"


class Examen(Struct, frozen=True):
    """A provider against the answers: codes of the conditions answered by no, and of those without an answer."""

    fiche: Fiche
    manquent: tuple[str, ...]
    a_preciser: tuple[str, ...]

    @property
    def rempli(self) -> bool:
        return self.fiche.conditions is not None and not self.manquent and not self.a_preciser


class Conseils(Struct, frozen=True):
    """`possibles`: the nearest first. `sans_franceconnect`: what is said of the local way in."""

    conseilles: tuple[Fiche, ...]
    possibles: tuple[Examen, ...]
    sans_franceconnect: Texte


def proposees(jour: date) -> tuple[Fiche, ...]:
    """The providers offered on that day."""
    return tuple(fiche for fiche in FICHES if fiche.en_vigueur(jour))


def conseiller(reponses: Reponses, jour: date) -> Conseils:
    """Advises what is offered on that day. Whom FranceConnect cannot know lacks what every provider needs."""
    donnees = structs.asdict(reponses)
    examens = [_examiner(fiche, donnees) for fiche in proposees(jour)]
    possibles = sorted((e for e in examens if not e.rempli), key=_distance)
    sans = SANS_NIR if donnees[PRECONDITION] is False else SANS_FRANCECONNECT
    return Conseils(tuple(e.fiche for e in examens if e.rempli), tuple(possibles), sans)


def _examiner(fiche: Fiche, donnees: Mapping[str, bool | None]) -> Examen:
    conditions = (PRECONDITION, *(fiche.conditions or ()))
    return Examen(
        fiche,
        manquent=tuple(code for code in conditions if donnees[code] is False),
        a_preciser=tuple(code for code in conditions if donnees[code] is None),
    )


def _distance(examen: Examen) -> tuple[bool, int, int]:
    """What one lacks keeps one further away than what one has not told; what nobody knows, furthest."""
    return examen.fiche.conditions is None, len(examen.manquent), len(examen.a_preciser)
