"""Which faults of the database say "come back later", and which are ours."""

from __future__ import annotations

import asyncpg
import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from adapters.postgres.pannes import traduire_pannes
from domain.erreurs import Indisponible

PASSAGERES = [
    OSError("refused"), ConnectionResetError(), TimeoutError(), PoolTimeout(), asyncpg.InterfaceError("closed"),
    asyncpg.InternalClientError("still reading the goodbye"), asyncpg.AdminShutdownError("57P01"),
    asyncpg.CannotConnectNowError("57P03"), asyncpg.TooManyConnectionsError("53300"), asyncpg.DiskFullError("53100"),
    asyncpg.ConnectionDoesNotExistError("08003"), asyncpg.DeadlockDetectedError("40P01"), asyncpg.SerializationError("40001"),
    asyncpg.LockNotAvailableError("55P03"), asyncpg.QueryCanceledError("57014"), asyncpg.ReadOnlySQLTransactionError("25006"),
]  # fmt: skip
DE_NOTRE_FAIT = [
    asyncpg.UniqueViolationError("23505"), asyncpg.CheckViolationError("23514"), asyncpg.UndefinedTableError("42P01"),
    asyncpg.InsufficientPrivilegeError("42501"), asyncpg.DataError("22000"), ValueError(), KeyError(),
]  # fmt: skip


@pytest.mark.parametrize("panne", PASSAGERES, ids=repr)
async def test_a_database_away_full_or_overtaxed_is_said_to_come_back(panne: Exception) -> None:
    with pytest.raises(Indisponible) as refus:
        async with traduire_pannes():
            raise panne
    assert refus.value.attendre >= 1
    assert refus.value.__cause__ is panne


@pytest.mark.parametrize("faute", DE_NOTRE_FAIT, ids=repr)
async def test_a_fault_of_ours_passes_through(faute: Exception) -> None:
    with pytest.raises(type(faute)):
        async with traduire_pannes():
            raise faute
