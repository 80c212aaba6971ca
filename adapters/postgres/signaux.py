"""News by LISTEN/NOTIFY on one connection a process; it comes back by itself when the database does."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import asyncpg

from adapters.postgres.adresse import reglages
from adapters.postgres.pannes import ETAT
from domain.ports import Abonnement, Signaux

CANAL = "comptoir"
# Between two attempts to listen again, and between two proofs that the connection still lives, in seconds.
REPRISE, BATTEMENT = 1.0, 30.0


class _Abonne(Abonnement):
    def __init__(self, *, ferme: bool) -> None:
        self.evenement = asyncio.Event()
        self.ferme = ferme

    async def nouvelle(self, delai: float) -> bool:
        if not self.ferme:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.evenement.wait(), delai)
            self.evenement.clear()
        return not self.ferme


class PgSignaux(Signaux):
    def __init__(self, url: str) -> None:
        self._url = url
        self._abonnes: defaultdict[str, set[_Abonne]] = defaultdict(set)
        self._tache: asyncio.Task[None] | None = None
        self._ferme = False

    @contextmanager
    def ecouter(self, sujet: str) -> Iterator[Abonnement]:
        abonne = _Abonne(ferme=self._ferme)
        self._abonnes[sujet].add(abonne)
        try:
            yield abonne
        finally:
            self._abonnes[sujet].discard(abonne)
            if not self._abonnes[sujet]:
                del self._abonnes[sujet]

    def demarrer(self) -> None:
        self._tache = asyncio.create_task(self._ecouter(), name="signaux")

    def fermer(self) -> None:
        """Lets whoever waits go: a service that is asked to stop does not keep its callers."""
        self._ferme = True
        for abonnes in self._abonnes.values():
            for abonne in abonnes:
                abonne.ferme = True
        self._reveiller_tous()

    async def arreter(self) -> None:
        self.fermer()
        if self._tache:
            self._tache.cancel()
            with suppress(asyncio.CancelledError):
                await self._tache

    async def _ecouter(self) -> None:
        while True:
            try:
                await self._une_connexion()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as panne:
                ETAT.panne(panne)
            await asyncio.sleep(REPRISE)

    async def _une_connexion(self) -> None:
        connexion = await asyncpg.connect(**reglages(self._url))
        try:
            await connexion.add_listener(CANAL, self._recevoir)
            # What was said while nobody listened is lost: let every waiter look again.
            self._reveiller_tous()
            while True:
                await asyncio.sleep(BATTEMENT)
                await connexion.execute("select 1")
                ETAT.reponse()
        finally:
            connexion.terminate()

    def _recevoir(self, _connexion: object, _pid: int, _canal: str, sujet: object) -> None:
        for abonne in self._abonnes.get(str(sujet), ()):
            abonne.evenement.set()

    def _reveiller_tous(self) -> None:
        for abonnes in self._abonnes.values():
            for abonne in abonnes:
                abonne.evenement.set()
