"""Who calls, in what language, and whether the call is a retry of one already served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from msgspec import Struct, to_builtins

from domain.compte import Langue
from domain.erreurs import CleIdempotenceReutilisee, RequeteEnCours
from domain.jetons import Trousseau
from domain.ports import Idempotence, Prise, Systeme
from domain.transaction import ReponseGardee, Reponses

# Seconds a client is told to wait while its first request is being served.
_PATIENCE = 1.0


class Appel(Struct, frozen=True, kw_only=True):
    """What a use case needs of the request itself.

    `client`: its address; `agent`: what it calls itself; `corps`: the body in canonical JSON. `trace`: our own id of it.
    """

    client: str
    agent: str | None = None
    langue: Langue = "fr"
    trace: str = ""
    cle_idempotence: str | None = None
    corps: bytes = b""

    def __repr__(self) -> str:
        return f"Appel(trace={self.trace!r})"


class Reservation(Struct, frozen=True):
    """An idempotency key held for this request; nothing when the client sent none."""

    cle: bytes | None = None
    prise: UUID | None = None

    async def garder(self, reponses: Reponses, statut: int, corps: Any, compte_id: UUID | None) -> None:
        """Keeps the answer, in the transaction that earns it."""
        if self.cle is None or self.prise is None:
            return
        gardee = ReponseGardee(statut=statut, corps=to_builtins(corps), compte_id=compte_id)
        if not await reponses.garder(self.cle, self.prise, gardee):
            raise RequeteEnCours(_PATIENCE)


class Rejeux:
    """Idempotency keys, scoped to the operation and to who asks (draft-ietf-httpapi-idempotency-key-header).

    With a bearer, the operation names it. Without one, nothing names a person: a telephone changes network between two tries,
    and two strangers may choose one key. So the same key and body are the same request, from wherever they come; the same key
    with another body is a mistake of the address that already used it, and nobody else's business.
    """

    def __init__(self, idempotence: Idempotence, trousseau: Trousseau, systeme: Systeme) -> None:
        self._idempotence, self._trousseau, self._systeme = idempotence, trousseau, systeme

    @asynccontextmanager
    async def une_fois(
        self, appel: Appel, operation: str, *, publique: bool = False
    ) -> AsyncIterator[Reservation | ReponseGardee]:
        """A reservation to complete, or the answer already given. A refusal gives the key back."""
        if appel.cle_idempotence is None:
            yield Reservation()
            return
        visee = f"{operation}\0{appel.cle_idempotence}\0"
        cles = self._trousseau.empreintes("idempotence", visee + (appel.client if publique else ""))
        # Keyed: the body holds a password, whose plain digest could be guessed at leisure.
        demandes = self._trousseau.empreintes("demande", visee.encode() + appel.corps)
        prise = self._systeme.nouvel_id()
        trouve = await self._idempotence.prendre(cles, demandes, prise)
        if trouve is Prise.EN_COURS:
            raise RequeteEnCours(_PATIENCE)
        if trouve is Prise.AUTRE_CORPS:
            raise CleIdempotenceReutilisee
        if isinstance(trouve, ReponseGardee):
            yield trouve
            return
        try:
            yield Reservation(cles[0], prise)
        except BaseException:
            await self._idempotence.liberer(cles[0], prise)
            raise
