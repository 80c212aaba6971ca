"""Everything held about a person, for them to take away (RGPD art. 15 and 20); and the way out (art. 17)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from domain import champs
from domain.activation import Canal
from domain.activite import ActiviteVue
from domain.consentements import ActeVue
from domain.federation import IdentiteAttachee
from domain.moi import MoiVue
from domain.session import SessionVue

# Between asking and being erased: the time to undo it from one's mail.
GRACE = timedelta(days=7)
# How long a name given up, or of an erased account, is nobody else's.
QUARANTAINE = timedelta(days=730)


class MessageEnvoye(Struct, frozen=True, kw_only=True):
    """Un message du service, sans son contenu."""

    modele: str
    canal: Canal
    etat: str
    destination: Annotated[str | None, Meta(description="`null` pour un message adressé à quelqu'un d'autre.")]
    demande_le: datetime
    envoye_le: datetime | None


class Export(Struct, frozen=True, kw_only=True):
    """Tout ce que le service détient sur le titulaire : ni mot de passe, ni empreinte, ni rien d'autrui."""

    format: Literal["comptoir/1"] = "comptoir/1"
    produit_le: datetime
    compte: MoiVue
    identites: Annotated[list[IdentiteAttachee], Meta(description="FranceConnect et ProConnect, avec leur clé (`sub`).")]
    registre: Annotated[list[ActeVue], Meta(description="Acceptations, prises de connaissance, consentements et retraits.")]
    sessions: list[SessionVue]
    activites: Annotated[list[ActiviteVue], Meta(description="L'historique du compte et de ses accès (12 mois).")]
    messages: Annotated[list[MessageEnvoye], Meta(description="Les messages envoyés (30 jours).")]

    def __repr__(self) -> str:
        return "Export(…)"


class DemandeEffacement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Effacer le compte, après un délai de 7 jours pendant lequel le lien envoyé permet de revenir en arrière."""

    mot_de_passe: champs.MotDePasseSaisi | None = None

    def __repr__(self) -> str:
        return "DemandeEffacement(…)"


class EffacementPrevu(Struct, frozen=True, kw_only=True):
    """Toutes les sessions sont fermées ; le compte sera effacé ce jour-là."""

    effacement_le: datetime


class DemandeAnnulation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Le jeton du lien reçu."""

    jeton: champs.JetonLien

    def __repr__(self) -> str:
        return "DemandeAnnulation(…)"


class Annulee(Struct, frozen=True, kw_only=True):
    """Ce qui a été défait."""

    objet: Literal["contact", "effacement"]
    deja_annulee: Annotated[bool, Meta(description="Ce l'était déjà : un lien suivi deux fois ne défait rien de plus.")]
