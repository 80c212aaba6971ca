"""The simulator's pages: French, without script, nothing from anywhere else, and never to be taken for the State's."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response

from app.simulateur.regles import Regles

_DOSSIER = Path(__file__).parent


def page(nom: str, regles: Regles, statut: int = 200, /, **valeurs: Any) -> Response[str]:
    contenu = _gabarits().get_template(nom).render(regles=regles, style=_style(), **valeurs)
    return Response(contenu, status_code=statut, media_type=MediaType.HTML, headers=_entetes())


@cache
def _gabarits() -> Environment:
    return Environment(
        loader=FileSystemLoader(_DOSSIER), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )


@cache
def _style() -> str:
    return (_DOSSIER / "style.css").read_text(encoding="utf-8").strip()


@cache
def _entetes() -> dict[str, str]:
    # No `form-action`: browsers apply it to redirections too, and the last form leads to the service, then wherever it leads.
    empreinte = b64encode(sha256(f"\n{_style()}\n".encode()).digest()).decode()
    regles = f"default-src 'none'; style-src 'sha256-{empreinte}'; base-uri 'none'; frame-ancestors 'none'"
    return {
        "Content-Security-Policy": regles,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
