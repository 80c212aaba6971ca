"""What a request says of itself: its id, its language, where it comes from, and whether it is a retry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection

from app.usecases.appel import Appel
from domain.compte import Langue
from domain.erreurs import CleIdempotenceInvalide

Reseau = IPv4Network | IPv6Network

_CLE = re.compile(r"[\x21-\x7e]{1,255}")


def requete_de(connexion: ASGIConnection[Any, Any, Any, Any]) -> str:
    return str(connexion.scope.get("comptoir.requete", ""))


def langue_de(connexion: ASGIConnection[Any, Any, Any, Any]) -> Langue:
    return _langue(connexion.headers.get("accept-language", "")[:200])


@lru_cache(256)
def _langue(demande: str) -> Langue:
    """English when `Accept-Language` puts it before French; French otherwise (RFC 9110 §12.5.4)."""
    poids = {"fr": 0.0, "en": 0.0}
    for choix in demande.split(","):
        etiquette, _, parametre = choix.strip().partition(";")
        langue = etiquette.strip().lower().partition("-")[0]
        if langue in poids:
            poids[langue] = max(poids[langue], _qualite(parametre))
    return "en" if poids["en"] > poids["fr"] else "fr"


def _qualite(parametre: str) -> float:
    trouve = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parametre)
    return float(trouve[1]) if trouve else 0.0 if parametre.strip() else 1.0


def adresse_client(connexion: ASGIConnection[Any, Any, Any, Any], proxys: Sequence[Reseau]) -> str:
    """The caller's address, IPv6 by /64: the peer's, or the last one in `X-Forwarded-For` that no trusted proxy wrote (R45)."""
    pair = connexion.scope.get("client")
    adresse = pair[0] if pair else ""
    if proxys and _est_proxy(adresse, proxys):
        vues = [v.strip() for v in ",".join(connexion.headers.getall("x-forwarded-for", [])).split(",")]
        # Stops at the first that is no proxy of ours: whatever stands left of it, anybody may have written.
        premiere = next((v for v in reversed(vues) if not _est_proxy(v, proxys)), adresse)
        adresse = premiere if _valide(premiere) else adresse
    return _par_reseau(adresse)


@lru_cache(4096)
def _par_reseau(adresse: str) -> str:
    try:
        lue = ip_address(adresse)
    except ValueError:
        return "inconnue"
    if isinstance(lue, IPv6Address):
        return str(lue.ipv4_mapped or ip_network((lue, 64), strict=False))
    return str(lue)


def _valide(adresse: str) -> bool:
    return _par_reseau(adresse) != "inconnue"


def _est_proxy(adresse: str, proxys: Sequence[Reseau]) -> bool:
    try:
        lue = ip_address(adresse)
    except ValueError:
        return False
    if isinstance(lue, IPv6Address) and lue.ipv4_mapped:
        lue = lue.ipv4_mapped
    return any(lue in reseau for reseau in proxys)


def appel_de(request: Request[Any, Any, Any]) -> Appel:
    """What the use cases need of the request. Refuses with `CleIdempotenceInvalide`."""
    cles = request.headers.getall("idempotency-key", [])
    if len(cles) > 1 or (cles and not _CLE.fullmatch(cles[0])):
        raise CleIdempotenceInvalide
    return Appel(
        client=adresse_client(request, request.app.state.proxys),
        agent="".join(c for c in request.headers.get("user-agent", "") if c.isprintable())[:200] or None,
        langue=langue_de(request),
        trace=str(request.scope.get("comptoir.trace", "")),
        cle_idempotence=cles[0] if cles else None,
        corps=getattr(request, "corps_canonique", b""),
    )
