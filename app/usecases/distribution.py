"""The worker: one lane a channel that leases, renders, sends and marks, one message at a time; one lane for what people forgot.

One at a time, because what a crash can send twice is exactly what was handed over and not yet marked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from app.usecases.recuperations import Recuperateur
from domain.activation import CANAUX, Canal, Livraison
from domain.erreurs import Indisponible
from domain.jetons import CleRetiree
from domain.message import BAIL, TENTATIVES_INTERNES, EnvoiDiffere, EnvoiRefuse, Message, delai
from domain.ports import Conservation, Expediteur, FileMessages, Gabarits, Signaux, Systeme

# Seconds: the longest a lane sleeps without news, the shortest it sleeps at all, after a fault, and between two cleanings.
_VEILLE, _REPIT, _REPRISE, _CONSERVATION = 15.0, 0.05, 1.0, 600.0

_journal = logging.getLogger("comptoir.distribution")


class Distribution:
    def __init__(
        self,
        file: FileMessages,
        gabarits: Gabarits,
        expediteurs: Mapping[Canal, Expediteur],
        signaux: Signaux,
        conservation: Conservation,
        systeme: Systeme,
        recuperateur: Recuperateur,
    ) -> None:
        self._file, self._gabarits, self._expediteurs = file, gabarits, expediteurs
        self._signaux, self._conservation, self._systeme = signaux, conservation, systeme
        self.recuperateur = recuperateur
        self._en_panne: set[Canal] = set()

    async def servir(self) -> None:
        """Until cancelled, or until the service stops; the message in hand is marked first."""
        async with asyncio.TaskGroup() as taches:
            for canal in CANAUX:
                voie = self._voie(f"message.{canal}", partial(self.tour, canal), partial(self._file.prochain, canal))
                taches.create_task(voie, name=f"voie.{canal}")
            voie = self._voie("recuperation", self.recuperateur.tour, self.recuperateur.prochaine)
            taches.create_task(voie, name="voie.recuperation")
            taches.create_task(self._nettoyer(), name="conservation")

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

    async def _voie(
        self, sujet: str, tour: Callable[[], Awaitable[bool]], prochaine: Callable[[], Awaitable[float | None]]
    ) -> None:
        """`tour` as long as there is something to do, then at the next news, or when something is due."""
        connue: type[Exception] | None = None
        reprise = _REPRISE
        with self._signaux.ecouter(sujet) as abonnement:
            while True:
                try:
                    if not await tour():
                        prochain = await prochaine()
                        if not await abonnement.nouvelle(_VEILLE if prochain is None else min(max(prochain, _REPIT), _VEILLE)):
                            return
                    connue, reprise = None, _REPRISE
                except Indisponible as panne:
                    await asyncio.sleep(panne.attendre)
                except Exception as faute:
                    # A lane that died would leave every message waiting, and nobody would know; nor read a trace a second.
                    if type(faute) is not connue:
                        _journal.exception("voie en panne", extra={"sujet": sujet})
                    connue = type(faute)
                    await asyncio.sleep(reprise)
                    reprise = min(2 * reprise, _VEILLE)

    async def _traiter(self, message: Message) -> None:
        if message.perime:
            await self._abandonner(message, "expire", "echec_expire")
            return
        try:
            await self._expediteurs[message.canal].envoyer(self._gabarits.rendre(message))
        except EnvoiRefuse as refus:
            await self._abandonner(message, refus.motif, "echec_destinataire")
        except EnvoiDiffere as report:
            await self._differer(message, report.motif, report.attendre)
        except CleRetiree:
            await self._abandonner(message, "cle_retiree", "echec_expire")
        except Exception:
            await self._fauter(message)
        else:
            self._en_panne.discard(message.canal)
            await self._file.envoye(message.id)

    async def _abandonner(self, message: Message, motif: str, livraison: Livraison) -> None:
        _journal.warning("message abandonné", extra=_reperes(message, motif))
        await self._file.abandonner(message.id, motif, livraison)

    async def _differer(self, message: Message, motif: str, demande: float | None) -> None:
        attendre = max(demande or 0.0, delai(message.tentatives, self._systeme.alea()))
        # The first of a row asks for attention, the next ones say no more.
        _journal.log(
            logging.INFO if message.canal in self._en_panne else logging.WARNING,
            "message différé",
            extra=_reperes(message, motif),
        )
        self._en_panne.add(message.canal)
        await self._file.differer(message.id, motif, attendre)

    async def _fauter(self, message: Message) -> None:
        """A message that cannot be rendered, or a fault of ours: set aside after a few tries, never in the others' way."""
        _journal.exception("message fautif", extra={"message_id": str(message.id), "canal": message.canal})
        if message.tentatives >= TENTATIVES_INTERNES:
            await self._abandonner(message, "interne", "echec_interne")
        else:
            await self._file.differer(message.id, "interne", delai(message.tentatives, self._systeme.alea()))

    async def _nettoyer(self) -> None:
        while True:
            try:
                for regle, fait in (await self._conservation.appliquer()).items():
                    if isinstance(fait, Exception):
                        _journal.warning("règle de conservation en échec", exc_info=fait, extra={"regle": regle})
            except Indisponible:
                _journal.info("conservation remise")
            except Exception:
                _journal.exception("conservation en panne")
            await asyncio.sleep(_CONSERVATION)


def _reperes(message: Message, motif: str) -> dict[str, str]:
    return {"message_id": str(message.id), "canal": message.canal, "motif": motif}
