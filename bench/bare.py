"""The practical limit of this stack: the same server, framework, driver and hash library, one statement a request.

As a good engineer would first write it, and no more: asyncpg's pool as it comes, hashes in threads of their own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

import asyncpg
from granian import Granian
from granian.constants import Interfaces, Loops
from granian.http import HTTP1Settings
from litestar import Litestar, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from nacl.pwhash import argon2id

SCHEMA = """
    create table comptes (
      id bigint generated always as identity primary key,
      identifiant text collate "C" not null unique,
      email text not null,
      empreinte text not null,
      cree_le timestamptz not null default now()
    )
"""
# As many connections as the service holds.
_POOL = 12
_hash = partial(argon2id.str, opslimit=2, memlimit=19456 * 1024)


class Vivant(Struct):
    etat: str = "vivant"


class Disponible(Struct):
    identifiant: str
    disponible: bool


class Demande(Struct, forbid_unknown_fields=True):
    identifiant: Annotated[str, Meta(min_length=3, max_length=64)]
    email: Annotated[str, Meta(max_length=254)]
    mot_de_passe: Annotated[str, Meta(min_length=8, max_length=128)]


class Cree(Struct):
    id: int
    identifiant: str


class Bare:
    """The handlers share the pools of their process."""

    def __init__(self) -> None:
        self.pool: Any = None
        self.threads = ThreadPoolExecutor(int(os.environ["BARE_THREADS"]))

    @asynccontextmanager
    async def life(self, _: Litestar) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["BARE_DATABASE_URL"], min_size=0, max_size=_POOL) as self.pool:
            yield
        self.threads.shutdown()

    async def free(self, identifiant: str) -> bool:
        return not await self.pool.fetchval("select exists (select from comptes where identifiant = $1)", identifiant)

    async def open(self, demande: Demande) -> int:
        job = asyncio.get_running_loop().run_in_executor(self.threads, _hash, demande.mot_de_passe.encode())
        insertion = "insert into comptes (identifiant, email, empreinte) values ($1, $2, $3) returning id"
        number: int = await self.pool.fetchval(insertion, demande.identifiant, demande.email, (await job).decode())
        return number


def application() -> Litestar:
    bare = Bare()

    @get("/vivant")
    async def vivant() -> Vivant:
        return Vivant()

    @get("/identifiants/{identifiant:str}")
    async def disponibilite(identifiant: FromPath[str]) -> Disponible:
        return Disponible(identifiant, await bare.free(identifiant))

    @post("/comptes")
    async def inscrire(data: JSONBody[Demande]) -> Cree:
        return Cree(await bare.open(data), data.identifiant)

    return Litestar([vivant, disponibilite, inscrire], openapi_config=None, logging_config=None, lifespan=[bare.life])


if __name__ == "__main__":
    # As `comptoir serve` does.
    Granian(
        "bench.bare:application",
        factory=True,
        address="127.0.0.1",
        port=int(os.environ["BARE_PORT"]),
        interface=Interfaces.ASGI,
        workers=int(os.environ["BARE_PROCESSES"]),
        loop=Loops.uvloop,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=15,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=16 * 1024),
        websockets=False,
    ).serve()
