"""One passage through FranceConnect or ProConnect: what is asked, what comes back, how claims become a profile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from domain import champs
from domain.erreurs import ChampsInvalides, ErreurChamp
from domain.federation import Fournisseur, IdentiteAttachee, IdentiteRecue
from domain.formulaire import lire
from domain.inscription import DemandeInscription, fautes_de_minorite
from domain.outils import Outils
from domain.profils import Citoyen, Presumee, Profil
from domain.session import OptionsSession, SessionCreee
from domain.titulaire import Provenance, au_plus_jeune

# Going and coming back: FranceConnect's own pages last 30 minutes.
DUREE_PASSAGE = timedelta(minutes=35)
# Our own code; and the time to fill in what the identity leaves blank.
DUREE_CODE, DUREE_PREREMPLISSAGE = timedelta(seconds=60), timedelta(minutes=30)
# How long a passage that is over is still known for one of ours.
DUREE_TARDIF = timedelta(hours=1)

# By which a provider's clock may differ from the database's.
ECART_HORLOGES = timedelta(seconds=30)

Preuve = Literal["mot_de_passe", "recuperation"]
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


class RepresentantConnu(Struct, frozen=True, kw_only=True):
    """La personne, telle que ProConnect la nomme."""

    prenom: str | UnsetType = UNSET
    nom: str | UnsetType = UNSET

    def __repr__(self) -> str:
        return "RepresentantConnu(…)"


class ProfilConnu(Struct, frozen=True, kw_only=True):
    """Ce que l'identité dit du profil, à renvoyer tel quel et à compléter ; ce qu'elle ne dit pas est absent."""

    type: Annotated[
        Literal["citoyen"] | UnsetType, Meta(description="Absent avec ProConnect : Entreprise ou Association, au choix.")
    ] = UNSET
    civilite: champs.Civilite | UnsetType = UNSET
    nom_naissance: str | UnsetType = UNSET
    nom_usage: str | UnsetType = UNSET
    prenom: Annotated[str | UnsetType | None, Meta(description="`null` : l'état civil n'en connaît pas.")] = UNSET
    date_naissance: date | UnsetType = UNSET
    siret: str | UnsetType = UNSET
    representant: RepresentantConnu | UnsetType = UNSET

    def __repr__(self) -> str:
        return "ProfilConnu(…)"


class Preremplissage(Struct, frozen=True, kw_only=True):
    """De quoi pré-remplir l'inscription : à renvoyer avec `jeton_identite`, les champs verrouillés tels quels."""

    jeton_identite: Annotated[str, Meta(description="Vaut 30 minutes, pour une inscription.")]
    expire_le: datetime
    fournisseur: Fournisseur
    profil: ProfilConnu
    organisation: Annotated[
        str | None, Meta(description="Son nom selon ProConnect : `raison_sociale` ou `denomination`, selon le profil choisi.")
    ]
    provenances: Annotated[
        dict[str, Provenance],
        Meta(description="Par pointeur JSON (`/profil/prenom`) : source, vérifié, verrouillé ; modifié, un champ est déclaré."),
    ]
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

    preuves: Annotated[
        tuple[Preuve, ...],
        Meta(
            description="Pour s'y connecter : le mot de passe, ou, s'il n'y en a pas (ou plus), celui que donne "
            "`POST /v1/recuperations/mot-de-passe`."
        ),
    ] = ("mot_de_passe", "recuperation")
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
    identifiant: str
    etat: Literal["en_attente", "actif", "suspendu", "efface"]
    effacement_prevu: bool


_PRESUMEES: dict[int, Presumee] = {1: "jour", 2: "jour_et_mois"}
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
    profil: dict[str, Any] = {"type": "citoyen"} if citoyen else {}
    provenances: dict[str, Provenance] = {}
    for nom, (valeur, certifie) in lus.items():
        try:
            profil[nom] = _normalise(nom, valeur, outils) if citoyen else valeur
        except ChampsInvalides:
            continue
        presumee = _presumee(identite.revendications) if nom == "date_naissance" else UNSET
        provenances[nom] = Provenance(source=identite.fournisseur, verifie=certifie, verrouille=certifie, presumee=presumee)
    return profil, provenances


def convient(identite: IdentiteRecue, profil: Profil) -> bool:
    """Whether what the identity says is said of this profile: FranceConnect knows persons, ProConnect professionals."""
    return isinstance(profil, Citoyen) is (identite.fournisseur == "franceconnect")


def _citoyen(r: Mapping[str, Any]) -> dict[str, tuple[Any, bool]]:
    """FranceConnect returns the identity as the register has it (RNIPP), but for the usual name, which is the provider's."""
    prenoms = r.get("given_name_array")
    prenom = prenoms[0] if isinstance(prenoms, list) and prenoms else r.get("given_name", "" if prenoms == [] else None)
    lus: dict[str, tuple[Any, bool]] = {
        "nom_naissance": (r.get("family_name"), True),
        "date_naissance": (r.get("birthdate"), True),
    }
    # Civil status knows people without a first name; what was not sent says nothing of it.
    if prenom is not None:
        lus["prenom"] = (prenom or None, True)
    if civilite := _CIVILITES.get(str(r.get("gender"))):
        lus["civilite"] = (civilite, True)
    if (usage := r.get("preferred_username")) and usage != r.get("family_name"):
        lus["nom_usage"] = (usage, False)
    return lus


def _professionnel(r: Mapping[str, Any]) -> dict[str, tuple[Any, bool]]:
    """ProConnect tells where a person works, not that they may bind the organisation: all of it is a declaration."""
    dits = {nom: valeur for nom, valeur in r.items() if isinstance(valeur, str) and valeur}
    representant = {n: dits[dit] for n, dit in (("prenom", "given_name"), ("nom", "usual_name")) if dit in dits}
    lus: dict[str, tuple[Any, bool]] = {"representant": (representant, False)}
    # One of the two names, by the profile that is chosen.
    for nom, dit in (("siret", "siret"), ("raison_sociale", "organization_label"), ("denomination", "organization_label")):
        if dit in dits:
            lus[nom] = (dits[dit], False)
    return lus


def _presumee(r: Mapping[str, Any]) -> Presumee | UnsetType:
    """The register pads what it does not know; only the identity provider's own date tells it from a true first of a month."""
    brute = r.get("idp_birthdate")
    if not isinstance(brute, str) or brute.replace("-00", "-01") != r.get("birthdate"):
        return UNSET
    return _PRESUMEES.get(brute.count("-00"), UNSET)


def _normalise(nom: str, valeur: Any, outils: Outils) -> Any:
    """By the field's own rule, the other fields being right. Refusal: `ChampsInvalides`."""
    lu: dict[str, Any] = msgspec.to_builtins(lire(_UN_CITOYEN | {nom: valeur}, Citoyen, outils))
    return lu[nom]


def fautes_federees(identite: IdentiteRecue, demande: DemandeInscription, outils: Outils) -> list[ErreurChamp]:
    """What a sign-up says against the identity it brings: locked fields altered, consents at an age that may not give them."""
    profil = demande.profil
    # FranceConnect certifies a person, not an organisation.
    if not isinstance(profil, Citoyen) or not convient(identite, profil):
        return []
    attendu, provenances = preremplir(identite, outils)
    donne: dict[str, Any] = msgspec.to_builtins(profil)
    alteres = [nom for nom, p in provenances.items() if p.verrouille and donne[nom] != attendu[nom]]
    if alteres:
        return [ErreurChamp(pointer=f"/profil/{nom}", code="champ_verrouille") for nom in alteres]
    naissance = au_plus_jeune(profil, provenances).date_naissance
    return list(fautes_de_minorite(naissance, structs.asdict(demande.diffusion), outils))


def tels_quels(profil: Profil, attendu: Mapping[str, Any], provenances: Mapping[str, Provenance]) -> dict[str, Provenance]:
    """The provenances of what a profile says as the identity did."""
    donne: dict[str, Any] = msgspec.to_builtins(profil)
    return {nom: p for nom, p in provenances.items() if nom in donne and tel_quel(donne[nom], attendu[nom])}


def tel_quel(donne: Any, attendu: Any) -> bool:
    """Whether a field still says what an identity does; an object, of the members that it gives."""
    if isinstance(attendu, dict):
        return bool(attendu) and all(donne[nom] == valeur for nom, valeur in attendu.items())
    return bool(donne == attendu)


def prenoms(r: Mapping[str, Any]) -> Any:
    """First names as FranceConnect has them, however many claims it gives."""
    return r.get("given_name_array") or str(r.get("given_name") or "").split(" ")


def empreinte_pivot(identite: IdentiteRecue) -> bytes | None:
    """Of what stays when a civil status changes its names: enough to say "you may already have an account", never to link.

    Under no key, which would have to last as long as the account: the claims lie beside it.
    """
    r = identite.revendications
    pieces = [r.get("birthdate"), r.get("birthplace") or "", r.get("birthcountry")]
    if identite.fournisseur != "franceconnect" or not all(isinstance(p, str) for p in pieces) or not pieces[0]:
        return None
    return sha256("\0".join([identite.emetteur, str(prenoms(r)[0]), *map(str, pieces)]).encode()).digest()
