"""The development mailbox: several processes write to it, read it and empty it at once."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from adapters.mailbox import FileMailbox
from domain.message import Rendu
from domain.ports import MessageRecu


def _rendu(
    destination: str = "ines@exemple.fr", texte: str = "Votre code est 123456 – à bientôt", id: UUID | None = None
) -> Rendu:
    return Rendu(id=id or uuid4(), canal="email", destination=destination, objet="Œuvre", texte=texte, html="<p>é</p>")


@pytest.fixture
def dossier(tmp_path: Path) -> Path:
    return tmp_path / "var" / "messages"


async def test_a_message_is_shown_as_it_was_written(dossier: Path) -> None:
    avant = datetime.now(UTC)
    rendu = _rendu()
    await FileMailbox(dossier).envoyer(rendu)
    (recu,) = FileMailbox(dossier).messages(None)
    assert recu == MessageRecu(
        id=rendu.id,
        canal="email",
        destination="ines@exemple.fr",
        objet="Œuvre",
        texte=rendu.texte,
        html="<p>é</p>",
        envoye_le=recu.envoye_le,
    )
    assert avant <= recu.envoye_le <= datetime.now(UTC)


async def test_the_newest_comes_first(dossier: Path) -> None:
    boite = FileMailbox(dossier)
    for texte in ("un", "deux", "trois"):
        await boite.envoyer(_rendu(texte=texte))
    assert [recu.texte for recu in boite.messages(None)] == ["trois", "deux", "un"]


def test_of_two_messages_of_one_instant_the_last_written_comes_first(dossier: Path) -> None:
    dossier.mkdir(parents=True)
    instant = datetime(2026, 11, 21, tzinfo=UTC)
    for nanoseconde in (3, 1, 2):
        recu = MessageRecu(
            id=uuid4(), canal="sms", destination="+33612345678", objet="", texte=str(nanoseconde), html=None, envoye_le=instant
        )
        chemin = dossier / f"{recu.id}.json"
        chemin.write_bytes(msgspec.json.encode(recu))
        os.utime(chemin, ns=(nanoseconde, nanoseconde))
    assert [recu.texte for recu in FileMailbox(dossier).messages(None)] == ["3", "2", "1"]


async def test_a_destination_sees_its_own_messages(dossier: Path) -> None:
    boite = FileMailbox(dossier)
    await boite.envoyer(_rendu("ines@exemple.fr"))
    await boite.envoyer(_rendu("+33612345678"))
    assert [recu.destination for recu in boite.messages("+33612345678")] == ["+33612345678"]
    assert boite.messages("ines") == []


async def test_a_message_sent_again_takes_its_own_place(dossier: Path) -> None:
    boite, id = FileMailbox(dossier), uuid4()
    await boite.envoyer(_rendu(texte="un", id=id))
    await boite.envoyer(_rendu(texte="entre les deux"))
    await boite.envoyer(_rendu(texte="deux", id=id))
    assert [recu.texte for recu in boite.messages(None)] == ["deux", "entre les deux"]


def test_a_mailbox_nobody_wrote_to_is_empty(dossier: Path) -> None:
    boite = FileMailbox(dossier)
    assert boite.messages(None) == []
    boite.vider()
    assert not dossier.exists()


def test_emptying_leaves_nothing_and_the_next_message_comes(dossier: Path) -> None:
    boite = FileMailbox(dossier)
    asyncio.run(boite.envoyer(_rendu()))
    boite.vider()
    assert boite.messages(None) == []
    assert list(dossier.iterdir()) == []
    asyncio.run(boite.envoyer(_rendu()))
    assert len(boite.messages(None)) == 1


def test_messages_are_for_their_owner_alone(dossier: Path) -> None:
    umask = os.umask(0)
    try:
        asyncio.run(FileMailbox(dossier).envoyer(_rendu()))
    finally:
        os.umask(umask)
    (fichier,) = dossier.iterdir()
    assert stat.S_IMODE(dossier.stat().st_mode) == 0o700
    assert stat.S_IMODE(fichier.stat().st_mode) == 0o600


def test_another_process_reads_and_empties_it(dossier: Path) -> None:
    boite = FileMailbox(dossier)
    asyncio.run(boite.envoyer(_rendu("ines@exemple.fr")))
    programme = f"""
from pathlib import Path
from adapters.mailbox import FileMailbox
boite = FileMailbox(Path({str(dossier)!r}))
print(*(recu.destination for recu in boite.messages(None)))
boite.vider()
"""
    sortie = subprocess.run([sys.executable, "-c", programme], check=True, capture_output=True, text=True).stdout
    assert sortie.split() == ["ines@exemple.fr"]
    assert boite.messages(None) == []


async def test_a_message_removed_between_the_listing_and_the_reading_is_passed_over(dossier: Path) -> None:
    boite = FileMailbox(dossier)
    await boite.envoyer(_rendu())
    # Listed, and not there when opened.
    os.symlink(dossier / "parti", dossier / "parti.json")
    assert len(boite.messages(None)) == 1


async def test_a_reader_among_writers_and_emptiers_never_stumbles(dossier: Path) -> None:
    boites, id = [FileMailbox(dossier) for _ in range(3)], uuid4()

    async def ecrire(boite: FileMailbox) -> None:
        for _ in range(50):
            await boite.envoyer(_rendu(id=id))
            await boite.envoyer(_rendu())

    async def vider(boite: FileMailbox) -> None:
        for _ in range(50):
            await asyncio.to_thread(boite.vider)

    async def lire(boite: FileMailbox) -> None:
        for _ in range(50):
            recus = await asyncio.to_thread(boite.messages, None)
            assert all(recu.texte.endswith("bientôt") for recu in recus)

    async with asyncio.TaskGroup() as groupe:
        for boite, travail in zip(boites, (ecrire, lire, vider), strict=True):
            groupe.create_task(travail(boite))
            groupe.create_task(travail(boite))


async def test_the_loop_does_not_wait_for_the_disk(dossier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fils: list[str] = []
    vrai = os.replace

    def espion(source: str, cible: Path) -> None:
        try:
            asyncio.get_running_loop()
            fils.append("loop")
        except RuntimeError:
            fils.append("thread")
        vrai(source, cible)

    monkeypatch.setattr(os, "replace", espion)
    await FileMailbox(dossier).envoyer(_rendu())
    assert fils == ["thread"]
