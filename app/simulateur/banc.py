"""For tests and demonstrations: break, heal, count, rotate the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.simulateur.fournisseur import Fournisseur
from app.simulateur.pannes import Banc, Pannes

Fournisseurs = Sequence[Fournisseur]


@get("/")
async def lire(banc: NamedDependency[Banc]) -> dict[str, Any]:
    """`appels`: how many times services called each door, of both issuers, since the start."""
    return {"appels": banc.appels, "pannes": banc.pannes}


@post("/pannes", status_code=200)
async def casser(data: JSONBody[Pannes], banc: NamedDependency[Banc]) -> Pannes:
    """Replaces the faults in force; `{}` heals."""
    banc.pannes = data
    return banc.pannes


@post("/cles", status_code=204)
async def tourner(fournisseurs: NamedDependency[Fournisseurs]) -> None:
    for op in fournisseurs:
        op.cles.tourner()


routes = Router("/simulateur", route_handlers=[lire, casser, tourner])
