"""The development mailbox: what would have been sent, a file per message, for every process of the service to read."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec

from domain.message import Rendu
from domain.ports import Boite, Expediteur, MessageRecu


class FileMailbox(Boite, Expediteur):
    """`dossier` is made at the first message, for its owner alone: the messages hold live codes."""

    def __init__(self, dossier: Path) -> None:
        self._dossier = dossier

    async def envoyer(self, rendu: Rendu) -> None:
        recu = MessageRecu(
            id=rendu.id,
            canal=rendu.canal,
            destination=rendu.destination,
            objet=rendu.objet,
            texte=rendu.texte,
            html=rendu.html,
            envoye_le=datetime.now(UTC),
        )
        await asyncio.to_thread(self._ranger, recu)

    def messages(self, destination: str | None) -> list[MessageRecu]:
        lus = [lu for chemin in self._dossier.glob("*.json") if (lu := _lire(chemin))]
        lus.sort(key=lambda lu: (lu[1].envoye_le, lu[0]), reverse=True)
        return [recu for _, recu in lus if destination in (None, recu.destination)]

    def vider(self) -> None:
        for chemin in self._dossier.glob("*.json"):
            chemin.unlink(missing_ok=True)

    def _ranger(self, recu: MessageRecu) -> None:
        self._dossier.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Renamed once whole: a reader never sees half a message. Its name is its id: sent again, it takes its own place.
        with NamedTemporaryFile(dir=self._dossier, delete=False) as fichier:
            fichier.write(msgspec.json.encode(recu))
        os.replace(fichier.name, self._dossier / f"{recu.id}.json")


def _lire(chemin: Path) -> tuple[int, MessageRecu] | None:
    """A message and the nanosecond of its file; None when another process has just removed it."""
    try:
        return chemin.stat().st_mtime_ns, msgspec.json.decode(chemin.read_bytes(), type=MessageRecu)
    except FileNotFoundError:
        return None
