"""Getting back in: what is asked, what is answered to everybody alike, and what a reset brings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from msgspec import Meta, Struct

from domain import champs
from domain.activation import Canal
from domain.erreurs import ErreurChamp
from domain.outils import Outils

# A message that a send limit holds back for less than this, in seconds, leaves later; beyond, somebody abuses of the address.
PATIENCE = 900.0

Objet = Literal["mot_de_passe", "identifiant"]


class DemandeRecuperation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mot de passe oublié : l'identifiant, ou l'adresse électronique confirmée du compte."""

    identifiant: champs.IdentifiantDeConnexion
    canal: Annotated[
        Canal | None,
        Meta(description="Où envoyer ; `null` : au courriel s'il est confirmé, sinon par SMS."),
    ] = None

    def __repr__(self) -> str:
        return "DemandeRecuperation(…)"


class DemandeIdentifiantOublie(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Identifiant oublié : l'adresse électronique confirmée du compte."""

    email: champs.Email

    def __repr__(self) -> str:
        return "DemandeIdentifiantOublie(…)"


class RecuperationDemandee(Struct, frozen=True, kw_only=True):
    """La même réponse pour tous : si un compte correspond, un message part vers un contact confirmé."""

    id: Annotated[UUID, Meta(description="À joindre au code reçu.")]


class IdentifiantOublieDemande(Struct, frozen=True, kw_only=True):
    """La même réponse pour tous : si l'adresse est confirmée sur un compte, un message y part."""

    demande: Literal["enregistree"] = "enregistree"


class ConfirmationRecuperation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Le jeton du lien, ou l'`id` de la demande et le code reçu ; et le nouveau mot de passe."""

    jeton: champs.JetonLien | None = None
    id: Annotated[UUID | None, Meta(description="Celui rendu par la demande, avec le code reçu.")] = None
    code: champs.CodeActivation | None = None
    mot_de_passe: champs.MotDePasse
    appareil_partage: Annotated[
        bool,
        Meta(extra_json_schema={"title": "Ordinateur partagé"}, description="L'appareil n'est pas retenu."),
    ] = False

    @staticmethod
    def controles(valeurs: dict[str, Any], _: Outils) -> Iterator[ErreurChamp]:
        jeton, code, id_ = (valeurs.get(nom, "") for nom in ("jeton", "code", "id"))
        if (jeton is None and (code is None or id_ is None)) or (jeton and (code or id_)):
            yield ErreurChamp(pointer="/jeton", code="jeton_ou_code_requis")

    def __repr__(self) -> str:
        return "ConfirmationRecuperation(…)"


class Reinitialise(Struct, frozen=True, kw_only=True):
    """Le mot de passe est changé, toutes les sessions sont fermées ; aucune ne s'ouvre."""

    jeton_appareil: Annotated[
        str | None,
        Meta(
            description="À présenter à la connexion qui suit : les échecs de tiers n'y font pas obstacle ; "
            "`null` sur un ordinateur partagé."
        ),
    ]

    def __repr__(self) -> str:
        return "Reinitialise(…)"


class Recuperation(Struct, frozen=True, kw_only=True):
    """A request as it waits to be looked at. `saisie`: an identifiant or an address, in canonical form."""

    id: UUID
    objet: Objet
    saisie: str
    canal: Canal | None
    client: str

    def __repr__(self) -> str:
        return f"Recuperation(id={self.id}, objet={self.objet})"


class Destinataire(Struct, frozen=True, kw_only=True):
    """An active account that a request designates, and its proven destinations."""

    compte_id: UUID
    email: str | None
    mobile: str | None

    def __repr__(self) -> str:
        return f"Destinataire(compte_id={self.compte_id})"

    def ou_envoyer(self, demande: Canal | None) -> tuple[Canal, str] | None:
        """Proven channels alone (R59); the one asked for, or e-mail before SMS."""
        prouves: dict[Canal, str | None] = {"email": self.email, "sms": self.mobile}
        for canal in [demande] if demande else list(prouves):
            if valeur := prouves[canal]:
                return canal, valeur
        return None


class FileRecuperations(Protocol):
    """The requests that wait, in the transaction that answers them."""

    async def prendre(self) -> Recuperation | None:
        """Takes the first request due out of the queue; it is back there if the transaction fails."""
        ...

    async def reporter(self, demande: Recuperation, attendre: float) -> None:
        """Puts it back, due in so many seconds."""
        ...

    async def prochaine(self) -> float | None:
        """Seconds until the next one is due; None when none waits."""
        ...

    async def ecarter(self, id: UUID) -> None:
        """Drops a request: looking at it fails, and others wait."""
        ...

    async def par_identifiant(self, identifiant: str) -> list[Destinataire]: ...

    async def par_email(self, email: str) -> list[Destinataire]:
        """The active accounts on which this address is proven."""
        ...

    async def envoyer_identifiants(self, destinataire: Destinataire) -> None:
        """Queues the message that lists the identifiants of this address, to it."""
        ...
