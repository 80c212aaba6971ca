"""For machines: whether the service lives, whether it can serve, and its OpenAPI document."""

from __future__ import annotations

from typing import Literal

from litestar import Response, Router, get
from litestar.di import NamedDependency
from msgspec import Struct

from app.http.acces import ouvert
from app.http.cache import cachable
from app.http.contexte import langue_de
from app.http.corps import RequeteJson
from app.http.openapi import document
from domain.erreurs import Indisponible
from domain.ports import Sante

# Seconds before a load balancer looks again.
_RETOUR = 2.0


class Etat(Struct, frozen=True, kw_only=True):
    """Le service répond."""

    etat: Literal["vivant", "pret"]


@get("/sante/vivant", operation_id="vivant", opt=ouvert("public"))
async def vivant() -> Etat:
    """The process answers; the database is not asked."""
    return Etat(etat="vivant")


@get("/sante/pret", operation_id="pret", opt=ouvert("public"))
async def pret(sante: NamedDependency[Sante]) -> Etat:
    """The database answers, with the schema this version expects."""
    if not await sante.prete():
        raise Indisponible(_RETOUR)
    return Etat(etat="pret")


@get("/openapi.json", include_in_schema=False, opt=ouvert("public"))
async def openapi(request: RequeteJson) -> Response[bytes]:
    """The OpenAPI document, in the reader's language."""
    return cachable(request, document(request.app, langue_de(request)), 300)


routes = Router("/", route_handlers=[vivant, pret, openapi], tags=["Service"])
