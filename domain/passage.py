"""One passage through FranceConnect or ProConnect: what is asked, what comes back, how claims become a profile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from domain import champs
from domain.erreurs import ChampsInvalides, ErreurChamp
from domain.federation import Fournisseur, IdentiteAttachee, IdentiteRecue
from domain.formulaire import lire
from domain.outils import Outils
from domain.profils import Citoyen, Profil
from domain.session import OptionsSession, SessionCreee
from domain.titulaire import Provenance

# Going and coming back; our own code; and the time to fill in what the identity leaves blank.
DUREE_PASSAGE, DUREE_CODE, DUREE_PREREMPLISSAGE = timedelta(minutes=10), timedelta(seconds=60), timedelta(minutes=30)

# By which a provider's clock may differ from the database's.
ECART_HORLOGES = timedelta(seconds=30)

Intention = Literal["connexion", "inscription", "rattachement", "reauthentification"]


class DemandeAutorisation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Aller chez un fournisseur d'identité. `rattachement` (authentifié depuis peu) et `reauthentification` : avec le jeton
    d'accès du compte.
    """

    intention: Annotated[
        Intention,
        Meta(
            examples=["connexion"],
            description="`connexion` et `inscription` mènent au même échange ; `rattachement` et `reauthentification` "
            "n'ouvrent pas de session. `reauthentification` : la personne redonne la preuve de son identité au fournisseur, "
            "même s'il se souvient d'elle.",
        ),
    ]
    fournisseur: Annotated[
        Fournisseur, Meta(description="`proconnect` : pour les professionnels, profils Entreprise et Association.")
    ] = "franceconnect"
    retour: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=512,
            description="Adresse de votre application où revenir, exactement l'une de celles qui sont déclarées.",
            examples=["https://portail.exemple.fr/connexion"],
        ),
    ]
    code_challenge: Annotated[
        str,
        Meta(
            min_length=43,
            max_length=43,
            pattern="^[A-Za-z0-9_-]{43}$",
            description="PKCE (RFC 7636) : SHA-256 de `code_verifier`, en base64url sans bourrage.",
            examples=["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
        ),
    ]


class AutorisationCreee(Struct, frozen=True, kw_only=True):
    """L'adresse où envoyer le navigateur, dans le même onglet."""

    url: str
    expire_le: datetime


class DemandeEchange(OptionsSession, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Le code reçu au retour, et le secret dont le SHA-256 fut donné au départ."""

    code: champs.JetonOpaque
    code_verifier: Annotated[
        str, Meta(min_length=43, max_length=128, pattern="^[A-Za-z0-9._~-]{43,128}$", description="PKCE (RFC 7636).")
    ]

    def __repr__(self) -> str:
        return "DemandeEchange(…)"


class Preremplissage(Struct, frozen=True, kw_only=True):
    """De quoi pré-remplir l'inscription : à renvoyer avec `jeton_identite`, les champs verrouillés tels quels."""

    jeton_identite: Annotated[str, Meta(description="Vaut 30 minutes, pour une inscription.")]
    expire_le: datetime
    fournisseur: Fournisseur
    profil: Annotated[dict[str, Any], Meta(description="Les champs connus du profil.")]
    provenances: dict[str, Provenance]
    email: Annotated[str | None, Meta(description="Proposée seulement : elle reste à prouver.")]

    def __repr__(self) -> str:
        return "Preremplissage(…)"


class ResultatSession(Struct, frozen=True, kw_only=True, tag_field="type", tag="session"):
    """L'identité est celle d'un compte : une session est ouverte."""

    session: SessionCreee


class ResultatInscription(Struct, frozen=True, kw_only=True, tag_field="type", tag="inscription"):
    """L'identité n'est celle d'aucun compte."""

    inscription: Preremplissage


class ResultatRattachementRequis(Struct, frozen=True, kw_only=True, tag_field="type", tag="rattachement_requis"):
    """Un compte porte une identité semblable (état civil modifié ?) : s'y connecter et y rattacher celle-ci, ou s'inscrire."""

    preuves: tuple[str, ...] = ("mot_de_passe",)
    inscription: Preremplissage


class ResultatRattachement(Struct, frozen=True, kw_only=True, tag_field="type", tag="rattachement"):
    """L'identité est rattachée au compte."""

    deja_rattachee: bool


class ResultatReauthentification(Struct, frozen=True, kw_only=True, tag_field="type", tag="reauthentification"):
    """La session qui était partie ouvre les opérations sensibles."""

    valable_jusque: datetime


Resultat = (
    ResultatSession | ResultatInscription | ResultatRattachementRequis | ResultatRattachement | ResultatReauthentification
)


class DemandeDeconnexion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Se déconnecter ici et chez le fournisseur d'identité."""

    retour: Annotated[
        str, Meta(min_length=1, max_length=512, description="Où revenir ensuite : déclarée ici et chez le fournisseur.")
    ]
    jeton_identite: Annotated[
        champs.JetonOpaque | None,
        Meta(description="D'une inscription abandonnée : sans session, ferme chez le fournisseur celle qu'elle avait ouverte."),
    ] = None

    def __repr__(self) -> str:
        return "DemandeDeconnexion(…)"


class DeconnexionPrete(Struct, frozen=True, kw_only=True):
    """La session est finie ici ; les adresses ferment celles des fournisseurs, une par fournisseur traversé."""

    url: Annotated[str | None, Meta(description="`null` : cette session ne venait d'aucun fournisseur, ou il ne répond pas.")]
    ensuite: Annotated[list[str], Meta(description="Celles à ouvrir après, l'une après l'autre, une fois revenu à `retour`.")]

    def __repr__(self) -> str:
        return "DeconnexionPrete(…)"


class Passage(Struct, frozen=True, kw_only=True):
    """A passage as stored. `identite`: encrypted, once it came back."""

    id: UUID
    fournisseur: Fournisseur
    intention: Intention
    retour: str
    compte_id: UUID | None = None
    session_id: UUID | None = None
    identite: bytes | None = None

    def __repr__(self) -> str:
        return f"Passage(id={self.id}, intention={self.intention})"


class IdentiteConnue(Struct, frozen=True, kw_only=True):
    """An identity, and the account that it opens."""

    id: UUID
    compte_id: UUID
    etat: Literal["en_attente", "actif", "suspendu", "efface"]
    effacement_prevu: bool


_CIVILITES = {"female": "madame", "male": "monsieur"}
_UN_CITOYEN = {
    "type": "citoyen",
    "civilite": "non_precisee",
    "nom_naissance": "Nom",
    "prenom": None,
    "date_naissance": "2000-01-01",
}


def preremplir(identite: IdentiteRecue | IdentiteAttachee, outils: Outils) -> tuple[dict[str, Any], dict[str, Provenance]]:
    """The fields of a profile that an identity gives, written as a form's would be, and where each comes from.

    What FranceConnect took from the civil-status register is verified and locked; the rest is proposed. A value that our own
    rules refuse is left to be typed.
    """
    citoyen = identite.fournisseur == "franceconnect"
    lus = (_citoyen if citoyen else _professionnel)(identite.revendications)
    profil: dict[str, Any] = {}
    provenances: dict[str, Provenance] = {}
    for nom, (valeur, certifie) in lus.items():
        try:
            profil[nom] = _normalise(nom, valeur, outils) if citoyen else valeur
        except ChampsInvalides:
            continue
        provenances[nom] = Provenance(source=identite.fournisseur, verifie=certifie, verrouille=certifie)
    return profil, provenances


def convient(identite: IdentiteRecue, profil: Profil) -> bool:
    """Whether what the identity says is said of this profile: FranceConnect knows persons, ProConnect professionals."""
    return isinstance(profil, Citoyen) is (identite.fournisseur == "franceconnect")


def _citoyen(r: Mapping[str, Any]) -> dict[str, tuple[Any, bool]]:
    """FranceConnect returns the identity as the register has it (RNIPP), but for the usual name, which is the provider's."""
    prenoms = r.get("given_name_array")
    prenom = prenoms[0] if isinstance(prenoms, list) and prenoms else r.get("given_name")
    lus: dict[str, tuple[Any, bool]] = {
        "nom_naissance": (r.get("family_name"), True),
        # Civil status knows people without a first name.
        "prenom": (prenom or None, True),
        "date_naissance": (r.get("birthdate"), True),
    }
    if civilite := _CIVILITES.get(str(r.get("gender"))):
        lus["civilite"] = (civilite, True)
    if (usage := r.get("preferred_username")) and usage != r.get("family_name"):
        lus["nom_usage"] = (usage, False)
    return lus


def _professionnel(r: Mapping[str, Any]) -> dict[str, tuple[Any, bool]]:
    """ProConnect tells where a person works, not that they may bind the organisation: all of it is a declaration."""
    representant = {"prenom": r.get("given_name"), "nom": r.get("usual_name")}
    lus: dict[str, tuple[Any, bool]] = {"representant": ({n: v for n, v in representant.items() if v}, False)}
    if r.get("siret"):
        lus["siret"] = (r["siret"], False)
    if r.get("organization_label"):
        lus["raison_sociale"] = (r["organization_label"], False)
    return lus


def _normalise(nom: str, valeur: Any, outils: Outils) -> Any:
    """By the field's own rule, the other fields being right. Refusal: `ChampsInvalides`."""
    lu: dict[str, Any] = msgspec.to_builtins(lire(_UN_CITOYEN | {nom: valeur}, Citoyen, outils))
    return lu[nom]


def fautes_de_verrou(profil: Profil, attendu: Mapping[str, Any], provenances: Mapping[str, Provenance]) -> list[ErreurChamp]:
    """The locked fields that a sign-up has altered."""
    donne: dict[str, Any] = msgspec.to_builtins(profil)
    return [
        ErreurChamp(pointer=f"/profil/{nom}", code="champ_verrouille")
        for nom, provenance in provenances.items()
        if provenance.verrouille and donne.get(nom) != attendu[nom]
    ]


def matiere_pivot(r: Mapping[str, Any]) -> str | None:
    """What stays when a civil status changes its names: enough to say "you may already have an account", never to link."""
    prenoms = r.get("given_name_array") or str(r.get("given_name") or "").split(" ")
    pieces = [r.get("birthdate"), r.get("birthplace") or "", r.get("birthcountry")]
    if not all(isinstance(p, str) for p in pieces) or not pieces[0]:
        return None
    return "\0".join([str(prenoms[0]), *map(str, pieces)])
