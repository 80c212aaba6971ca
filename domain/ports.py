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

from domain.activation import Canal, Jeton, Livraison, Usage
from domain.activite import Activite, LigneActivite
from domain.compte import ActivationOuverte, CompteEnAttente, Contact, Langue, NouveauCompte
from domain.consentements import LigneActe
from domain.export import MessageEnvoye
from domain.juridique import Acte, Document, Version
from domain.limites import Limite
from domain.message import Message, Modele, Rendu
from domain.profils import Profil
from domain.recuperation import Destinataire, Recuperation
from domain.session import Candidat, Duree, Porteur, Presentation, SessionOuverte, SessionVue
from domain.titulaire import ContactTenu, Titulaire


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


class JetonsAcces(Protocol):
    """Access tokens (RFC 9068): ES256, verified by anyone through the public keys."""

    def signer(self, porteur: Porteur, secondes: int) -> str:
        """A token good for so many seconds from now."""
        ...

    def lire(self, jeton: str) -> Porteur | None:
        """Whom the token speaks for; None for whatever is not one of ours, of the right kind, and in its time (R64)."""
        ...

    def cles_publiques(self) -> Mapping[str, Any]:
        """The JWK set (RFC 7517): public members alone, one key a server key, the one that signs first."""
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

    async def depenser_secret(self, id: UUID) -> bool:
        """Marks the sign-up secret as exchanged for a session; False if it was, or may not be any more."""
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
    async def ouvrir(
        self,
        jeton: Jeton,
        duree: timedelta,
        delai: timedelta,
        retenue: float | None,
        faits: Mapping[str, str] = {},
    ) -> ActivationOuverte:
        """A new proof and its message, to leave as soon as the transaction commits; no other may be open for this purpose and
        channel.

        `delai`: before a resend. `retenue`: no message leaves, a limit forbids it; a resend may be asked in so many seconds.
        `faits`: what the message tells, nothing secret; read again with `faits()`.
        """
        ...

    async def ouvert(self, compte_id: UUID, usage: Usage, canal: Canal) -> ActivationOuverte | None:
        """The open proof of this purpose and channel."""
        ...

    async def faits(self, id: UUID) -> Mapping[str, str]: ...

    async def renvoyer(self, id: UUID, delai: timedelta) -> None:
        """Counts one more send of an open proof and queues its message; one not sent yet is replaced."""
        ...

    async def compter_essai(self, usage: Usage, id: UUID, compte_id: UUID | None = None) -> tuple[Jeton, int] | None:
        """Counts a try before anybody compares: the proof and the tries left, or None when this try may not be judged.

        `compte_id`: the account it must be of, where the caller has one.
        """
        ...

    async def etat(self, id: UUID) -> tuple[Jeton, EtatJeton] | None: ...

    async def depenser(self, id: UUID) -> bool:
        """Spends the proof if it is still open; of many callers one is told True."""
        ...

    async def annuler_retours(self, jeton: Jeton) -> None:
        """Voids the ways back to what its channel was after this one was made; earlier ones stay good."""
        ...

    async def annuler(self, compte_id: UUID, usages: Sequence[Usage], canal: Canal | None = None) -> None:
        """Voids the open proofs of these purposes, and what was still to be sent for them; of every channel, or of one."""
        ...


class Limites(Protocol):
    async def depenser(self, limites: Sequence[Limite]) -> float | None:
        """Spends one unit of each, or none of any: None, or the seconds after which all would be granted."""
        ...

    async def freiner(self, frein: bytes) -> bool:
        """Counts a failure before anybody compares; False when this try must wait (G-01)."""
        ...

    async def rendre(self, frein: bytes | None, limites: Sequence[Limite]) -> None:
        """A success: forgets the failures counted on `frein`, and gives back one unit, its own, of each limit (R41)."""
        ...


class ReponseGardee(Struct, frozen=True, kw_only=True):
    """An acknowledged answer, kept for replay: no secret in it. `compte_id`: it goes when that account goes."""

    statut: int
    corps: Mapping[str, Any]
    compte_id: UUID | None


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


class Connexions(Protocol):
    """What stands before a sign-in: which account it names, and whether it may be tried now. Each call commits by itself."""

    async def par_identifiant(self, identifiant: str) -> Candidat | None: ...

    async def par_email(self, email: str) -> Candidat | None:
        """The one active account on which this address is proven; None when there is none, or several."""
        ...

    async def tenter(self, frein: bytes | None, limites: Sequence[Limite]) -> bool:
        """Counts the attempt; False when this account must wait. Refusal: `TropDeDemandes`, when the caller must."""
        ...


class NouvelleSession(Struct, frozen=True, kw_only=True):
    """What opening a session writes. `verifiee`: the hash that the password was compared with, None if none was."""

    id: UUID
    compte_id: UUID
    empreinte: bytes
    duree: Duree
    agent: str | None
    adresse: str | None
    appareil_partage: bool
    verifiee: str | None

    def __repr__(self) -> str:
        return f"NouvelleSession(id={self.id})"


class Sessions(Protocol):
    """Refresh families; whatever the clock says, the database's."""

    async def ouvrir(self, session: NouvelleSession, rehachee: str | None = None) -> SessionOuverte | None:
        """Opens it and notes it in the feed; None, and nothing written, when the account is not active, is leaving, or its
        password has changed since it was compared. `rehachee`: replaces the hash that was verified.
        """
        ...

    async def tourner(self, id: UUID, rang: int, presentee: bytes, suivante: bytes) -> SessionOuverte | None:
        """Replaces the current token by the next, if the one presented is current; of many callers one is served."""
        ...

    async def presenter(self, id: UUID, rang: int, reprise: timedelta) -> tuple[Presentation, SessionOuverte, bytes] | None:
        """What presenting another rank means, its family held; with the digest of the current token. None: no such session."""
        ...

    async def terminer(self, compte_id: UUID, id: UUID, motif: str) -> bool:
        """Ends one live session of this account; False when there is none."""
        ...

    async def terminer_toutes(self, compte_id: UUID, motif: str, sauf: UUID | None = None) -> int: ...

    async def reauthentifier(self, id: UUID, fraicheur: timedelta) -> datetime:
        """The password was just given again; until when that counts."""
        ...


class Titulaires(Protocol):
    """An active account and what its holder changes of it."""

    async def tenir(self, compte_id: UUID, session_id: UUID) -> Titulaire | None:
        """The account held to the end of the transaction; None when the session, or the account, is no longer live."""
        ...

    async def verrouiller(self, compte_id: UUID) -> bool:
        """Holds an active account that no session asks for: a link was followed. False when it is not active."""
        ...

    async def empreinte_mdp(self, compte_id: UUID) -> str | None: ...

    async def mots_connus(self, compte_id: UUID) -> list[str]:
        """What an attacker knows of the person."""
        ...

    async def changer_mot_de_passe(self, compte_id: UUID, empreinte: str | None) -> None:
        """None: the password is disabled. The sign-up secret opens no session any more."""
        ...

    async def renommer(self, compte_id: UUID, identifiant: str, quarantaine: timedelta) -> bool:
        """False, and nothing written, when it is taken. The former one is nobody else's for so long."""
        ...

    async def modifier(self, compte_id: UUID, profil: Profil, langue: Langue, fixe: str | None) -> None: ...

    async def remplacer_contact(self, compte_id: UUID, contact: Contact) -> ContactTenu | None:
        """Puts a proven contact in; the one it replaces."""
        ...

    async def demettre(self, compte_id: UUID, canal: Canal) -> None:
        """The contact of this channel counts as proven no more."""
        ...

    async def prevoir_effacement(self, compte_id: UUID, delai: timedelta) -> datetime: ...

    async def annuler_effacement(self, compte_id: UUID) -> bool:
        """False when none was to come."""
        ...


class Registre(Protocol):
    """The ledger and the feed: what is written is not rewritten."""

    async def acter(self, compte_id: UUID, actes: Sequence[Acte], langue: Langue, requete: str) -> None: ...

    async def diffusion(self, compte_id: UUID) -> tuple[dict[str, bool], Langue] | None:
        """The choices in force of an active account, and its language."""
        ...

    async def noter(self, compte_id: UUID, activite: Activite) -> None: ...


class Avis(Protocol):
    async def avertir(
        self,
        compte_id: UUID,
        modele: Modele,
        faits: Mapping[str, str] = {},
        *,
        partout: bool = False,
        par: Canal | None = None,
        sauf: str = "",
    ) -> None:
        """Queues a notice to the account's proven e-mail, or mobile if there is none; to both with `partout`.

        `par`: by this channel or not at all. `sauf`: an address that is told otherwise.
        """
        ...


class FileRecuperations(Protocol):
    async def prendre(self) -> Recuperation | None:
        """Takes the first request due out of the queue; it is back there if the transaction fails."""
        ...

    async def reporter(self, demande: Recuperation, attendre: float) -> None:
        """Puts it back, due in so many seconds."""
        ...

    async def prochaine(self) -> float | None:
        """Seconds until the next one is due; None when none waits."""
        ...

    async def ecarter(self) -> None:
        """Drops the first request due: looking at it fails, and others wait."""
        ...

    async def par_identifiant(self, identifiant: str) -> list[Destinataire]: ...

    async def par_email(self, email: str) -> list[Destinataire]:
        """The active accounts on which this address is proven."""
        ...

    async def envoyer_identifiants(self, destinataire: Destinataire) -> None:
        """Queues the message that lists the identifiants of this address, to it."""
        ...


class Recuperations(Protocol):
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


@dataclass(frozen=True, slots=True)
class Transaction:
    """The storage ports of one transaction."""

    comptes: Comptes
    jetons: Jetons
    limites: Limites
    reponses: Reponses
    sessions: Sessions
    titulaires: Titulaires
    registre: Registre
    avis: Avis
    recuperations: FileRecuperations


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


class Conservation(Protocol):
    async def appliquer(self, *, simuler: bool = False) -> Mapping[str, int]:
        """Deletes, erases or warns of what has had its time (R34): how many rows, by rule. Idempotent, safe to interrupt.

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
