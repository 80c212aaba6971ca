"""The simulator's application: both issuers, and the bench."""

from __future__ import annotations

from typing import TypeVar

from litestar import Litestar, Router
from litestar.di import Provide

from app.simulateur import banc, parcours, protocole
from app.simulateur.config import ConfigSimulateur
from app.simulateur.demande import RefusPage
from app.simulateur.fournisseur import ErreurOAuth, Fournisseur
from app.simulateur.pannes import Banc, Erreur500
from app.simulateur.regles import FRANCECONNECT, PROCONNECT

T = TypeVar("T")


def creer(config: ConfigSimulateur) -> Litestar:
    """To be served by one process only, which holds all of its memory."""
    pannes = Banc()
    fournisseurs = [Fournisseur(regles, config, pannes) for regles in (FRANCECONNECT, PROCONNECT)]
    return Litestar(
        route_handlers=[*map(_emetteur, fournisseurs), banc.routes],
        dependencies={"banc": _fournir(pannes), "fournisseurs": _fournir(fournisseurs)},
        exception_handlers={
            RefusPage: parcours.refuser,
            ErreurOAuth: protocole.refuser,
            Erreur500: protocole.tomber,
        },
        openapi_config=None,
        logging_config=None,
    )


def _emetteur(op: Fournisseur) -> Router:
    return Router(
        op.regles.prefixe,
        route_handlers=[
            *(protocole.decouverte, protocole.cles, protocole.jeton, protocole.identite),
            *(parcours.autoriser, parcours.etape, parcours.choisir, parcours.connecter, parcours.continuer),
            *(parcours.changer, parcours.renoncer, parcours.deconnecter),
        ],
        dependencies={"op": _fournir(op)},
        opt={"op": op},
    )


def _fournir(valeur: T) -> Provide:
    return Provide(lambda: valeur, sync_to_thread=False)
