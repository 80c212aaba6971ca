"""Sending what the outbox holds: lease, render, send, mark; one lane a channel, one message at a time in a lane.

One at a time, because what a crash can send twice is exactly what was handed over and not yet marked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from domain.activation import CANAUX, Canal
from domain.erreurs import Indisponible
from domain.jetons import CleRetiree
from domain.message import BAIL, TENTATIVES_INTERNES, EnvoiDiffere, EnvoiRefuse, Message, delai
from domain.ports import Expediteur, FileMessages, Gabarits, Menage, Signaux, Systeme

# Seconds: the longest a lane sleeps without news, the shortest it sleeps at all, after a fault, and between two cleanings.
_VEILLE, _REPIT, _REPRISE, _MENAGE = 15.0, 0.05, 1.0, 600.0

_journal = logging.getLogger("comptoir.distribution")


class Distribution:
    def __init__(
        self,
        file: FileMessages,
        gabarits: Gabarits,
        expediteurs: Mapping[Canal, Expediteur],
        signaux: Signaux,
        menage: Menage,
        systeme: Systeme,
    ) -> None:
        self._file, self._gabarits, self._expediteurs = file, gabarits, expediteurs
        self._signaux, self._menage, self._systeme = signaux, menage, systeme

    async def servir(self) -> None:
        """Until cancelled, or until the service stops; the message in hand is marked first."""
        async with asyncio.TaskGroup() as taches:
            for canal in CANAUX:
                taches.create_task(self._voie(canal), name=f"voie.{canal}")
            taches.create_task(self._nettoyer(), name="menage")

    async def tour(self, canal: Canal) -> bool:
        """One message, if one is due."""
        message = await self._file.louer(canal, BAIL)
        if message is None:
            return False
        traitement = asyncio.ensure_future(self._traiter(message))
        try:
            await asyncio.shield(traitement)
        except asyncio.CancelledError:
            # A service that stops does not leave between handing over and marking.
            await traitement
            raise
        return True

    async def _voie(self, canal: Canal) -> None:
        with self._signaux.ecouter(f"message.{canal}") as abonnement:
            while True:
                try:
                    if not await self.tour(canal):
                        prochain = await self._file.prochain(canal)
                        if not await abonnement.nouvelle(_VEILLE if prochain is None else min(max(prochain, _REPIT), _VEILLE)):
                            return
                except Indisponible as panne:
                    await asyncio.sleep(panne.attendre)
                except Exception:
                    # A lane that died would leave every message waiting, and nobody would know.
                    _journal.exception("voie en panne", extra={"canal": canal})
                    await asyncio.sleep(_REPRISE)

    async def _traiter(self, message: Message) -> None:
        if message.perime:
            await self._file.abandonner(message.id, "expire", "echec_expire")
            return
        try:
            await self._expediteurs[message.canal].envoyer(self._gabarits.rendre(message))
        except EnvoiRefuse as refus:
            await self._abandonner(message, refus.motif)
        except EnvoiDiffere as report:
            await self._differer(message, report.motif, report.attendre)
        except CleRetiree:
            await self._file.abandonner(message.id, "cle_retiree", "echec_expire")
        except Exception:
            await self._fauter(message)
        else:
            await self._file.envoye(message.id)

    async def _abandonner(self, message: Message, motif: str) -> None:
        _journal.warning("message refusé", extra={"message_id": str(message.id), "canal": message.canal, "motif": motif})
        await self._file.abandonner(message.id, motif, "echec_destinataire")

    async def _differer(self, message: Message, motif: str, demande: float | None) -> None:
        attendre = max(demande or 0.0, delai(message.tentatives, self._systeme.alea()))
        _journal.info("message différé", extra={"message_id": str(message.id), "canal": message.canal, "motif": motif})
        await self._file.differer(message.id, motif, attendre)

    async def _fauter(self, message: Message) -> None:
        """A message that cannot be rendered, or a fault of ours: set aside after a few tries, never in the others' way."""
        _journal.exception("message fautif", extra={"message_id": str(message.id), "canal": message.canal})
        if message.tentatives >= TENTATIVES_INTERNES:
            await self._file.abandonner(message.id, "interne", "echec_interne")
        else:
            await self._file.differer(message.id, "interne", delai(message.tentatives, self._systeme.alea()))

    async def _nettoyer(self) -> None:
        while True:
            try:
                await self._menage.passer()
            except Indisponible:
                _journal.info("ménage remis")
            except Exception:
                _journal.exception("ménage en panne")
            await asyncio.sleep(_MENAGE)
