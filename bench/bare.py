"""The practical limit of this stack: the same server, framework, driver, hash and token libraries, one statement a request
(two to sign in).

As a good engineer would first write it, and no more: asyncpg's pool as it comes, hashes in threads of their own, no limits, no
log, no state but a row.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from hashlib import sha256
from secrets import token_hex, token_urlsafe
from typing import Annotated, Any

import asyncpg
from granian import Granian
from granian.constants import Interfaces, Loops
from granian.http import HTTP1Settings
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry, deserialize_compact, serialize_compact
from litestar import Litestar, Request, get, post
from litestar.exceptions import NotAuthorizedException
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct, json
from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

SCHEMA = """
    create table comptes (
      id bigint generated always as identity primary key,
      identifiant text collate "C" not null unique,
      email text not null,
      empreinte text not null,
      cree_le timestamptz not null default now()
    );
    create table sessions (
      empreinte bytea primary key,
      compte_id bigint not null references comptes,
      expire_le timestamptz not null
    )
"""
# As many connections as the service holds.
_POOL = 12
_hash = partial(argon2id.str, opslimit=2, memlimit=19456 * 1024)
_ISSUER, _ES256 = "https://compte.exemple.fr", JWSRegistry(algorithms=["ES256"])
_OPEN = "insert into sessions (empreinte, compte_id, expire_le) values ($1, $2, now() + interval '12 hours')"
_TURN = "update sessions set empreinte = $2 where empreinte = $1 and expire_le > now() returning compte_id"


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


class Connexion(Struct, forbid_unknown_fields=True):
    identifiant: Annotated[str, Meta(min_length=3, max_length=64)]
    mot_de_passe: Annotated[str, Meta(min_length=8, max_length=128)]


class Rafraichissement(Struct, forbid_unknown_fields=True):
    jeton_rafraichissement: str


class Jetons(Struct):
    jeton_acces: str
    jeton_rafraichissement: str
    expire_dans: int


class Moi(Struct):
    id: int
    identifiant: str
    email: str
    cree_le: datetime


class Claims(Struct):
    """As many as the service's own."""

    iss: str
    aud: str
    sub: str
    sid: str
    jti: str
    iat: int
    nbf: int
    exp: int


def signed(key: ECKey, account: int, seconds: int) -> str:
    now = int(time.time())
    claims = Claims(_ISSUER, _ISSUER, str(account), token_hex(16), token_hex(16), now, now, now + seconds)
    return serialize_compact({"alg": "ES256", "typ": "at+jwt", "kid": key.kid}, json.encode(claims), key, registry=_ES256)


class Bare:
    """The handlers share the pools of their process."""

    def __init__(self) -> None:
        self.pool: Any = None
        self.threads = ThreadPoolExecutor(int(os.environ["BARE_THREADS"]))
        self._key = signing_key(os.environ["BARE_KEY"])

    @asynccontextmanager
    async def life(self, _: Litestar) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["BARE_DATABASE_URL"], min_size=0, max_size=_POOL) as self.pool:
            yield
        self.threads.shutdown()

    async def free(self, identifiant: str) -> bool:
        return not await self.pool.fetchval("select exists (select from comptes where identifiant = $1)", identifiant)

    async def open(self, demande: Demande) -> int:
        hashed = await self._in_thread(_hash, demande.mot_de_passe.encode())
        insertion = "insert into comptes (identifiant, email, empreinte) values ($1, $2, $3) returning id"
        number: int = await self.pool.fetchval(insertion, demande.identifiant, demande.email, hashed.decode())
        return number

    async def sign_in(self, connexion: Connexion) -> Jetons:
        account = await self.pool.fetchrow("select id, empreinte from comptes where identifiant = $1", connexion.identifiant)
        if account is None:
            raise NotAuthorizedException
        try:
            await self._in_thread(argon2id.verify, account["empreinte"].encode(), connexion.mot_de_passe.encode())
        except InvalidkeyError:
            raise NotAuthorizedException from None
        token = token_urlsafe(32)
        await self.pool.execute(_OPEN, _digest(token), account["id"])
        return self._tokens(account["id"], token)

    async def refresh(self, presented: str) -> Jetons:
        token = token_urlsafe(32)
        account = await self.pool.fetchval(_TURN, _digest(presented), _digest(token))
        if account is None:
            raise NotAuthorizedException
        return self._tokens(account, token)

    async def me(self, authorization: str) -> Moi:
        try:
            claims = deserialize_compact(authorization.removeprefix("Bearer "), self._key, registry=_ES256).payload
        except JoseError:
            raise NotAuthorizedException from None
        read = json.decode(claims, type=Claims)
        if not read.nbf <= time.time() < read.exp or read.iss != _ISSUER:
            raise NotAuthorizedException
        query = "select id, identifiant, email, cree_le from comptes where id = $1"
        return Moi(*await self.pool.fetchrow(query, int(read.sub)))

    def _tokens(self, account: int, token: str) -> Jetons:
        return Jetons(signed(self._key, account, 600), token, 600)

    async def _in_thread(self, work: Callable[..., Any], *values: bytes) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *values)


def signing_key(seed: str) -> ECKey:
    return ECKey.derive_key(seed, "P-256", auto_kid=True)


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


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

    @post("/sessions")
    async def connecter(data: JSONBody[Connexion]) -> Jetons:
        return await bare.sign_in(data)

    @post("/sessions/rafraichissements", status_code=200)
    async def rafraichir(data: JSONBody[Rafraichissement]) -> Jetons:
        return await bare.refresh(data.jeton_rafraichissement)

    @get("/moi")
    async def moi(request: Request[Any, Any, Any]) -> Moi:
        return await bare.me(request.headers.get("authorization", ""))

    routes = [vivant, disponibilite, inscrire, connecter, rafraichir, moi]
    return Litestar(routes, openapi_config=None, logging_config=None, lifespan=[bare.life])


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
