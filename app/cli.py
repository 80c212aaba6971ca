"""The command line: `serve`, `worker`, `migrate`, `retention`, `simulator`, `demo`, `openapi`."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import http.client
import importlib
import json
import logging.config
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from app import __version__
from app.journal import CONFIGURATION
from app.settings import PREFIXE, ConfigurationInvalide, Settings, charger, inconnues
from domain.erreurs import Indisponible

# Connections an API process keeps at once; whoever comes after waits to be let in. Fewer where descriptors are.
_CONNEXIONS = 4096
# Files, database connections and the rest.
_AUTRES_DESCRIPTEURS = 128
# Seconds a process gets to answer what it has begun, and the simulated providers to begin.
_ARRET, _DEPART = 15, 60


def main(arguments: list[str] | None = None) -> int:
    options = _analyseur().parse_args(arguments)
    # Only processes that last keep a log; the others say what they have to say.
    logging.getLogger("comptoir").addHandler(logging.NullHandler())
    for nom in inconnues(os.environ):
        print(f"comptoir: {nom} means nothing to this version", file=sys.stderr)
    commandes = {
        "serve": _serve,
        "worker": _worker,
        "migrate": _migrate,
        "retention": _retention,
        "simulator": _simulator,
        "demo": _demo,
        "openapi": _openapi,
    }
    try:
        return commandes[options.commande](charger(os.environ, options.commande), options)
    except ConfigurationInvalide as faute:
        print("comptoir: the configuration is not valid:", *faute.fautes, sep="\n  ", file=sys.stderr)
        return 2
    except Indisponible as panne:
        print(f"comptoir: {_pourquoi(panne)}", file=sys.stderr)
        return 1


def application() -> object:
    """What each API process serves; it dies with the one that started it, even killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    logging.config.dictConfig(CONFIGURATION)
    from app.composition import asgi

    return asgi(charger(os.environ))


def simulateur() -> object:
    """What the simulator's process serves."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    from app.composition_fournisseurs import simulateur as construire

    return construire(charger(os.environ))


def _analyseur() -> argparse.ArgumentParser:
    analyseur = argparse.ArgumentParser(prog="comptoir", description="The account service of a public portal.")
    analyseur.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commandes = analyseur.add_subparsers(dest="commande", required=True)
    commandes.add_parser("serve", help="the API, with the delivery worker and, without a database URL, PostgreSQL itself")
    commandes.add_parser("worker", help="the delivery worker by itself; as many as you like")
    commandes.add_parser("migrate", help="bring the database schema to this version")
    retention = commandes.add_parser("retention", help="delete, erase or warn of what has had its time, as the worker does")
    retention.add_argument("--dry-run", action="store_true", help="count, change nothing")
    commandes.add_parser("simulator", help="FranceConnect and ProConnect to try the service on, by themselves (development)")
    demo = commandes.add_parser("demo", help="play accounts from sign-up to erasure against a running development service")
    demo.add_argument("--url", help="where it listens (default: COMPTOIR_PUBLIC_URL)")
    commandes.add_parser("openapi", help="print the OpenAPI document")
    return analyseur


def _pourquoi(panne: Indisponible) -> str:
    """What the database said, or that it said nothing."""
    from adapters.postgres.pannes import DROITS, SCHEMA, sqlstate

    faute = panne.__cause__ or panne
    repond = sqlstate(faute) and not sqlstate(faute).startswith("08")
    dit = f"the database {'refuses' if repond else 'does not answer'}: {_cause(faute)}"
    if sqlstate(faute) in SCHEMA:
        return f"{dit}; has `comptoir migrate` been run?"
    if sqlstate(faute) in DROITS:
        return f"{dit}; does COMPTOIR_DATABASE_OWNER_URL name the schema's owner, and does the application's role exist?"
    return dit


def _cause(faute: BaseException) -> str:
    """The driver's own error, in a line."""
    from adapters.postgres.pannes import cause

    faute = cause(faute)
    return f"{type(faute).__name__} {str(faute).partition(chr(10))[0]}".rstrip()


def _serve(settings: Settings, _: argparse.Namespace) -> int:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings

    empechement = _empechement(settings.host, settings.port)
    if empechement:
        print(f"comptoir: cannot listen: {empechement}", file=sys.stderr)
        return 1
    _precharger()
    from app.composition import ausculter, migrer_base

    connexions = _connexions()
    with _base(settings) as base, _simulateur_a_cote(base) as simulateur_pret:
        if base.production:
            logging.config.dictConfig(CONFIGURATION)
            asyncio.run(ausculter(base))
        else:
            asyncio.run(migrer_base(base))
        simulateur_pret()
        print(f"comptoir: listening on http://{base.host}:{base.port} (API pages: /docs)", file=sys.stderr)
        if not base.production:
            print("comptoir: development; messages that have no provider land in /dev/messages", file=sys.stderr)
        Granian(
            "app.cli:application",
            factory=True,
            address=base.host,
            port=base.port,
            interface=Interfaces.ASGI,
            # The time-outs below are HTTP/1's; a proxy speaks it, and HTTP/2 to the world.
            http=HTTPModes.http1,
            workers=base.processes,
            loop=Loops.uvloop,
            # Granian counts connections, silent ones too, and by default takes a thousand in all processes together.
            backlog=connexions,
            backpressure=connexions,
            respawn_failed_workers=True,
            respawn_interval=0.5,
            workers_kill_timeout=_ARRET,
            # Slow headers are cut, and long ones (G-12); slow and long bodies are the application's.
            http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=16 * 1024),
            log_dictconfig=CONFIGURATION,
            websockets=False,
        ).serve()
    return 0


@contextmanager
def _simulateur_a_cote(settings: Settings) -> Iterator[Callable[[], None]]:
    """In development, FranceConnect and ProConnect to try the service on, in a process of their own.

    What it yields waits until they answer: whoever knocks as soon as the service listens must find them there.
    """
    if not settings.simule:
        yield lambda: None
        return
    if _empechement("127.0.0.1", settings.simulator_port):
        print(f"comptoir: port {settings.simulator_port} is in use, no FranceConnect to try the service on", file=sys.stderr)
        yield lambda: None
        return
    processus = subprocess.Popen([sys.executable, "-m", "app.cli", "simulator"])
    print(f"comptoir: FranceConnect to try: http://localhost:{settings.port}/dev/franceconnect", file=sys.stderr)
    try:
        yield lambda: _attendre(processus, settings.simulator_port)
    finally:
        processus.terminate()
        processus.wait()


def _attendre(processus: subprocess.Popen[bytes], port: int) -> None:
    """Until it answers there; not for ever, and not if it ended: the service is worth trying without it."""
    fin = time.monotonic() + _DEPART
    while processus.poll() is None and time.monotonic() < fin:
        liaison = http.client.HTTPConnection("localhost", port, timeout=1)
        with closing(liaison), suppress(OSError, http.client.HTTPException):
            liaison.request("GET", "/api/v2/.well-known/openid-configuration")
            if liaison.getresponse().status == http.HTTPStatus.OK:
                return
        time.sleep(0.05)
    print("comptoir: the FranceConnect to try the service on does not answer", file=sys.stderr)


def _simulator(settings: Settings, _: argparse.Namespace) -> int:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces

    if not settings.simule:
        print("comptoir: the simulator is for development, and only where no real provider is configured", file=sys.stderr)
        return 2
    Granian(
        "app.cli:simulateur",
        factory=True,
        address="127.0.0.1",
        port=settings.simulator_port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        workers=1,
        log_dictconfig=CONFIGURATION,
        websockets=False,
    ).serve()
    return 0


def _precharger() -> None:
    """Imports what the API processes will need before they are forked: once for all of them, and in memory they share."""
    gc.disable()
    importlib.import_module("app.composition")
    # What is frozen is not walked by the collector any more, so its pages stay shared.
    gc.freeze()
    gc.enable()


def _connexions() -> int:
    """How many an API process may keep: each takes a descriptor, of which the usual soft limit is a thousand."""
    souple, dure = resource.getrlimit(resource.RLIMIT_NOFILE)
    voulus = _CONNEXIONS + _AUTRES_DESCRIPTEURS
    possibles = voulus if dure == resource.RLIM_INFINITY else min(voulus, dure)
    if souple != resource.RLIM_INFINITY and souple < possibles:
        resource.setrlimit(resource.RLIMIT_NOFILE, (possibles, dure))
    return max(1, possibles - _AUTRES_DESCRIPTEURS)


def _empechement(host: str, port: int) -> str | None:
    """Why nobody can listen there: the server's processes share their port, and would as readily with another server."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as faute:
        return faute.strerror
    return None


def _worker(settings: Settings, _: argparse.Namespace) -> int:
    from app.composition import ausculter, servir_messages

    logging.config.dictConfig(CONFIGURATION)

    async def servir(base: Settings) -> None:
        await ausculter(base)
        tache = asyncio.ensure_future(servir_messages(base))
        for signal_ in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signal_, tache.cancel)
        print("comptoir: delivering messages", file=sys.stderr)
        with suppress(asyncio.CancelledError):
            await tache

    with _base(settings) as base:
        asyncio.run(servir(base))
    return 0


def _migrate(settings: Settings, _: argparse.Namespace) -> int:
    from app.composition import migrer_base

    with _base(settings) as base:
        asyncio.run(migrer_base(base))
    return 0


def _retention(settings: Settings, options: argparse.Namespace) -> int:
    from app.composition import conserver

    with _base(settings) as base:
        faits = asyncio.run(conserver(base, simuler=options.dry_run))
    for regle, fait in faits.items():
        print(f"{regle:28} {'failed' if isinstance(fait, Exception) else fait}")
    fautes = {regle: fait for regle, fait in faits.items() if isinstance(fait, Exception)}
    for regle, faute in fautes.items():
        print(f"comptoir: {regle}: {_cause(faute)}", file=sys.stderr)
    return 1 if fautes else 0


def _demo(settings: Settings, options: argparse.Namespace) -> int:
    from app.demo import jouer

    return jouer(options.url or settings.origine)


def _openapi(settings: Settings, _: argparse.Namespace) -> int:
    from app.composition import document_openapi

    json.dump(document_openapi(settings), sys.stdout, ensure_ascii=False, indent=2)
    print()
    return 0


@contextmanager
def _base(settings: Settings) -> Iterator[Settings]:
    """The settings with a database: the configured one, or the embedded server for as long as the block lasts."""
    if settings.database_url is not None:
        yield settings
        return
    from adapters.embedded_postgres import EmbeddedPostgres

    # SIGTERM must leave by the door: the server is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with EmbeddedPostgres(Path(settings.data_dir) / "postgresql") as serveur:
        # The API processes read the environment again.
        os.environ[f"{PREFIXE}DATABASE_URL"] = serveur.url()
        os.environ[f"{PREFIXE}DATABASE_OWNER_URL"] = serveur.url_owner()
        yield charger(os.environ)


if __name__ == "__main__":
    sys.exit(main())
