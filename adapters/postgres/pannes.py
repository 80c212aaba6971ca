"""What a silent, full or absent PostgreSQL becomes: `Indisponible`, never a stack trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.erreurs import Indisponible

# Seconds a client is told to wait.
RETOUR = 5.0

# SQLSTATE classes and codes that say "not now" rather than "wrong": connection, resources, operator intervention, system
# faults, deadlock and serialization, lock not available, read-only after a switch-over.
_PASSAGERS = ("08", "53", "57", "58", "40", "55P03", "25006")


@asynccontextmanager
async def traduire_pannes() -> AsyncIterator[None]:
    """What says that the database is away, full or overtaxed becomes `Indisponible`; a fault of ours passes through."""
    try:
        yield
    # InternalClientError: asyncpg is still reading the goodbye of a connection that the server has cut.
    except (PoolTimeout, TimeoutError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as panne:
        raise Indisponible(RETOUR) from panne
    except (asyncpg.PostgresError, DBAPIError) as panne:
        if est_passagere(panne):
            raise Indisponible(RETOUR) from panne
        raise


def est_passagere(panne: Exception) -> bool:
    if isinstance(panne, DBAPIError):
        if panne.connection_invalidated or isinstance(panne, OperationalError | InterfaceError):
            return True
        return _sqlstate(panne.orig).startswith(_PASSAGERS)
    return _sqlstate(panne).startswith(_PASSAGERS)


def _sqlstate(panne: Any) -> str:
    return getattr(panne, "sqlstate", None) or getattr(panne, "pgcode", None) or ""
