"""Who may call what. Denied unless the handler itself says otherwise: no list of paths anywhere (R73)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import MethodNotAllowedException

from domain.erreurs import InscriptionInconnue, JetonInvalide, Refus, SecretInvalide
from domain.session import Porteur

# `facultatif`: the access token, or what the body bears instead.
Acces = Literal["public", "inscription", "session", "facultatif"]
_PORTEUR = "comptoir.porteur"


def ouvert(
    acces: Acces,
    *refus: type[Refus],
    idempotente: bool = False,
    cachee: bool = False,
    etiquetee: bool = False,
    agissante: bool = False,
    entetes: Mapping[str, str] = {},
) -> dict[str, Any]:
    """A handler's `opt`: who may call it, the refusals of its own (for the OpenAPI document), whether it takes retries.

    `cachee`: public and cacheable. `etiquetee`: its answer has a validator, which a change must send back. `agissante`: a GET
    that is no mere reading. `entetes`: the headers its answers bear beside those that all of them do, and what they say.
    """
    return {
        "acces": acces,
        "refus": refus,
        "idempotente": idempotente,
        "cachee": cachee,
        "etiquetee": etiquetee,
        "agissante": agissante,
        "entetes": entetes,
    }


def garder(connexion: Request[Any, Any, Any]) -> None:
    """Called before every handler. Not a guard of Litestar's: those copy the handler at each request."""
    # OPTIONS is answered by Litestar itself: the methods allowed, no handler of ours.
    if connexion.method == "OPTIONS":
        return
    opt = connexion.route_handler.opt
    if opt.get("agissante") and "comptoir.head" in connexion.scope:
        raise MethodNotAllowedException(headers={"allow": "GET"})
    acces = opt.get("acces")
    if acces == "session":
        _exiger_jeton(connexion)
    elif acces == "inscription":
        _exiger_secret(connexion)
    elif acces not in ("public", "facultatif"):
        raise JetonInvalide


def porteur_de(request: Request[Any, Any, Any]) -> Porteur:
    """Whom the access token speaks for. Whether its session still lives is asked of the database by what it is used for."""
    porteur: Porteur = request.scope[_PORTEUR]  # type: ignore[literal-required]
    return porteur


def porteur_facultatif(request: Request[Any, Any, Any]) -> Porteur | None:
    """The same on a `facultatif` door, where some requests only need it."""
    porteur: Porteur | None = request.app.state.jetons_acces.lire(_porte(request))
    return porteur


def _exiger_jeton(connexion: ASGIConnection[Any, Any, Any, Any]) -> None:
    porteur = connexion.app.state.jetons_acces.lire(_porte(connexion))
    if porteur is None:
        raise JetonInvalide
    connexion.scope[_PORTEUR] = porteur  # type: ignore[literal-required]


def _exiger_secret(connexion: ASGIConnection[Any, Any, Any, Any]) -> None:
    """401 for what is no secret of ours; 404 for a good one at somebody else's address."""
    porteur = connexion.app.state.trousseau.lire_secret(_porte(connexion))
    if porteur is None:
        raise SecretInvalide
    if porteur != connexion.path_params["id"]:
        raise InscriptionInconnue


def _porte(connexion: ASGIConnection[Any, Any, Any, Any]) -> str:
    """What the one Authorization header bears; nothing when there are two, or another scheme."""
    autorisations = connexion.headers.getall("authorization", [])
    schema, _, porte = (autorisations[0] if len(autorisations) == 1 else "").partition(" ")
    return porte.strip() if schema.lower() == "bearer" else ""
