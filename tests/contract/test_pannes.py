"""Which faults of the database say "come back later", and which are ours."""

from __future__ import annotations

import json

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from adapters.postgres.pannes import ETAT, Etat, traduire_pannes
from domain.erreurs import Indisponible
from tests.recueil import Recueil

PASSAGERES = [
    OSError("refused"), ConnectionResetError(), TimeoutError(), PoolTimeout(), asyncpg.InterfaceError("closed"),
    asyncpg.InternalClientError("still reading the goodbye"), asyncpg.AdminShutdownError("57P01"),
    asyncpg.CannotConnectNowError("57P03"), asyncpg.TooManyConnectionsError("53300"), asyncpg.DiskFullError("53100"),
    asyncpg.ConnectionDoesNotExistError("08003"), asyncpg.DeadlockDetectedError("40P01"), asyncpg.SerializationError("40001"),
    asyncpg.InvalidPasswordError("28P01"), asyncpg.InvalidCatalogNameError("3D000"),
    asyncpg.LockNotAvailableError("55P03"), asyncpg.QueryCanceledError("57014"), asyncpg.ReadOnlySQLTransactionError("25006"),
    asyncpg.UndefinedTableError("42P01"), asyncpg.UndefinedFunctionError("42883"), asyncpg.UndefinedColumnError("42703"),
]  # fmt: skip
DE_NOTRE_FAIT = [
    asyncpg.UniqueViolationError("23505"), asyncpg.CheckViolationError("23514"),
    asyncpg.InsufficientPrivilegeError("42501"), asyncpg.DataError("22000"), ValueError(), KeyError(),
]  # fmt: skip


@pytest.mark.parametrize("panne", PASSAGERES, ids=repr)
async def test_a_database_away_full_overtaxed_or_not_migrated_is_said_to_come_back(panne: Exception) -> None:
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


def lus(recueil: Recueil) -> list[tuple[str, str, str | None, str | None]]:
    lignes = [json.loads(ligne) for ligne in recueil.lignes]
    return [(e["niveau"], e["message"], e.get("type"), e.get("sqlstate")) for e in lignes if e["source"] == "comptoir.base"]


def test_the_log_tells_when_the_database_is_lost_and_when_it_is_back_and_not_each_request(recueil: Recueil) -> None:
    instants = iter([0.0, 1.0, 2.0, 6.0, 7.0, 20.0])
    etat = Etat(lambda: next(instants))
    etat.reponse()
    etat.panne(ConnectionRefusedError())
    etat.panne(asyncpg.CannotConnectNowError())
    # One answer among failures is not a return.
    etat.reponse()
    etat.reponse()
    etat.reponse()
    assert lus(recueil) == [
        ("WARNING", "base indisponible", "ConnectionRefusedError", ""),
        ("INFO", "base de retour", None, None),
    ]


async def test_what_is_logged_is_the_driver_s_own_error_without_its_text(
    recueil: Recueil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ETAT, "_derniere", None)
    enveloppe = DBAPIError("select 1", {}, _causee(asyncpg.DiskFullError("ines.dupont")))
    with pytest.raises(Indisponible):
        async with traduire_pannes():
            raise enveloppe
    assert lus(recueil) == [("WARNING", "base indisponible", "DiskFullError", "53100")]
    assert "ines" not in "".join(recueil.lignes)


def _causee(cause: Exception) -> Exception:
    """As SQLAlchemy holds it."""
    erreur = Exception("ines.dupont")
    erreur.__cause__ = cause
    return erreur
