"""Answers with an ETag of their bytes: 304 when the client has them already (RFC 9110 §13.1.2)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response

from domain.moi import validateur


def cachable(request: Request[Any, Any, Any], contenu: Any, secondes: int) -> Response[Any]:
    """`contenu` as JSON, fresh for `secondes` in any cache."""
    return etiquetee(request, contenu, {"Cache-Control": f"public, max-age={secondes}"})


def etiquetee(request: Request[Any, Any, Any], contenu: Any, entetes: dict[str, str] | None = None) -> Response[Any]:
    """`contenu` as JSON, with the validator of its bytes."""
    octets = msgspec.json.encode(contenu)
    etiquette = validateur(octets)
    entetes = {"ETag": etiquette, **(entetes or {})}
    connues = [e.strip().removeprefix("W/") for e in request.headers.get("if-none-match", "").split(",")]
    if etiquette in connues or "*" in connues:
        return Response(b"", status_code=304, headers=entetes, media_type="application/json")
    return Response(octets, headers=entetes, media_type="application/json")
