"""The Litestar application, from the use cases and a few settings: routes, access, errors, document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar, Response
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from msgspec import Struct, structs

from app.http import (
    decouverte,
    droits,
    fournisseurs,
    franceconnect,
    identifiants,
    inscriptions,
    moi,
    openapi,
    pages,
    sessions,
    systeme,
)
from app.http.acces import garder
from app.http.contexte import Reseau
from app.http.corps import CORPS_MAX, RequeteJson, verifier
from app.http.problemes import GESTIONNAIRES
from app.usecases import CasUtilisation
from domain.federation import Fournisseur
from domain.jetons import Trousseau
from domain.outils import Outils
from domain.ports import Boite, Documents, JetonsAcces, Sante


class Facade(Struct, frozen=True, kw_only=True):
    """What HTTP needs of the service while it is open. `boite` only in development."""

    cas: CasUtilisation
    documents: Documents
    sante: Sante
    trousseau: Trousseau
    jetons_acces: JetonsAcces
    outils: Callable[[], Outils]
    boite: Boite | None
    proxys: Sequence[Reseau]
    fournisseurs: Sequence[Fournisseur]


class Forme(Struct, frozen=True, kw_only=True):
    """What decides of the routes and of the document, before anything is open. `developpement`: with the pages to try it on."""

    developpement: bool
    version: str
    service: str
    origine: str
    origines_cors: tuple[str, ...]


def creer(forme: Forme, ouvrir: Callable[[], AbstractAsyncContextManager[Facade]]) -> Litestar:
    """`ouvrir`: the service, open as long as the application lives."""
    routes = [
        decouverte.routes,
        identifiants.routes,
        fournisseurs.routes,
        inscriptions.inscription,
        inscriptions.activation,
        sessions.session,
        sessions.recuperation,
        moi.routes,
        droits.moi,
        droits.liens,
        franceconnect.routes,
        systeme.routes,
        pages.routes,
    ]

    @asynccontextmanager
    async def vie(app: Litestar) -> AsyncIterator[None]:
        async with ouvrir() as facade:
            app.state.update(structs.asdict(facade))
            yield

    return Litestar(
        route_handlers=[*routes, *([pages.developpement] if forme.developpement else [])],
        dependencies={nom: _de_la_facade(nom) for nom in ("cas", "documents", "sante", "jetons_acces", "boite")},
        before_request=_avant,  # type: ignore[arg-type]  # always our request class
        exception_handlers=GESTIONNAIRES,
        request_class=RequeteJson,
        request_max_body_size=CORPS_MAX,
        cors_config=_cors(forme.origines_cors),
        openapi_config=openapi.configuration(forme.version),
        logging_config=None,
        lifespan=[vie],
        state=State({"service": forme.service, "origine": forme.origine, "origines_cors": forme.origines_cors}),
    )


async def _avant(request: RequeteJson) -> Response[None] | None:
    """Who calls, then what the request is."""
    garder(request)
    return await verifier(request)


def _de_la_facade(nom: str) -> Provide:
    def fournir(state: State) -> Any:
        return state[nom]

    return Provide(fournir, sync_to_thread=False)


def _cors(origines: Sequence[str]) -> CORSConfig | None:
    """Exact origins only (R14): these pages may also have the refresh token in a cookie."""
    if not origines:
        return None
    return CORSConfig(
        allow_origins=list(origines),
        allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
        allow_credentials=True,
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "Accept-Language",
            "If-Match",
            "If-None-Match",
            "X-Request-Id",
        ],
        expose_headers=["Content-Disposition", "ETag", "Location", "Retry-After", "X-Request-Id"],
    )
