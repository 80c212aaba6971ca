"""What the rules need of the world. Each port is small; its refusals are those of `domain.erreurs` unless it says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from msgspec import Struct

from domain.activation import Canal, Jeton, Livraison
from domain.compte import ActivationOuverte, CompteEnAttente, Contact, NouveauCompte
from domain.juridique import Acte, Document, Version
from domain.limites import Limite
from domain.message import Message, Rendu


class Systeme(Protocol):
    """The clock of calendar rules, ids and chance. Lifetimes go by the database's clock, not by this one."""

    def aujourdhui(self) -> date:
        """Today in metropolitan France."""
        ...

    def nouvel_id(self) -> UUID: ...

    def alea(self) -> float:
        """Uniform in [0, 1)."""
        ...


class Hacheur(Protocol):
    async def hacher(self, mot_de_passe: str) -> str:
        """An argon2id PHC string. Refuses with `Sature` when too many wait."""
        ...

    async def verifier(self, mot_de_passe: str, empreinte: str) -> bool:
        """Refuses with `Sature` when too many wait."""
        ...


class Comptes(Protocol):
    async def ouvrir(
        self, compte: NouveauCompte, actes: Sequence[Acte], duree: timedelta, requete: str
    ) -> CompteEnAttente | None:
        """Account, contacts and ledger in one statement. `requete`: the request's id, for the ledger.

        None, and nothing written, when the chosen identifiant is taken; a generated one always ends by finding its number.
        """
        ...

    async def en_attente(self, id: UUID) -> CompteEnAttente | None:
        """A pending or active account, with its latest open proof."""
        ...

    async def verrouiller(self, id: UUID) -> CompteEnAttente | None:
        """The same, its row held to the end of the transaction: what changes an account goes one at a time."""
        ...

    async def corriger(self, id: UUID, contacts: Sequence[Contact]) -> None:
        """Replaces these contacts, unproven."""
        ...

    async def activer(self, jeton: Jeton) -> bool:
        """Marks the proof's contact verified and the account active, voids its other proofs; False if it was active already."""
        ...

    async def effacer_demande(self, id: UUID) -> bool:
        """Deletes a pending account and everything of it; False if it is not pending any more."""
        ...


class EtatJeton(Enum):
    """Where a proof stands, by the database's clock.

    `RETENU`: never sent yet. `REMPLACE`: a newer one, or a corrected contact, has voided it.
    """

    OUVERT = "ouvert"
    RETENU = "retenu"
    EXPIRE = "expire"
    REMPLACE = "remplace"
    DEPENSE = "depense"


class Jetons(Protocol):
    async def ouvrir(self, jeton: Jeton, duree: timedelta, delai: timedelta, retenue: float | None) -> ActivationOuverte:
        """A new proof and its message, to leave as soon as the transaction commits; no other may be open on this channel.

        `delai`: before a resend. `retenue`: no message leaves, a limit forbids it; a resend may be asked in so many seconds.
        """
        ...

    async def renvoyer(self, id: UUID, delai: timedelta) -> None:
        """Counts one more send of an open proof and queues its message; one not sent yet is replaced."""
        ...

    async def compter_essai(self, compte_id: UUID, id: UUID) -> tuple[Jeton, int] | None:
        """Counts a try before anybody compares: the proof and the tries left, or None when this try may not be judged."""
        ...

    async def etat(self, id: UUID) -> tuple[Jeton, EtatJeton] | None: ...

    async def depenser(self, id: UUID) -> bool:
        """Spends the proof if it is still open; of many callers one is told True."""
        ...

    async def annuler(self, compte_id: UUID, canal: Canal) -> None:
        """Voids the open proof of a channel, and what was still to be sent for it."""
        ...


class Limites(Protocol):
    async def depenser(self, limites: Sequence[Limite]) -> float | None:
        """Spends one unit of each, or none of any: None, or the seconds after which all would be granted."""
        ...


class ReponseGardee(Struct, frozen=True, kw_only=True):
    """An acknowledged answer, kept for replay: no secret in it. `compte_id`: it goes when the account goes."""

    statut: int
    corps: Mapping[str, Any]
    compte_id: UUID


class Prise(Enum):
    """What reserving an idempotency key found."""

    LIBRE = "libre"
    EN_COURS = "en_cours"
    AUTRE_CORPS = "autre_corps"


class Idempotence(Protocol):
    async def prendre(self, cle: bytes, empreinte: bytes, prise: UUID) -> Prise | ReponseGardee:
        """Reserves the key for this body, or tells what became of it. A reservation lasts 30 s, an answer 24 h."""
        ...

    async def liberer(self, cle: bytes, prise: UUID) -> None:
        """Gives the key back after a refusal: the corrected request may use it."""
        ...


class Reponses(Protocol):
    async def garder(self, cle: bytes, prise: UUID, reponse: ReponseGardee) -> bool:
        """Keeps the answer in the transaction that earned it; False if the reservation was lost meanwhile."""
        ...


@runtime_checkable
class Documents(Protocol):
    async def en_vigueur(self) -> Mapping[str, Version]:
        """The current version of each document, by code."""
        ...

    async def document(self, code: str, version: str) -> Document | None: ...


class Disponibilites(Protocol):
    """The hot reads of the sign-up form, and the limits before them. Refusal: `TropDeDemandes`."""

    async def libre(self, identifiant: str, limites: Sequence[Limite]) -> bool:
        """Whether nobody has it, nor had it (erased accounts keep theirs)."""
        ...

    async def premiers_libres(self, bases: Sequence[str], limites: Sequence[Limite]) -> list[str]:
        """For each base, itself or its next homonym (`base2`, `base3` …), free at that instant."""
        ...


@dataclass(frozen=True, slots=True)
class Transaction:
    """The storage ports of one transaction."""

    comptes: Comptes
    jetons: Jetons
    limites: Limites
    reponses: Reponses


class Store(Protocol):
    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """All or nothing: committed on leaving the block, rolled back if an exception crosses it. Refusal: `Indisponible`."""
        ...

    def lecture(self) -> AbstractAsyncContextManager[Comptes]:
        """Reads only, each by itself."""
        ...


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


class Menage(Protocol):
    async def passer(self) -> None:
        """Deletes what has had its time: abandoned sign-ups, kept answers, spent limits. Idempotent."""
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
        """`message.sms`, `message.email`: something to send; `inscription.<id>`: its state changed."""
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
