"""The Litestar application, from the use cases and a few settings: routes, access, errors, document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from msgspec import Struct

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
from app.http.acces import garde
from app.http.contexte import Reseau
from app.http.corps import CORPS_MAX, RequeteJson, verifier
from app.http.problemes import GESTIONNAIRES
from app.usecases import CasUtilisation
from domain.federation import Fournisseur
from domain.jetons import Trousseau
from domain.outils import Outils
from domain.ports import Boite, Documents, JetonsAcces, Sante


class Facade(Struct, frozen=True, kw_only=True):
    """What HTTP needs of the service. `boite` only in development."""

    cas: CasUtilisation
    documents: Documents
    sante: Sante
    trousseau: Trousseau
    jetons_acces: JetonsAcces
    outils: Callable[[], Outils]
    boite: Boite | None
    origine: str
    service: str
    version: str
    proxys: Sequence[Reseau]
    origines_cors: Sequence[str]
    fournisseurs: Sequence[Fournisseur]


def creer(facade: Facade, vie: Callable[[Litestar], AbstractAsyncContextManager[None]]) -> Litestar:
    """`vie`: what runs as long as the application does."""
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
    return Litestar(
        route_handlers=[*routes, *([pages.developpement] if facade.boite else [])],
        dependencies={
            "cas": _fournir(facade.cas),
            "documents": _fournir(facade.documents),
            "sante": _fournir(facade.sante),
            "jetons_acces": _fournir(facade.jetons_acces),
            **({"boite": _fournir(facade.boite)} if facade.boite else {}),
        },
        guards=[garde],
        before_request=verifier,  # type: ignore[arg-type]  # always our request class
        exception_handlers=GESTIONNAIRES,
        request_class=RequeteJson,
        request_max_body_size=CORPS_MAX,
        cors_config=_cors(facade.origines_cors),
        openapi_config=openapi.configuration(facade.version),
        logging_config=None,
        lifespan=[vie],
        state=State(
            {
                "trousseau": facade.trousseau,
                "jetons_acces": facade.jetons_acces,
                "outils": facade.outils,
                "origine": facade.origine,
                "service": facade.service,
                "proxys": facade.proxys,
                "origines_cors": facade.origines_cors,
                "fournisseurs": facade.fournisseurs,
            }
        ),
    )


def _fournir(objet: Any) -> Provide:
    return Provide(lambda: objet, sync_to_thread=False)


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
        expose_headers=["ETag", "Location", "Retry-After", "X-Request-Id"],
    )
