"""What the rules need of the world. Each port is small; its refusals are those of `domain.erreurs` unless it says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from enum import Enum
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from msgspec import Struct

from domain.activation import Canal, Livraison
from domain.activite import LigneActivite
from domain.consentements import LigneActe
from domain.export import MessageEnvoye
from domain.juridique import Document, Version
from domain.limites import Limite
from domain.message import Message, Rendu
from domain.recuperation import Recuperation
from domain.session import Candidat, Porteur, SessionNeuve, SessionOuverte, SessionVue
from domain.titulaire import Titulaire
from domain.transaction import NouvelleSession, ReponseGardee


class Systeme(Protocol):
    """The clock of calendar rules, ids and chance. Lifetimes go by the database's clock, not by this one."""

    def aujourdhui(self) -> date:
        """Today in metropolitan France."""
        ...

    def nouvel_id(self) -> UUID: ...

    def alea(self) -> float:
        """Uniform in [0, 1)."""
        ...

    def instant(self) -> int:
        """Seconds since 1970, for what others verify by their own clocks: access tokens."""
        ...


class Hacheur(Protocol):
    async def hacher(self, mot_de_passe: str) -> str:
        """An argon2id PHC string. Refuses with `Sature` when too many wait."""
        ...

    async def verifier(self, mot_de_passe: str, empreinte: str | None) -> Verification:
        """As long for None, or for what is no hash, as for a wrong password. Refuses with `Sature` when too many wait."""
        ...


class Verification(Struct, frozen=True):
    """Whether the password is right; if so, `nouvelle` replaces a hash made with weaker parameters."""

    juste: bool
    nouvelle: str | None = None

    def __repr__(self) -> str:
        return f"Verification(juste={self.juste})"


class Coffre(Protocol):
    """What must be read again but not lie in the clear."""

    def sceller(self, clair: bytes) -> bytes: ...

    def ouvrir(self, scelle: bytes) -> bytes | None:
        """None when it was sealed under a key that is gone."""
        ...


@runtime_checkable
class JetonsAcces(Protocol):
    """Access tokens (after RFC 9068, less `client_id`): ES256, verified by anyone through the public keys."""

    def signer(self, porteur: Porteur, secondes: int) -> str:
        """A token good for so many seconds from now."""
        ...

    def lire(self, jeton: str) -> Porteur | None:
        """Whom the token speaks for; None for whatever is not one of ours, of the right kind, and in its time (R64)."""
        ...

    def cles_publiques(self) -> Mapping[str, Any]:
        """The JWK set (RFC 7517): public members alone, one key a server key, the one that signs first."""
        ...


class Prise(Enum):
    """What reserving an idempotency key found."""

    LIBRE = "libre"
    EN_COURS = "en_cours"
    AUTRE_CORPS = "autre_corps"


class Idempotence(Protocol):
    async def prendre(self, cles: Sequence[bytes], demandes: Sequence[bytes], prise: UUID) -> Prise | ReponseGardee:
        """Reserves the key for this request, or tells what became of either. A reservation lasts 30 s, an answer 24 h.

        Their digests under each server key: any is recognised, the first is written.
        """
        ...

    async def liberer(self, cle: bytes, prise: UUID) -> None:
        """Gives the key back after a refusal: the corrected request may use it."""
        ...


@runtime_checkable
class Documents(Protocol):
    async def en_vigueur(self) -> Mapping[str, Version]:
        """The current version of each document, by code."""
        ...

    async def document(self, code: str, version: str) -> Document | None: ...


class Disponibilites(Protocol):
    """The hot reads of the sign-up form, and the limits before them. Refusal: `TropDeDemandes`."""

    async def compter(self, limites: Sequence[Limite]) -> None: ...

    async def libre(self, identifiant: str, limites: Sequence[Limite]) -> bool:
        """Whether nobody has it, nor had it (erased accounts keep theirs)."""
        ...

    async def premiers_libres(self, bases: Sequence[str], limites: Sequence[Limite]) -> list[str]:
        """For each base, itself or its next homonym (`base2`, `base3` …), free at that instant."""
        ...


class Connexions(Protocol):
    """Signing in and going on: one statement each, which commits by itself."""

    async def par_identifiant(self, identifiant: str) -> Candidat | None: ...

    async def par_email(self, email: str) -> Candidat | None:
        """The one active account on which this address is proven; None when there is none, or several."""
        ...

    async def tenter(self, frein: bytes | None, limites: Sequence[Limite]) -> bool:
        """Counts the attempt; False when this account must wait. Refusal: `TropDeDemandes`, when the caller must."""
        ...

    async def rendre(self, frein: bytes | None, limites: Sequence[Limite]) -> None:
        """Forgets the failures, and gives the attempt's own unit back. A crash may lose it: nobody waits for the disk."""
        ...

    async def annuler(self, frein: bytes | None, limites: Sequence[Limite]) -> None:
        """An attempt that nobody judged: takes its own unit back everywhere, the failures stay."""
        ...

    async def ouvrir(self, session: NouvelleSession, rehachee: str | None = None) -> SessionNeuve | None:
        """As `Sessions.ouvrir`, by itself."""
        ...

    async def tourner(self, id: UUID, rang: int, presentee: bytes, suivante: bytes) -> SessionOuverte | None:
        """Replaces the current token by the next, if the one presented is current; of many callers one is served."""
        ...


class DepotRecuperations(Protocol):
    async def deposer(self, demande: Recuperation, client: Sequence[Limite], saisie: Sequence[Limite]) -> None:
        """Queues a request in one statement, the same whatever it designates; silently not beyond the limits of `saisie`.

        Refusal: `TropDeDemandes`, beyond those of `client`.
        """
        ...


class Dossier(Protocol):
    """What the holder reads. The hot read is one statement."""

    async def titulaire(self, porteur: Porteur) -> Titulaire | None: ...

    async def sessions(self, porteur: Porteur) -> list[SessionVue]: ...

    async def activites(self, compte_id: UUID, avant: int | None, nombre: int) -> list[LigneActivite]:
        """Newest first, from below `avant`."""
        ...

    async def actes(self, compte_id: UUID, avant: int | None, nombre: int) -> list[LigneActe]: ...

    async def messages(self, compte_id: UUID) -> list[MessageEnvoye]: ...


class FileMessages(Protocol):
    """The outbox as the worker sees it; each call commits."""

    async def louer(self, canal: Canal, bail: int) -> Message | None:
        """The next message due, nobody else's for `bail` seconds."""
        ...

    async def envoye(self, id: UUID) -> None: ...

    async def differer(self, id: UUID, motif: str, attendre: float) -> None: ...

    async def abandonner(self, id: UUID, motif: str, livraison: Livraison) -> None:
        """Dead-letters it; `livraison` is what its author is shown."""
        ...

    async def prochain(self, canal: Canal) -> float | None:
        """Seconds until the next message of this channel is due; None when none waits."""
        ...


class Conservation(Protocol):
    async def appliquer(self, *, simuler: bool = False) -> Mapping[str, int | Exception]:
        """Deletes, erases or warns of what has had its time (R34): how many rows, by rule, or what it failed of, which keeps
        none of the others from being applied. Idempotent, safe to interrupt.

        `simuler`: counts, and changes nothing.
        """
        ...


class Abonnement(Protocol):
    async def nouvelle(self, delai: float) -> bool:
        """Returns at once if there was news since the last call, else at the next, or after `delai` seconds.

        False when the service is stopping: nobody is to wait any longer.
        """
        ...


class Signaux(Protocol):
    """News from the database, across processes; a lost one is made up for by the caller's own polling."""

    def ecouter(self, sujet: str) -> AbstractContextManager[Abonnement]:
        """`message.sms`, `message.email`, `recuperation`: something to do; `inscription.<id>`: its state changed."""
        ...


class Expediteur(Protocol):
    async def envoyer(self, rendu: Rendu) -> None:
        """Hands it to the provider. Raises `EnvoiDiffere` or `EnvoiRefuse`; anything else is a fault of ours."""
        ...


class Gabarits(Protocol):
    def rendre(self, message: Message) -> Rendu: ...


class MessageRecu(Struct, frozen=True, kw_only=True):
    """A message as the development mailbox shows it."""

    id: UUID
    canal: Canal
    destination: str
    objet: str
    texte: str
    html: str | None
    envoye_le: datetime

    def __repr__(self) -> str:
        return f"MessageRecu(id={self.id}, canal={self.canal})"


@runtime_checkable
class Boite(Protocol):
    """The development mailbox."""

    def messages(self, destination: str | None) -> list[MessageRecu]:
        """Newest first."""
        ...

    def vider(self) -> None: ...


@runtime_checkable
class Sante(Protocol):
    async def prete(self) -> bool:
        """The database answers, and its schema is the one this version expects."""
        ...
