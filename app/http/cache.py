"""Answers that change rarely: an ETag of their bytes, 304 when the client has them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from litestar import Request, Response


def cachable(request: Request[Any, Any, Any], contenu: Any, secondes: int) -> Response[bytes]:
    """`contenu` as JSON, fresh for `secondes` in any cache."""
    octets = msgspec.json.encode(contenu)
    etiquette = f'"{sha256(octets).hexdigest()[:32]}"'
    entetes = {"ETag": etiquette, "Cache-Control": f"public, max-age={secondes}"}
    connues = [e.strip().removeprefix("W/") for e in request.headers.get("if-none-match", "").split(",")]
    if etiquette in connues or "*" in connues:
        return Response(b"", status_code=304, headers=entetes, media_type="application/json")
    return Response(octets, headers=entetes, media_type="application/json")
