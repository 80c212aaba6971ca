"""What a silent, full or absent PostgreSQL becomes: `Indisponible`, never a stack trace; and one line in the log."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.erreurs import Indisponible

# Seconds a client is told to wait.
RETOUR = 5.0

# SQLSTATE classes and codes that say "not now" rather than "wrong": connection, resources, operator intervention, system
# faults, deadlock and serialization, lock not available, read-only after a switch-over, a role or a database that the server
# does not know, or no longer.
_PASSAGERS = ("08", "53", "57", "58", "40", "55P03", "25006", "28", "3D")

# Seconds without any failure before the database is said to be back: a full one answers every other request.
_CALME = 5.0

_journal = logging.getLogger("comptoir.base")


class Etat:
    """The database as this process sees it. The log tells when that changes, not each request that suffers from it."""

    def __init__(self, horloge: Callable[[], float] = time.monotonic) -> None:
        self._horloge = horloge
        self._derniere: float | None = None

    def panne(self, panne: Exception) -> None:
        if self._derniere is None:
            _journal.warning("base indisponible", extra={"type": type(_cause(panne)).__name__, "sqlstate": sqlstate(panne)})
        self._derniere = self._horloge()

    def reponse(self) -> None:
        if self._derniere is not None and self._horloge() - self._derniere >= _CALME:
            self._derniere = None
            _journal.info("base de retour")


# One for the process: every door to the database tells it.
ETAT = Etat()


@asynccontextmanager
async def traduire_pannes() -> AsyncIterator[None]:
    """What says that the database is away, full or overtaxed becomes `Indisponible`; a fault of ours passes through."""
    try:
        yield
    # InternalClientError: asyncpg is still reading the goodbye of a connection that the server has cut.
    except (PoolTimeout, TimeoutError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as panne:
        ETAT.panne(panne)
        raise Indisponible(RETOUR) from panne
    except (asyncpg.PostgresError, DBAPIError) as panne:
        if est_passagere(panne):
            ETAT.panne(panne)
            raise Indisponible(RETOUR) from panne
        raise
    else:
        ETAT.reponse()


def est_passagere(panne: Exception) -> bool:
    coupee = isinstance(panne, DBAPIError) and (
        panne.connection_invalidated or isinstance(panne, OperationalError | InterfaceError)
    )
    return coupee or sqlstate(panne).startswith(_PASSAGERS)


def sqlstate(panne: Exception) -> str:
    return getattr(_cause(panne), "sqlstate", None) or ""


def _cause(panne: BaseException) -> BaseException:
    """The driver's own error, where SQLAlchemy has wrapped it."""
    return (panne.orig.__cause__ or panne.orig) if isinstance(panne, DBAPIError) and panne.orig else panne
