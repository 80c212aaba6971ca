"""Passages on their way and identities attached, as one transaction stores them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.federation import Fournisseur, IdentiteAttachee, IdentiteRecue
from domain.passage import IdentiteConnue, Passage
from domain.profils import Profil
from domain.titulaire import Provenance


class Passages(Protocol):
    """Passages and identities, in one transaction."""

    async def ouvrir(self, passage: Passage, defi: str, duree: timedelta) -> datetime:
        """Its end."""
        ...

    async def revenir(self, id: UUID) -> Passage | None:
        """Marks that the browser came back: once, in time, and of many one."""
        ...

    async def retour(self, id: UUID) -> tuple[str, bool] | None:
        """Where a passage goes back to, even one that is over; and whether its exchange is still waited for."""
        ...

    async def deposer(self, id: UUID, identite: bytes, duree: timedelta) -> None:
        """Keeps the sealed identity for the exchange of our own code, for so long."""
        ...

    async def echanger(self, id: UUID, defi: str, duree: timedelta) -> tuple[Passage, datetime] | None:
        """Spends our code if the challenge is the departure's; the passage, good for a sign-up for so long, and its end."""
        ...

    async def depenser(self, id: UUID, compte_id: UUID | None = None) -> Passage | None:
        """Spends what an exchange left, once, in time: to sign up with, or for this account."""
        ...

    async def abandonner(self, id: UUID) -> Passage | None:
        """Nobody signs up with it any more, if anybody has; what it left, in time."""
        ...

    async def regarder(self, id: UUID) -> Passage | None:
        """What `depenser` would give, left unspent."""
        ...

    async def connue(self, emetteur: str, sub: str) -> IdentiteConnue | None: ...

    async def semblable(self, empreinte: bytes) -> bool:
        """Whether an active account bears another identity with this digest."""
        ...

    async def recommencer(self, emetteur: str, sub: str) -> None:
        """Makes way for whoever proves this identity now: the sign-up that had it and was never activated is deleted, with the
        name it held. Of several at once, each takes its turn, to the end of its transaction.
        """
        ...

    async def attacher(
        self, compte_id: UUID, identite: IdentiteRecue, empreinte: bytes | None, jeton: bytes | None = None
    ) -> bool:
        """False when it is attached already, to this account or another.

        `jeton`: the sealed id_token, for the session that the sign-up will open.
        """
        ...

    async def revoir(self, identite: IdentiteRecue) -> None:
        """Notes that it was used, with what it says now."""
        ...

    async def identites(self, compte_id: UUID) -> list[IdentiteAttachee]: ...

    async def detacher(self, compte_id: UUID, identites: Sequence[UUID]) -> None:
        """What the account had under way with any provider is given up with them."""
        ...

    async def evincer(self, compte_id: UUID) -> list[Fournisseur]:
        """Detaches what was attached after the oldest contact still proven, and gives up what was under way: the providers,
        each once.
        """
        ...

    async def noter_session(self, session_id: UUID, fournisseur: Fournisseur, jeton: bytes) -> None:
        """What signing out of this provider will need, if the session is known."""
        ...

    async def confier_jeton(self, compte_id: UUID, session_id: UUID) -> None:
        """Hands what a sign-up left over to its first session, which its identity opens."""
        ...

    async def jetons_de_session(self, session_id: UUID) -> list[tuple[Fournisseur, bytes]]: ...

    async def completer(self, compte_id: UUID, profil: Profil, provenances: Mapping[str, Provenance]) -> None:
        """The profile and the provenance of its fields, once an identity says more."""
        ...
