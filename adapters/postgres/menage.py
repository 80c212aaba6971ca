"""What has had its time is deleted, a bounded batch at a time, so that nothing grows and no lock is held long."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.pannes import traduire_pannes
from domain.ports import Menage

_LOT = 1000
_ORDRES = tuple(
    text(
        f"delete from {table} where ctid = any (array("  # noqa: S608  (constants)
        f"select ctid from {table} where {perime} limit {_LOT} for update skip locked))"
    )
    for table, perime in (
        ("comptes", "etat = 'en_attente' and expire_le <= horloge()"),
        ("idempotence", "expire_le <= horloge()"),
        ("limites", "expire_le <= horloge()"),
    )
)


class PgMenage(Menage):
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def passer(self) -> None:
        async with traduire_pannes(), self._engine.connect() as connexion:
            for ordre in _ORDRES:
                while (await connexion.execute(ordre)).rowcount == _LOT:
                    pass
