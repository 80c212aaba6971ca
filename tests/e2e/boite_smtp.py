"""An SMTP server of the tests' own: what was accepted, message by message, and in which order."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from uuid import UUID

from aiosmtpd.smtp import SMTP, Envelope, Session
from msgspec import Struct


class Recu(Struct, frozen=True):
    """`id`: the message's own, the same in each copy."""

    id: UUID
    destination: str
    code: str
    lien: str


class BoiteSmtp:
    def __init__(self) -> None:
        self.recus: list[Recu] = []
        self.port = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        corps = message.get_body(("plain",))
        assert corps is not None
        texte = corps.get_content()
        id_ = UUID(message["Message-ID"].strip("<>").partition("@")[0])
        [destination] = envelope.rcpt_tos
        [lien] = re.findall(r"/activation#([\w-]+)", texte)
        self.recus.append(Recu(id_, destination, re.findall(r"(?<!\d)(\d{6})(?!\d)", texte)[-1], lien))
        # A provider takes its time: a crash may fall between what it accepted and what the sender marks.
        await asyncio.sleep(0.01)
        return "250 OK"


@asynccontextmanager
async def boite_smtp() -> AsyncIterator[BoiteSmtp]:
    boite = BoiteSmtp()
    serveur = await asyncio.get_running_loop().create_server(lambda: SMTP(boite, hostname="boite.test"), "127.0.0.1", 0)
    boite.port = serveur.sockets[0].getsockname()[1]
    try:
        yield boite
    finally:
        serveur.close()
