"""One passage through FranceConnect or ProConnect: what is asked, and what it gives."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from domain import champs
from domain.federation import Fournisseur
from domain.session import OptionsSession, SessionCreee
from domain.titulaire import Provenance

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
