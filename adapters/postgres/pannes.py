"""What a silent, full or absent PostgreSQL becomes: `Indisponible`, never a stack trace; and one line in the log."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
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
# What an operator repairs, not the caller: a table, a function or a column that `comptoir migrate` has yet to make; for
# `migrate` itself, a right that its role lacks, a role that does not exist.
SCHEMA, DROITS = ("42P01", "42883", "42703"), ("42501", "42704")

# Seconds without any failure before the database is said to be back: a full one answers every other request.
_CALME = 5.0

_journal = logging.getLogger("comptoir.base")


class Etat:
    """The database as this process sees it. The log tells when that changes, not each request that suffers from it."""

    def __init__(self, horloge: Callable[[], float] = time.monotonic) -> None:
        self._horloge = horloge
        self._derniere: float | None = None
        self._schema = True

    def schema(self, a_jour: bool, **faits: str) -> None:
        """By itself: a database without our tables answers, and would be said to be back at each beat of the heart."""
        avant, self._schema = self._schema, a_jour
        if avant and not a_jour:
            _journal.warning("schéma absent, ancien ou interdit : lancer « comptoir migrate »", extra=faits)
        elif a_jour and not avant:
            _journal.info("schéma à jour")

    def panne(self, panne: Exception) -> None:
        if self._derniere is None:
            _journal.warning("base indisponible", extra=_faits(panne))
        self._derniere = self._horloge()

    def reponse(self) -> None:
        if self._derniere is not None and self._horloge() - self._derniere >= _CALME:
            self._derniere = None
            _journal.info("base de retour")


# One for the process: every door to the database tells it.
ETAT = Etat()


@asynccontextmanager
async def traduire_pannes(a_reparer: Sequence[str] = SCHEMA) -> AsyncIterator[None]:
    """What says that the database is away, full or overtaxed, or has `a_reparer`, becomes `Indisponible`; a fault of ours
    passes through.
    """
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
        if sqlstate(panne) in a_reparer:
            ETAT.schema(False, **_faits(panne))
            raise Indisponible(RETOUR) from panne
        raise
    else:
        ETAT.reponse()


def est_passagere(panne: Exception) -> bool:
    coupee = isinstance(panne, DBAPIError) and (
        panne.connection_invalidated or isinstance(panne, OperationalError | InterfaceError)
    )
    return coupee or sqlstate(panne).startswith(_PASSAGERS)


def sqlstate(panne: BaseException) -> str:
    return getattr(cause(panne), "sqlstate", None) or ""


def _faits(panne: BaseException) -> dict[str, str]:
    return {"type": type(cause(panne)).__name__, "sqlstate": sqlstate(panne)}


def cause(panne: BaseException) -> BaseException:
    """The driver's own error, where SQLAlchemy has wrapped it."""
    return (panne.orig.__cause__ or panne.orig) if isinstance(panne, DBAPIError) and panne.orig else panne
