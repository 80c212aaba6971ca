"""Sessions: how long they last, what a refresh token is, and what presenting one means (RFC 9700 §4.14)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from domain import champs
from domain.erreurs import ErreurChamp
from domain.federation import Fournisseur
from domain.outils import Outils

# Whoever holds our public keys checks an access token by its signature alone: this long, at most, after its session ended.
DUREE_ACCES = timedelta(minutes=10)
# A mobile that lost the answer asks again with the same token: within this time it is given the same child (R68).
REPRISE = timedelta(seconds=10)
# What may not be done on the strength of an old sign-in.
FRAICHEUR = timedelta(minutes=5)
# Opening one more ends the one that was used least recently.
SESSIONS_PAR_COMPTE = 100


# G-09.
class Duree(Struct, frozen=True):
    """Secondes d'inactivité permises, et en tout."""

    inactivite: int
    absolue: int


ORDINAIRE, LONGUE, PARTAGEE = Duree(30 * 60, 12 * 3600), Duree(12 * 3600, 24 * 3600), Duree(10 * 60, 3600)


class OptionsSession(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Combien de temps la session dure, et comment le jeton de rafraîchissement est remis."""

    rester_connecte: Annotated[
        bool,
        Meta(
            extra_json_schema={"title": "Rester connecté"},
            description="12 h d'inactivité et 24 h en tout, au lieu de 30 min et 12 h.",
        ),
    ] = False
    appareil_partage: Annotated[
        bool,
        Meta(
            extra_json_schema={"title": "Ordinateur partagé"},
            description="10 min d'inactivité et 1 h en tout ; l'appareil n'est pas retenu.",
        ),
    ] = False
    cookie: Annotated[
        bool,
        Meta(
            description="Pour un navigateur : le jeton de rafraîchissement est remis dans le cookie `__Host-comptoir-session` "
            "(`HttpOnly`, `Secure`, `SameSite=Strict`) et non dans la réponse."
        ),
    ] = False

    @staticmethod
    def controles(valeurs: dict[str, Any], _: Outils) -> Iterator[ErreurChamp]:
        if valeurs.get("rester_connecte") is True and valeurs.get("appareil_partage") is True:
            yield ErreurChamp(pointer="/rester_connecte", code="appareil_partage_incompatible")

    @property
    def duree(self) -> Duree:
        return PARTAGEE if self.appareil_partage else LONGUE if self.rester_connecte else ORDINAIRE


class DemandeSession(OptionsSession, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Se connecter, par identifiant ou par une adresse électronique confirmée qui désigne un seul compte."""

    identifiant: champs.IdentifiantDeConnexion
    mot_de_passe: champs.MotDePasseSaisi
    jeton_appareil: Annotated[
        champs.JetonOpaque | None,
        Meta(description="Rendu par une connexion précédente : les échecs de tiers n'y font pas obstacle."),
    ] = None

    def __repr__(self) -> str:
        return "DemandeSession(…)"


class DemandeRafraichissement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Le dernier jeton de rafraîchissement reçu ; `null` pour qui l'a reçu en cookie."""

    jeton_rafraichissement: champs.JetonOpaque | None = None

    def __repr__(self) -> str:
        return "DemandeRafraichissement(…)"


class DemandeReauthentification(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Le mot de passe actuel, avant une opération sensible."""

    mot_de_passe: champs.MotDePasseSaisi

    def __repr__(self) -> str:
        return "DemandeReauthentification(…)"


class Porteur(Struct, frozen=True):
    """Who an access token speaks for."""

    compte_id: UUID
    session_id: UUID


class Ouverture(Struct, frozen=True, kw_only=True):
    """The identity that opens a session, and when the person proved it to its provider, if that is told."""

    identite_id: UUID
    fournisseur: Fournisseur
    authentifiee_le: datetime | None


class Candidat(Struct, frozen=True, kw_only=True):
    """The account a sign-in names. `empreinte_mdp` is None for one that has no password; `epoque`: of the devices it knows."""

    id: UUID
    etat: Literal["en_attente", "actif", "suspendu", "efface"]
    empreinte_mdp: str | None
    epoque: int
    effacement_prevu: bool
    expire: bool
    """A sign-up whose time is over."""

    def __repr__(self) -> str:
        return f"Candidat(id={self.id})"


class SessionOuverte(Struct, frozen=True, kw_only=True):
    """A session as it goes on: its rank in the rotation, and when it ends if nothing more happens."""

    id: UUID
    compte_id: UUID
    rang: int
    expire_le: datetime
    fin_le: datetime
    reste: float
    """Seconds to its absolute end."""
    rester_connecte: bool


class SessionNeuve(SessionOuverte, frozen=True, kw_only=True):
    """One that was just opened, and the epoch of the devices that its account knows."""

    epoque: int


class Presentation(Enum):
    """What presenting a refresh token that is not the current one means."""

    REPRISE = "reprise"
    """The one just before, within `REPRISE`: an answer was lost."""
    REUTILISEE = "reutilisee"
    """Spent before: somebody holds a copy."""
    FINIE = "finie"
    """Its session has ended."""


class JetonsSession(Struct, frozen=True, kw_only=True):
    """Le jeton d'accès (porteur, 10 minutes au plus) et le jeton de rafraîchissement (usage unique)."""

    jeton_acces: str
    jeton_rafraichissement: Annotated[str | None, Meta(description="`null` quand il est remis en cookie.")]
    type: Literal["Bearer"] = "Bearer"
    expire_dans: Annotated[int, Meta(description="Secondes avant la fin du jeton d'accès.", examples=[600])]
    session: UUID
    session_expire_le: Annotated[datetime, Meta(description="Sans rafraîchissement d'ici là, la session est finie.")]
    session_fin_le: Annotated[datetime, Meta(description="Fin de la session, quoi qu'il arrive.")]
    rester_connecte: Annotated[bool, Meta(description="Session longue, demandée à la connexion.")]

    def __repr__(self) -> str:
        return f"JetonsSession(session={self.session})"


class SessionCreee(JetonsSession, frozen=True, kw_only=True):
    """Une session ouverte."""

    jeton_appareil: Annotated[
        str | None,
        Meta(
            description="À garder et à présenter aux connexions suivantes depuis cet appareil ; "
            "`null` sur un ordinateur partagé, ou remis en cookie."
        ),
    ]

    def __repr__(self) -> str:
        return f"SessionCreee(session={self.session})"


class SessionVue(Struct, frozen=True, kw_only=True):
    """Une session en cours."""

    id: UUID
    courante: bool
    agent: Annotated[str | None, Meta(description="Ce que le navigateur ou l'application dit de lui-même.")]
    adresse: Annotated[str | None, Meta(description="Adresse réseau à l'ouverture (IPv6 : le /64).")]
    appareil_partage: bool
    ouverte_le: datetime
    vue_le: Annotated[datetime, Meta(description="Dernier rafraîchissement.")]
    expire_le: datetime
    fin_le: datetime

    def __repr__(self) -> str:
        return f"SessionVue(id={self.id})"


class SessionsVue(Struct, frozen=True, kw_only=True):
    """Les sessions en cours, la plus récente d'abord."""

    sessions: list[SessionVue]


class Reauthentifiee(Struct, frozen=True, kw_only=True):
    """Les opérations sensibles sont ouvertes jusque-là."""

    valable_jusque: datetime


class ClePublique(Struct, frozen=True, kw_only=True):
    """Une clé publique de signature (RFC 7517)."""

    kid: Annotated[str, Meta(description="Celui que porte l'en-tête des jetons signés par elle.")]
    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Annotated[str, Meta(description="Abscisse, en base64url.")]
    y: Annotated[str, Meta(description="Ordonnée, en base64url.")]
    use: Literal["sig"]
    alg: Literal["ES256"]


class ClesPubliques(Struct, frozen=True, kw_only=True):
    """De quoi vérifier les jetons d'accès ; deux clés pendant que l'une remplace l'autre."""

    keys: list[ClePublique]
