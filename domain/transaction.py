"""What is written together, and read to be changed: the storage ports of one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct

from domain.activation import Canal, Jeton, Usage
from domain.activite import Activite
from domain.compte import ActivationOuverte, Contact, InscriptionOuverte, Langue, NouveauCompte
from domain.identites import Passages
from domain.juridique import Acte, Par
from domain.limites import Limite
from domain.message import Modele
from domain.profils import Profil
from domain.recuperation import FileRecuperations
from domain.session import Duree, Ouverture, Presentation, SessionNeuve, SessionOuverte
from domain.titulaire import Provenance, Titulaire


class Comptes(Protocol):
    async def ouvrir(
        self, compte: NouveauCompte, actes: Sequence[Acte], duree: timedelta, requete: str
    ) -> InscriptionOuverte | None:
        """Account, contacts and ledger in one statement. `requete`: our own id of the request, for the ledger.

        None, and nothing written, when the chosen identifiant is taken; a generated one always ends by finding its number.
        """
        ...

    async def inscription(self, id: UUID) -> InscriptionOuverte | None:
        """A pending or active account, with its latest open proof."""
        ...

    async def verrouiller(self, id: UUID) -> InscriptionOuverte | None:
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
        prouve_le: datetime | None = None,
    ) -> ActivationOuverte:
        """A new proof and its message, to leave as soon as the transaction commits; no other may be open for this purpose and
        channel.

        `delai`: before a resend. `retenue`: no message leaves, a limit forbids it; a resend may be asked in so many seconds.
        `faits`: what the message tells, nothing secret; read again with `faits()`. `prouve_le`: since when its destination is
        a proven contact of the account, for a way back to it.
        """
        ...

    async def ouvert(self, compte_id: UUID, usage: Usage, canal: Canal) -> ActivationOuverte | None:
        """The open proof of this purpose and channel."""
        ...

    async def faits(self, id: UUID) -> Mapping[str, str]: ...

    async def preciser(self, id: UUID, faits: Mapping[str, str]) -> None:
        """What it tells from now on, and its message too if that has not left yet."""
        ...

    async def renvoyer(self, id: UUID, delai: timedelta) -> None:
        """Counts one more send of an open proof and queues its message; one not sent yet is replaced."""
        ...

    async def compter_essai(self, usage: Usage, id: UUID, compte_id: UUID | None = None) -> tuple[Jeton, int] | None:
        """Counts a try before anybody compares: the proof and the tries left, or None when this try may not be judged.

        `compte_id`: the account it must be of, where the caller has one.
        """
        ...

    async def compter_reprise(self, usage: Usage, id: UUID, reprise: timedelta, compte_id: UUID | None = None) -> Jeton | None:
        """Counts one more try of a proof that was spent less than `reprise` ago; None when it may not be judged."""
        ...

    async def rendre_essai(self, id: UUID) -> None:
        """Gives a try back: the code was right, something else was not."""
        ...

    async def etat(self, id: UUID) -> tuple[Jeton, EtatJeton] | None: ...

    async def depenser(self, id: UUID) -> bool:
        """Spends the proof if it is still open; of many callers one is told True."""
        ...

    async def prouve_le(self, id: UUID) -> datetime:
        """Since when the destination of a way back was proven."""
        ...

    async def annuler_retours(self, compte_id: UUID, depuis: datetime) -> None:
        """Voids the ways back to what was proven since that instant, and less than `OPPOSITION` ago; the others stay good."""
        ...

    async def annuler(self, compte_id: UUID, usages: Sequence[Usage], canal: Canal | None = None) -> None:
        """Voids the open proofs of these purposes, and what was still to be sent for them; of every channel, or of one."""
        ...


class Limites(Protocol):
    async def depenser(self, limites: Sequence[Limite]) -> float | None:
        """Spends one unit of each, or none of any: None, or the seconds after which all would be granted."""
        ...

    async def exiger(self, limites: Sequence[Limite]) -> None:
        """The same, or `TropDeDemandes`, which undoes the transaction that it leaves."""
        ...

    async def freiner(self, frein: bytes) -> bool:
        """Counts a failure before anybody compares; False when this try must wait (G-01)."""
        ...

    async def attente(self, frein: bytes) -> float:
        """Seconds until `freiner` grants again."""
        ...

    async def rendre(self, frein: bytes | None, limites: Sequence[Limite]) -> None:
        """A success: forgets the failures counted on `frein`, and gives back one unit, its own, of each limit (R41)."""
        ...


class ReponseGardee(Struct, frozen=True, kw_only=True):
    """An acknowledged answer, kept for replay: no secret in it. `compte_id`: it goes when that account goes."""

    statut: int
    corps: Mapping[str, Any]
    compte_id: UUID | None


class Reponses(Protocol):
    async def garder(self, cle: bytes, prise: UUID, reponse: ReponseGardee) -> bool:
        """Keeps the answer in the transaction that earned it; False if the reservation was lost meanwhile."""
        ...


class NouvelleSession(Struct, frozen=True, kw_only=True):
    """What opening a session writes. `verifiee`: the hash that the password was compared with, None if none was.

    `par_secret`: it is the sign-up's that opens it, days later perhaps: no proof of who one is.
    `par`: the identity that opens it; None when a secret of ours does.
    """

    id: UUID
    compte_id: UUID
    empreinte: bytes
    duree: Duree
    agent: str | None
    adresse: str | None
    appareil_partage: bool
    verifiee: str | None
    par_secret: bool = False
    par: Ouverture | None = None

    def __repr__(self) -> str:
        return f"NouvelleSession(id={self.id})"


class Sessions(Protocol):
    """Refresh families; whatever the clock says, the database's."""

    async def ouvrir(self, session: NouvelleSession, rehachee: str | None = None) -> SessionNeuve | None:
        """Opens it and notes it in the feed; None, and nothing written, when the account is not active, is leaving, or its
        password has changed since it was compared. `rehachee`: replaces the hash that was verified.

        Beyond `SESSIONS_PAR_COMPTE` live ones, those used least recently end.
        """
        ...

    async def presenter(self, id: UUID, rang: int, reprise: timedelta) -> tuple[Presentation, SessionOuverte, bytes] | None:
        """What presenting another rank means, its family held; with the digest of the current token. None: no such session."""
        ...

    async def terminer(self, compte_id: UUID, id: UUID, motif: str) -> bool:
        """Ends one live session of this account; False when there is none."""
        ...

    async def terminer_toutes(self, compte_id: UUID, motif: str, sauf: UUID | None = None) -> None: ...

    async def terminer_ouvertes_par(self, compte_id: UUID, identites: Sequence[UUID], motif: str) -> list[UUID]:
        """Ends what these identities opened: which sessions."""
        ...

    async def reauthentifier(self, id: UUID, fraicheur: timedelta) -> datetime:
        """The password was just given again; until when that counts."""
        ...

    async def reauthentifier_par(
        self, id: UUID, passage_id: UUID, le: datetime, ecart: timedelta, fraicheur: timedelta
    ) -> datetime | None:
        """The provider says that the person proved who they are at `le`; None when that is too old to count, or was before the
        passage left. `ecart`: by which its clock may differ.
        """
        ...


class Titulaires(Protocol):
    """An active account and what its holder changes of it."""

    async def tenir(self, compte_id: UUID, session_id: UUID) -> Titulaire | None:
        """The account held to the end of the transaction; None when the session, or the account, is no longer live."""
        ...

    async def verrouiller(self, compte_id: UUID) -> bool:
        """Holds an active account that no session asks for: a link was followed. False when it is not active."""
        ...

    async def empreinte_mdp(self, compte_id: UUID) -> tuple[str | None, int]:
        """The password's hash, and the epoch of the devices known with it."""
        ...

    async def profil(self, compte_id: UUID) -> tuple[Profil, dict[str, Provenance]]:
        """And where its fields come from, of an account held by `verrouiller`."""
        ...

    async def mots_connus(self, compte_id: UUID) -> list[str]:
        """What an attacker knows of the person."""
        ...

    async def changer_mot_de_passe(self, compte_id: UUID, empreinte: str | None) -> int:
        """None: the password is disabled. The sign-up secret opens no session, and no device is known, any more: the epoch
        of those that will be.
        """
        ...

    async def renommer(self, compte_id: UUID, identifiant: str, quarantaine: timedelta) -> bool:
        """False, and nothing written, when it is taken. The former one is nobody else's for so long."""
        ...

    async def modifier(
        self, compte_id: UUID, profil: Profil, provenances: Mapping[str, Provenance], langue: Langue, fixe: str | None
    ) -> None: ...

    async def remplacer_contact(self, compte_id: UUID, contact: Contact, prouve_le: datetime | None = None) -> None:
        """Puts a proven contact in; proven at this instant, unless it is one that comes back."""
        ...

    async def retirer_mobile(self, compte_id: UUID) -> None: ...

    async def prouve_le(self, jeton: Jeton) -> datetime | None:
        """Since when the destination of this proof is proven; None when it is no contact of the account any more."""
        ...

    async def demettre(self, compte_id: UUID, depuis: datetime) -> list[tuple[Canal, str]]:
        """The contacts proven after that instant, and less than `OPPOSITION` ago, count as proven no more: those."""
        ...

    async def prevoir_effacement(self, compte_id: UUID, delai: timedelta) -> datetime: ...

    async def effacement_prevu(self, compte_id: UUID) -> bool: ...

    async def annuler_effacement(self, compte_id: UUID) -> None: ...


class Registre(Protocol):
    """The ledger and the feed: what is written is not rewritten."""

    async def acter(self, compte_id: UUID, actes: Sequence[Acte], requete: str) -> None: ...

    async def diffusion(self, compte_id: UUID) -> dict[str, Par] | None:
        """The lists consented to, each with who gave its consent; None unless the account is active or suspended."""
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
    passages: Passages


class Store(Protocol):
    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """All or nothing: committed on leaving the block, rolled back if an exception crosses it. Refusal: `Indisponible`."""
        ...

    def lecture(self) -> AbstractAsyncContextManager[Comptes]:
        """Reads only, each by itself."""
        ...
