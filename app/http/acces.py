"""Who may call what. Denied unless the handler itself says otherwise: no list of paths anywhere (R73)."""

from __future__ import annotations

from typing import Any, Literal

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from domain.erreurs import InscriptionInconnue, Refus, SecretInvalide

Acces = Literal["public", "inscription"]


def ouvert(acces: Acces, *refus: type[Refus], idempotente: bool = False, cachee: bool = False) -> dict[str, Any]:
    """A handler's `opt`: who may call it, the refusals of its own (for the OpenAPI document), whether it takes retries."""
    return {"acces": acces, "refus": refus, "idempotente": idempotente, "cachee": cachee}


# Asynchronous, though nothing waits: Litestar would send a plain function to a thread, at each request.
async def garde(connexion: ASGIConnection[Any, Any, Any, Any], gestionnaire: BaseRouteHandler) -> None:
    acces = gestionnaire.opt.get("acces")
    if acces == "inscription":
        _exiger_secret(connexion)
    # OPTIONS is answered by Litestar itself: the methods allowed, no handler of ours.
    elif acces != "public" and connexion.scope["method"] != "OPTIONS":  # type: ignore[typeddict-item]
        raise SecretInvalide


def _exiger_secret(connexion: ASGIConnection[Any, Any, Any, Any]) -> None:
    """401 for what is no secret of ours; 404 for a good one at somebody else's address."""
    autorisations = connexion.headers.getall("authorization", [])
    schema, _, secret = (autorisations[0] if len(autorisations) == 1 else "").partition(" ")
    porteur = connexion.app.state.trousseau.lire_secret(secret.strip()) if schema.lower() == "bearer" else None
    if porteur is None:
        raise SecretInvalide
    if porteur != connexion.path_params["id"]:
        raise InscriptionInconnue
