"""What is measured: both services on one durable PostgreSQL, started and stopped; their memory; their start."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
from msgspec import Struct

from adapters.embedded_postgres import EmbeddedPostgres
from app.composition import migrer_base
from app.settings import Settings, cles
from bench.bare import SCHEMA, signing_key
from bench.load import ROOT
from bench.people import Person, bare_signed_in, signed_in
from domain.jetons import Trousseau

PROCESSES = 2
ORIGIN = "https://compte.exemple.fr"
# Written directly: a million hashes would take hours.
_ACCOUNTS = """
    insert into comptes (id, identifiant, profil, empreinte_mdp, langue, expire_le, etat, active_le)
    select gen_random_uuid(), {identifiant},
           jsonb_build_object('type', 'citoyen', 'civilite', 'madame', 'nom_naissance', 'Martin', 'nom_usage', null,
                              'prenom', 'Jeanne', 'date_naissance', '1990-01-01'),
           '$argon2id$v=19$m=19456,t=2,p=1$' || repeat('x', 66), 'fr', horloge() + interval '7 days', 'actif', horloge()
      from generate_series(1, {number}) i
"""


class Service(Struct, frozen=True, kw_only=True):
    """A running service. `pid`: its first process, whose descendants are the others."""

    port: int
    pid: int
    started: float

    def memory(self) -> float:
        """MiB of all its processes, each shared page divided among those who share it (PSS). Linux only."""
        return sum(_pss(pid) for pid in _family(self.pid)) / 1024


class Services:
    """Where the services live for as long as the bench lasts: one PostgreSQL, one folder, one log."""

    def __init__(self, folder: Path, postgres: EmbeddedPostgres) -> None:
        self._folder, self._postgres = folder, postgres
        self.log = folder / "log"
        self._keys = f"bench:{b64encode(secrets.token_bytes(32)).decode()}"
        self._bare_key = secrets.token_hex(32)
        self.trousseau = Trousseau(cles(Settings(secret_keys=self._keys)))

    def prepare(self) -> None:
        asyncio.run(self._prepare())

    async def _prepare(self) -> None:
        await migrer_base(Settings(database_url=self._url("comptoir"), database_owner_url=self._postgres.url_owner()))
        await self._execute("postgres", "create database bare owner comptoir")
        async with _connected(self._url("bare")) as bare:
            await bare.execute(SCHEMA)

    def people(self, database: str, number: int, tokens: int) -> tuple[list[Person], list[Person]]:
        """So many people of the bare service, and as many in a copy of the other's database; each signed in."""
        return asyncio.run(self._people(database, [f"compte.{i}" for i in range(number)], tokens))

    async def _people(self, database: str, names: list[str], tokens: int) -> tuple[list[Person], list[Person]]:
        await self._execute("postgres", f"create database {database} template comptoir")
        async with _connected(self._url("bare")) as base:
            bare = await bare_signed_in(base, names, tokens, signing_key(self._bare_key))
            await base.execute("vacuum analyze comptes, sessions")
        async with self.owner(database) as base:
            ours = await signed_in(base, names, tokens, self.trousseau, ORIGIN)
            # Not the tables that are empty yet: what is planned before their first lines come would read them whole.
            await base.execute("vacuum analyze comptes, contacts, actes_juridiques, sessions")
        return bare, ours

    def populate(self, database: str, accounts: int, homonyms: int) -> None:
        """A copy of the service's empty database, with `homonyms` of Jean Martin among its `accounts`."""
        asyncio.run(self._populate(database, accounts, homonyms))

    async def _populate(self, database: str, accounts: int, homonyms: int) -> None:
        await self._execute("postgres", f"create database {database} template comptoir")
        named = "'jean.martin' || case when i > 1 then i::text else '' end"
        await self._execute(database, _ACCOUNTS.format(identifiant=named, number=homonyms))
        await self._execute(database, _ACCOUNTS.format(identifiant="'compte.' || i", number=accounts - homonyms))
        # Else autovacuum would do it during a measure.
        await self._execute(database, "vacuum analyze")
        await self._execute(database, "checkpoint")

    def owner(self, database: str) -> AbstractAsyncContextManager[asyncpg.Connection[Any]]:
        return _connected(self._postgres.url_owner(database))

    async def _execute(self, database: str, order: str) -> None:
        async with self.owner(database) as owner:
            await owner.execute(order)

    def _url(self, database: str) -> str:
        return self._postgres.url().replace("/comptoir?", f"/{database}?")

    @contextmanager
    def bare(self) -> Iterator[Service]:
        environment = {
            "BARE_DATABASE_URL": self._url("bare"),
            "BARE_KEY": self._bare_key,
            "BARE_PROCESSES": str(PROCESSES),
            "BARE_THREADS": str(max(1, _cores() // PROCESSES)),
        }
        with self._running(["bench.bare"], "BARE_PORT", environment, "/vivant") as service:
            yield service

    @contextmanager
    def comptoir(
        self, database: str = "comptoir", *, limits: bool = True, production: bool = True, worker: bool = False
    ) -> Iterator[Service]:
        """In production as an operator runs it, its database migrated beforehand and its delivery worker apart."""
        # Limits are never off in production.
        environment = self._environment(database, limits, worker, production and limits)
        with self._running(["app.cli", "serve"], "COMPTOIR_PORT", environment, "/sante/vivant") as service:
            yield service

    @contextmanager
    def leaky(self) -> Iterator[Service]:
        environment = self._environment("comptoir", True, True, False)
        with self._running(["bench.leaky"], "COMPTOIR_PORT", environment, "/sante/vivant") as service:
            yield service

    def _environment(self, database: str, limits: bool, worker: bool, production: bool) -> dict[str, str]:
        environment = {
            "DATABASE_URL": self._url(database),
            "DATABASE_OWNER_URL": self._postgres.url_owner(database),
            "SECRET_KEYS": self._keys,
            "DATA_DIR": str(self._folder),
            "SIMULATOR": "off",
            "PROCESSES": str(PROCESSES),
            "WORKER": "on" if worker else "off",
            "TRUSTED_PROXIES": "127.0.0.1/32",
            "AVAILABILITY_CEILING": "1000000000",
            "SIGN_IN_CEILING": "1000000000",
            "LIMITS": "on" if limits else "off",
        }
        if production:
            environment |= {
                "ENV": "production",
                "PUBLIC_URL": ORIGIN,
                "SMTP_URL": "smtp://127.0.0.1:1",
                "MAIL_FROM": "noreply@exemple.fr",
                "TWILIO_ACCOUNT_SID": "AC",
                "TWILIO_AUTH_TOKEN": "none",
                "TWILIO_FROM": "+33639980001",
            }
        return {f"COMPTOIR_{name}": value for name, value in environment.items()}

    @contextmanager
    def _running(self, command: list[str], port_name: str, environment: dict[str, str], path: str) -> Iterator[Service]:
        port = _free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("COMPTOIR_", "PG"))}
        with self.log.open("ab") as log:
            before = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=inherited | environment | {port_name: str(port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            _await_answer(process, port, path)
            yield Service(port=port, pid=process.pid, started=time.perf_counter() - before)
        finally:
            _stop(process)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    base = await asyncpg.connect(url)
    try:
        yield base
    finally:
        await base.close()


def _await_answer(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError("the service stopped by itself")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(request)
            if connection.recv(64).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.005)
    raise RuntimeError("the service never answered")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        # Its own session: nobody else is in that group.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _family(pid: int) -> list[int]:
    children = [int(p) for f in Path(f"/proc/{pid}/task").glob("*/children") for p in f.read_text().split()]
    return [pid, *(descendant for child in children for descendant in _family(child))]


def _pss(pid: int) -> int:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1])
