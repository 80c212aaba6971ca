"""HTTP as bytes, for what no well-behaved client would send, over connections kept alive: probes come by thousands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

# Seconds without an answer after which a server is held to hang.
SILENCE = 60.0


class Sonde(Struct, frozen=True, kw_only=True):
    """What is sent, and what is right beyond "no fault of the server": statuses, problem code, faulty field, methods allowed.

    `brute`: the HTTP server itself may refuse it, or close.
    """

    nom: str
    octets: bytes
    attendu: Sequence[int] = ()
    code: str | None = None
    pointeur: str | None = None
    permises: Collection[str] = ()
    brute: bool = False

    @property
    def methode(self) -> str:
        return self.octets.partition(b" ")[0].decode("latin-1")


class Reponse(Struct, frozen=True):
    statut: int
    entetes: dict[str, str]
    corps: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.corps)


def requete(
    methode: str,
    chemin: str | bytes,
    corps: bytes | None = None,
    entetes: Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]] = (),
    type_: str | None = "application/json",
) -> bytes:
    """A well-framed request, whatever its content."""
    lignes = [methode.encode() + b" " + _octets(chemin) + b" HTTP/1.1", b"Host: localhost"]
    if corps is not None:
        lignes += [b"Content-Length: %d" % len(corps)]
        lignes += [b"Content-Type: " + type_.encode()] if type_ else []
    for nom, valeur in entetes.items() if isinstance(entetes, Mapping) else entetes:
        lignes.append(_octets(nom) + b": " + _octets(valeur))
    return b"\r\n".join(lignes) + b"\r\n\r\n" + (corps or b"")


def en_json(valeur: Any) -> bytes:
    """JSON whose odd characters are escaped: NUL and lone surrogates travel as any client could write them."""
    return json.dumps(valeur).encode()


def _octets(texte: str | bytes) -> bytes:
    return texte if isinstance(texte, bytes) else texte.encode()


class Connexion:
    """One connection at a time to the server; opened again when it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._flux: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Connexion:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.fermer()

    def fermer(self) -> None:
        if self._flux:
            # What was not sent yet never will be: closing would wait for it, longer than the test lasts.
            self._flux[1].transport.abort()
            self._flux = None

    async def echanger(self, octets: bytes) -> Reponse | None:
        """The answer; None when the server closed without one."""
        neuve = self._flux is None
        try:
            async with asyncio.timeout(SILENCE):
                reponse = await self._une_fois(octets)
        except (ConnectionError, asyncio.IncompleteReadError):
            reponse = None
        if reponse is None or reponse.entetes.get("connection") == "close" or b"HTTP/1.0" in octets[:64]:
            self.fermer()
        # A connection kept alive may have been closed just before we wrote.
        return await self.echanger(octets) if reponse is None and not neuve else reponse

    async def _une_fois(self, octets: bytes) -> Reponse:
        if self._flux is None:
            self._flux = await asyncio.open_connection("127.0.0.1", self._port)
        lecteur, ecrivain = self._flux
        ecrivain.write(octets)
        return await _lire(lecteur, sans_corps=octets.startswith(b"HEAD "))


async def _lire(lecteur: asyncio.StreamReader, *, sans_corps: bool) -> Reponse:
    premiere, *lignes = (await lecteur.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1").split("\r\n")
    statut = int(premiere.split(" ")[1])
    if statut == 100:
        return await _lire(lecteur, sans_corps=sans_corps)
    entetes = {nom.lower(): valeur.strip() for nom, _, valeur in (ligne.partition(":") for ligne in lignes)}
    if sans_corps or statut in (204, 304):
        return Reponse(statut, entetes, b"")
    if entetes.get("transfer-encoding") == "chunked":
        return Reponse(statut, entetes, await _morceaux(lecteur))
    return Reponse(statut, entetes, await lecteur.readexactly(int(entetes["content-length"])))


async def _morceaux(lecteur: asyncio.StreamReader) -> bytes:
    corps = b""
    while taille := int(await lecteur.readuntil(b"\r\n"), 16):
        corps += await lecteur.readexactly(taille)
        await lecteur.readexactly(2)
    await lecteur.readuntil(b"\r\n")
    return corps


async def sonder(port: int, sondes: Iterable[Sonde], de_front: int = 8) -> list[tuple[Sonde, Reponse | None]]:
    """Sends all of them over a few connections; what became of each."""
    file = iter(sondes)

    async def ligne() -> list[tuple[Sonde, Reponse | None]]:
        async with Connexion(port) as connexion:
            return [(sonde, await connexion.echanger(sonde.octets)) for sonde in file]

    return [recu for recus in await asyncio.gather(*(ligne() for _ in range(de_front))) for recu in recus]
