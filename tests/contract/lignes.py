"""Rows as the database holds them, put in by its owner before a port is tried; and a clock that is told the time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from tests.builders import un_citoyen

# When the clock of these tests begins.
T0 = datetime(2026, 11, 21, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
JOUR = timedelta(days=1)
EMPREINTE = "$argon2id$v=19$m=8,t=1,p=1$c2Vs$aGFjaGU"


class Horloge:
    """The database's clock, stopped: an edge is exact, however slow the machine."""

    def __init__(self, proprietaire: asyncpg.Connection) -> None:
        self._proprietaire = proprietaire
        self.instant = T0

    async def mettre(self, instant: datetime) -> None:
        self.instant = instant
        await self._proprietaire.execute(
            "create or replace function horloge() returns timestamptz language sql volatile as"
            f" $$ select timestamptz '{instant.isoformat()}' $$"
        )

    async def avancer(self, duree: timedelta) -> None:
        await self.mettre(self.instant + duree)


async def un_actif(proprietaire: asyncpg.Connection, identifiant: str = "ines.dupont", **colonnes: Any) -> UUID:
    """An active account, its two proven contacts, what it accepted; `colonnes`: of its row."""
    id_, etat = uuid4(), colonnes.pop("etat", "actif")
    await proprietaire.execute(
        "insert into comptes (id, identifiant, etat, profil, empreinte_mdp, langue, expire_le, active_le, vu_le)"
        " values ($1, $2, $5, $3, $4, 'fr', horloge() + interval '7 days', horloge(), horloge()::date)",
        id_,
        identifiant,
        msgspec.json.encode(un_citoyen()).decode(),
        EMPREINTE,
        etat,
    )
    await proprietaire.execute(
        "insert into contacts (compte_id, nature, valeur, recoit_sms, verifie_le)"
        " values ($1, 'email', 'ines@exemple.fr', false, horloge()), ($1, 'telephone_mobile', '+33612345678', true, horloge())",
        id_,
    )
    await proprietaire.execute(
        "insert into actes_juridiques"
        " (compte_id, nature, objet, valeur, document_code, document_version, document_sha256, langue, requete_id)"
        " select $1, 'acceptation', code, true, code, version, sha256, 'fr', 'requete' from documents_juridiques",
        id_,
    )
    await regler(proprietaire, id_, **colonnes)
    return id_


async def regler(proprietaire: asyncpg.Connection, compte: UUID, **colonnes: Any) -> None:
    for colonne, valeur in colonnes.items():
        await proprietaire.execute(f"update comptes set {colonne} = $2 where id = $1", compte, valeur)  # noqa: S608


async def un_autre_attend(proprietaire: asyncpg.Connection) -> None:
    """Returns once somebody waits for a lock."""
    # Not pg_stat_activity, which a transaction sees as it was at its first look.
    ordre = "select exists (select from pg_locks where not granted)"
    async with asyncio.timeout(60):
        while not await proprietaire.fetchval(ordre):
            pass
