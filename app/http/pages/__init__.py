"""The few pages for people: what an e-mail link opens, the catalogue of errors, the OpenAPI pages, the development mailbox."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from re import DOTALL, findall, sub
from typing import Any

from litestar import MediaType, Request, Response, Router, delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import FromPath, FromQuery
from litestar.response import File

from app.http import textes
from app.http.acces import ouvert
from app.http.contexte import appel_de, langue_de
from app.http.problemes import STATUTS, Introuvable, reponse
from app.usecases import CasUtilisation
from domain.consentements import LIBELLES, TOUTES, Listes
from domain.erreurs import Refus
from domain.inscription import LISTES
from domain.ports import Boite

_DOSSIER = Path(__file__).parent
_LONG = "public, max-age=3600"


def page(nom: str, **remplacements: str) -> Response[str]:
    """A page of ours: its one script and one style allowed by their hashes, nothing from anywhere else.

    A title in both languages ("Activer / Activate") is given in the one of `LANGUE`.
    """
    contenu = sub(r"<title>(.+) / (.+)</title>", rf"<title>\{1 + (remplacements.get('LANGUE') == 'en')}</title>", _lire(nom))
    for cle, valeur in remplacements.items():
        contenu = contenu.replace(f"⟦{cle}⟧", valeur)
    return Response(contenu, media_type=MediaType.HTML, headers={"Content-Security-Policy": _csp(contenu)})


@cache
def _lire(nom: str) -> str:
    """A file of the folder, with those that it names: `⟦style.css⟧`."""
    texte = (_DOSSIER / nom).read_text(encoding="utf-8").strip("\n")
    return sub(r"⟦([a-z]+\.[a-z]+)⟧", lambda trouve: _lire(trouve[1]), texte)


def _csp(contenu: str, styles: str | None = None) -> str:
    scripts = " ".join(_empreinte(bloc) for bloc in findall(r"<script>(.*?)</script>", contenu, DOTALL)) or "'none'"
    styles = styles or " ".join(_empreinte(bloc) for bloc in findall(r"<style>(.*?)</style>", contenu, DOTALL))
    formulaires = "'self'" if '<form method="post">' in contenu else "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; connect-src 'self'; "
        f"base-uri 'none'; form-action {formulaires}; frame-ancestors 'none'"
    )


def _empreinte(bloc: str) -> str:
    return f"'sha256-{b64encode(sha256(bloc.encode()).digest()).decode()}'"


@get("/activation", include_in_schema=False, opt=ouvert("public"))
async def activation(request: Request[Any, Any, State]) -> Response[str]:
    """Opened by the e-mail's link; inert until a gesture. The token stays in the fragment, which never reaches us."""
    return page("activation.html", LANGUE=langue_de(request))


@get("/mot-de-passe", include_in_schema=False, opt=ouvert("public"))
async def mot_de_passe(request: Request[Any, Any, State]) -> Response[str]:
    """A new password for a forgotten one; inert, token in the fragment, like those below."""
    return page("mot_de_passe.html", LANGUE=langue_de(request))


@get("/annulation", include_in_schema=False, opt=ouvert("public"))
async def annulation(request: Request[Any, Any, State]) -> Response[str]:
    """Undoes a change of contact, or an erasure."""
    return page("annulation.html", LANGUE=langue_de(request))


@get("/accord-parental", include_in_schema=False, opt=ouvert("public"))
async def accord_parental(request: Request[Any, Any, State]) -> Response[str]:
    """A guardian's answer to a minor's request."""
    return page("accord_parental.html", LANGUE=langue_de(request), LISTES=_lignes(LISTES))


@get("/desinscription/{listes:str}/{jeton:str}", include_in_schema=False, opt=ouvert("public"))
async def desinscription(request: Request[Any, Any, State], listes: FromPath[Listes]) -> Response[str]:
    """Inert, whatever the token; a plain form that posts to its own address: it works without JavaScript."""
    visees = LISTES if listes == TOUTES else (listes,)
    return page("desinscription.html", LANGUE=langue_de(request), LISTES=_lignes(visees))


@post("/desinscription/{listes:str}/{jeton:str}", status_code=200, include_in_schema=False, opt=ouvert("public"))
async def se_desinscrire(
    request: Request[Any, Any, State], listes: FromPath[Listes], jeton: FromPath[str], cas: NamedDependency[CasUtilisation]
) -> Response[str]:
    """The form, or a mail provider's one click (RFC 8058), whose body says nothing more and is not read."""
    faite = await cas.consentements.se_desinscrire(jeton, listes, appel_de(request))
    return page("desinscription_faite.html", LANGUE=langue_de(request), LISTES=_lignes(faite.listes))


def _lignes(listes: Iterable[str]) -> str:
    fr, en = LIBELLES["fr"], LIBELLES["en"]
    return "".join(
        f'<li data-liste="{liste}"><span lang="fr">{fr[liste]}</span><span lang="en">{en[liste]}</span></li>'
        for liste in LISTES
        if liste in listes
    )


def _refuser(request: Request[Any, Any, State], refus: Refus) -> Response[str]:
    """The status and the headers of the problem, in words for the person who pressed the button."""
    probleme = reponse(request, refus)
    nom = "desinscription_refusee.html" if probleme.status_code in (404, 422) else "desinscription_panne.html"
    lisible = page(nom, LANGUE=langue_de(request))
    lisible.status_code = probleme.status_code
    lisible.headers |= probleme.headers
    return lisible


@get(["/erreurs", "/erreurs/{code:str}"], include_in_schema=False, opt=ouvert("public"))
async def erreurs(request: Request[Any, Any, State], code: FromPath[str] = "") -> Response[str]:
    """What the `type` of a problem points to: every code, its status, what to do."""
    if code and code not in textes.PROBLEMES:
        raise Introuvable
    langue = langue_de(request)
    lignes = "".join(
        f"<dt id='{refus.code}'><code>{refus.code}</code> · {statut} · {html.escape(textes.titre(refus.code, langue))}</dt>"
        f"<dd>{html.escape(textes.detail_sans_figures(refus.code, langue))}</dd>"
        for refus, statut in STATUTS.items()
        if code in ("", refus.code)
    )
    return page("erreurs.html", LANGUE=langue, LIGNES=lignes)


@get("/docs", include_in_schema=False, opt=ouvert("public"))
async def docs() -> Response[str]:
    """The OpenAPI pages; their assets are served by us."""
    contenu = _lire("docs.html")
    regles = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
    entetes = {"Content-Security-Policy": f"{regles}; base-uri 'none'; frame-ancestors 'none'"}
    return Response(contenu, media_type=MediaType.HTML, headers=entetes)


_SWAGGER = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript", "favicon-32x32.png": "image/png"}


@get("/docs/{nom:str}", include_in_schema=False, opt=ouvert("public"))
async def docs_fichier(nom: FromPath[str]) -> File:
    """Swagger UI's own files, and the few lines that start it."""
    if nom == "comptoir.js":
        return _fichier(_DOSSIER / "docs.js", "text/javascript")
    if nom not in _SWAGGER:
        raise Introuvable
    return _fichier(_swagger() / nom, _SWAGGER[nom])


def _fichier(chemin: Path, type_: str) -> File:
    return File(chemin, media_type=type_, content_disposition_type="inline", headers={"Cache-Control": _LONG})


@cache
def _swagger() -> Path:
    """The folder of the Swagger UI wheel."""
    paquet = find_spec("swagger_ui_bundle")
    if paquet is None or paquet.origin is None:
        raise Introuvable
    return max((Path(paquet.origin).parent / "vendor").glob("swagger-ui-*"))


@get("/dev/messages", include_in_schema=False, opt=ouvert("public"))
async def boite_messages(
    request: Request[Any, Any, State], boite: NamedDependency[Boite], destination: FromQuery[str | None] = None
) -> Response[Any]:
    """The development mailbox, for people and for programs."""
    if "application/json" in request.headers.get("accept", ""):
        return Response({"messages": boite.messages(destination)})
    reponse = page("messages.html")
    # The previewed mails carry their own inline styles.
    reponse.headers["Content-Security-Policy"] = _csp(_lire("messages.html"), styles="'unsafe-inline'")
    return reponse


@get("/dev/franceconnect", include_in_schema=False, opt=ouvert("public"))
async def essai_franceconnect() -> Response[str]:
    """A front end to try FranceConnect with."""
    return page("franceconnect.html", LANGUE="fr")


@delete("/dev/messages", include_in_schema=False, opt=ouvert("public"))
async def vider_boite(boite: NamedDependency[Boite]) -> None:
    boite.vider()


_sorties = Router(
    "/",
    route_handlers=[desinscription, se_desinscrire],
    exception_handlers={Refus: _refuser, ValidationException: lambda request, _: _refuser(request, Introuvable())},
)
routes = Router(
    "/", route_handlers=[activation, mot_de_passe, annulation, accord_parental, _sorties, erreurs, docs, docs_fichier]
)
developpement = Router("/", route_handlers=[boite_messages, vider_boite, essai_franceconnect])
