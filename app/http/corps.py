"""Reading a JSON body: media type, UTF-8, depth, then every fault of every field at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.types import Empty
from msgspec import ValidationError

from app.http.bordure import CorpsInterrompu, CorpsTropLent
from app.http.problemes import DelaiDepasse, JsonInvalide, RequeteInvalide, TypeContenu
from domain.formulaire import lire

CORPS_MAX = 64 * 1024
PROFONDEUR_MAX = 32


class RequeteJson(Request[Any, Any, State]):
    """Litestar decodes loosely (`"true"` for `true`) and stops at the first fault: bodies are read by `domain.formulaire`."""

    corps_canonique: bytes = b""

    async def json(self) -> Any:
        if self._json is Empty:
            brut = _decoder(await self.body())
            # What a retry must match: the same JSON, however it was written.
            self.corps_canonique = msgspec.json.encode(brut, order="sorted")
            champ = self.route_handler.parsed_data_field
            self._json = lire(brut, champ.annotation, self.app.state.outils()) if champ else brut
        return self._json


async def verifier(request: RequeteJson) -> Response[None] | None:
    """Before any handler: what the request must be, whatever it asks."""
    if request.scope["query_string"]:
        _verifier_parametres(request)
    if request.method == "OPTIONS":
        return _methodes(request)
    if request.route_handler.parsed_data_field is not None:
        await _verifier_corps(request)
    return None


def _methodes(request: RequeteJson) -> Response[None]:
    """Litestar's own answer to OPTIONS knows only the methods that were given to the path first."""
    route: Any = next(r for r in request.app.routes if r.path_format == request.scope["path_template"])
    return Response(None, status_code=204, headers={"Allow": ", ".join(sorted(route.methods))})


async def _verifier_corps(request: RequeteJson) -> None:
    type_, _, parametres = request.headers.get("content-type", "").partition(";")
    if type_.strip().lower() != "application/json" or not _en_utf8(parametres):
        raise TypeContenu
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise TypeContenu
    try:
        if not await request.body():
            raise JsonInvalide
    except CorpsTropLent:
        raise DelaiDepasse from None
    except CorpsInterrompu:
        raise JsonInvalide from None


def _verifier_parametres(request: RequeteJson) -> None:
    """A repeated parameter has no one meaning (R06)."""
    noms = Counter(nom for nom, _ in request.query_params.multi_items())
    if repetes := [nom[:64] for nom, fois in noms.items() if fois > 1]:
        raise RequeteInvalide(repetes)


def _en_utf8(parametres: str) -> bool:
    nom, _, valeur = parametres.strip().partition("=")
    return not nom or (nom.strip().lower() == "charset" and valeur.strip().strip('"').lower() == "utf-8")


def _decoder(corps: bytes) -> Any:
    try:
        brut = msgspec.json.decode(corps)
    # msgspec gives up on depth with RecursionError, on numbers out of range with ValidationError.
    except (msgspec.DecodeError, ValidationError, UnicodeDecodeError, RecursionError):
        raise JsonInvalide from None
    if _trop_profond(brut):
        raise JsonInvalide
    return brut


def _trop_profond(brut: Any) -> bool:
    niveau = _contenants([brut])
    for _ in range(PROFONDEUR_MAX):
        if not niveau:
            return False
        niveau = _contenants(fils for objet in niveau for fils in (objet.values() if isinstance(objet, dict) else objet))
    return bool(niveau)


def _contenants(valeurs: Iterable[Any]) -> list[Any]:
    return [valeur for valeur in valeurs if isinstance(valeur, dict | list)]
