"""The providers' side: a real SMTP server and a local stand-in for Twilio, which accept, refuse or fall silent as told."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session
from msgspec import Struct


class Recu(Struct, frozen=True):
    """An e-mail; `id`: the message's own, the same in each copy. `code`, `lien`: empty where it carries none."""

    id: UUID
    destination: str
    code: str
    lien: str


class BoiteSmtp:
    """`reponse`: what is said of each recipient. `apres`: called once a message is accepted and before its sender knows."""

    def __init__(self) -> None:
        self.recus: list[Recu] = []
        self.port = 0
        self.reponse = "250 OK"
        self.apres: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"smtp+plain://127.0.0.1:{self.port}"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        envelope.rcpt_tos.append(address)
        return self.reponse

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        corps = message.get_body(("plain",))
        assert corps is not None
        texte = corps.get_content()
        id_ = UUID(message["Message-ID"].strip("<>").partition("@")[0])
        [destination] = envelope.rcpt_tos
        codes, liens = re.findall(r"(?<!\d)(\d{6})(?!\d)", texte), re.findall(r"/[\w-]+#([\w-]+)", texte)
        self.recus.append(Recu(id_, destination, "".join(codes[-1:]), "".join(liens[-1:])))
        self.apres()
        return "250 OK"


@contextmanager
def prise_muette() -> Iterator[socket.socket]:
    """A port where nobody listens, and that nobody else is given meanwhile."""
    with socket.socket() as prise:
        prise.bind(("127.0.0.1", 0))
        yield prise


@asynccontextmanager
async def boite_smtp(prise: socket.socket | None = None) -> AsyncIterator[BoiteSmtp]:
    boite = BoiteSmtp()
    ou: dict[str, Any] = {"host": "127.0.0.1", "port": 0} if prise is None else {"sock": prise}
    serveur = await asyncio.get_running_loop().create_server(lambda: SMTP(boite, hostname="boite.test"), **ou)
    boite.port = serveur.sockets[0].getsockname()[1]
    try:
        yield boite
    finally:
        serveur.close()


class FauxTwilio:
    """`reponse`: status, body and headers of the next answers; None to say nothing at all. `recus`: number and text."""

    def __init__(self) -> None:
        self.recus: list[tuple[str, str]] = []
        self.url = ""
        self.reponse: tuple[int, dict[str, Any], dict[str, str]] | None = (201, {"sid": "SM" + "a" * 32}, {})

    async def servir(self, lecteur: asyncio.StreamReader, ecrivain: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._repondre(lecteur, ecrivain):
                pass
        ecrivain.close()

    async def _repondre(self, lecteur: asyncio.StreamReader, ecrivain: asyncio.StreamWriter) -> bool:
        tete = (await lecteur.readuntil(b"\r\n\r\n")).decode().lower()
        [longueur] = re.findall(r"content-length: (\d+)", tete)
        champs = parse_qs((await lecteur.readexactly(int(longueur))).decode())
        if self.reponse is None:
            await lecteur.read()
            return False
        statut, corps, entetes = self.reponse
        if statut == 201:
            self.recus.append((champs["To"][0], champs["Body"][0]))
        octets = msgspec.json.encode(corps)
        lignes = [f"HTTP/1.1 {statut} -", f"Content-Length: {len(octets)}", *(f"{n}: {v}" for n, v in entetes.items())]
        ecrivain.write("\r\n".join([*lignes, "", ""]).encode() + octets)
        return True


@asynccontextmanager
async def faux_twilio() -> AsyncIterator[FauxTwilio]:
    twilio = FauxTwilio()
    serveur = await asyncio.start_server(twilio.servir, "127.0.0.1", 0)
    twilio.url = f"http://127.0.0.1:{serveur.sockets[0].getsockname()[1]}"
    try:
        yield twilio
    finally:
        serveur.close()
