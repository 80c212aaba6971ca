"""Signing in, going on and out, as browsers and apps call it; the public keys; getting back in."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import CookieParameter, JSONBody, PathParameter
from msgspec import structs

from app.http.acces import ouvert, porteur_de
from app.http.cache import cachable
from app.http.contexte import appel_de
from app.http.corps import RequeteJson
from app.http.inscriptions import IdInscription
from app.http.problemes import reponse
from app.usecases import CasUtilisation
from domain import erreurs
from domain.ports import JetonsAcces
from domain.recuperation import (
    ConfirmationRecuperation,
    DemandeIdentifiantOublie,
    DemandeRecuperation,
    IdentifiantOublieDemande,
    RecuperationDemandee,
    Reinitialise,
)
from domain.session import (
    LONGUE,
    ClesPubliques,
    DemandeRafraichissement,
    DemandeReauthentification,
    DemandeSession,
    JetonsSession,
    OptionsSession,
    Reauthentifiee,
    SessionCreee,
    SessionsVue,
)

# `__Host-`: this host alone, over TLS alone, from its root: no neighbouring site can plant one (R72).
COOKIE_SESSION, COOKIE_APPAREIL = "__Host-comptoir-session", "__Host-comptoir-appareil"
_UN_AN = 365 * 86_400
IdSession = Annotated[UUID, PathParameter(description="L'`id` de la session.")]
Appareil = Annotated[
    str | None, CookieParameter(name=COOKIE_APPAREIL, description="Pour `jeton_appareil`, quand il a été remis en cookie.")
]
Session = Annotated[
    str | None,
    CookieParameter(name=COOKIE_SESSION, description="Pour `jeton_rafraichissement`, quand il a été remis en cookie."),
]
# What answers say of their cookies, in the OpenAPI document.
REMISE = {"Set-Cookie": "Avec `cookie` : `__Host-comptoir-session`, et `__Host-comptoir-appareil` sauf appareil partagé."}
RETRAIT = {"Set-Cookie": "Retire `__Host-comptoir-session`, s'il a été présenté."}


@post(
    "/v1/sessions",
    operation_id="ouvrirSession",
    opt=ouvert(
        "public",
        erreurs.IdentifiantsIncorrects,
        erreurs.CompteNonActive,
        erreurs.EffacementEnCours,
        erreurs.OrigineRefusee,
        erreurs.TropDeDemandes,
        erreurs.Sature,
        entetes=REMISE,
    ),
)
async def ouvrir(
    data: JSONBody[DemandeSession], request: RequeteJson, cas: NamedDependency[CasUtilisation], appareil: Appareil = None
) -> Response[SessionCreee]:
    """Opens a session; every failure has one answer."""
    if data.cookie:
        exiger_origine(request)
    if data.jeton_appareil is None:
        data = structs.replace(data, jeton_appareil=appareil)
    return _remise(await cas.sessions.ouvrir(data, appel_de(request)), data)


@post(
    "/v1/inscriptions/{id:uuid}/session",
    operation_id="echangerSecret",
    opt=ouvert(
        "inscription",
        erreurs.PasEncoreActif,
        erreurs.SessionDejaRemise,
        erreurs.InscriptionTerminee,
        erreurs.OrigineRefusee,
        entetes=REMISE,
    ),
)
async def echanger(
    id: IdInscription, data: JSONBody[OptionsSession], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> Response[SessionCreee]:
    """The sign-up secret for a session, once."""
    if data.cookie:
        exiger_origine(request)
    return _remise(await cas.sessions.echanger(id, data, appel_de(request)), data)


@post(
    "/v1/sessions/rafraichissements",
    status_code=200,
    operation_id="rafraichirSession",
    opt=ouvert(
        "public",
        erreurs.SessionFinie,
        erreurs.OrigineRefusee,
        entetes={"Set-Cookie": "Le nouveau `__Host-comptoir-session`, quand l'ancien est venu ainsi."},
    ),
)
async def rafraichir(
    data: JSONBody[DemandeRafraichissement],
    request: RequeteJson,
    cas: NamedDependency[CasUtilisation],
    presente: Session = None,
) -> Response[JetonsSession]:
    """The next pair of tokens."""
    if data.jeton_rafraichissement is not None:
        return Response(await cas.sessions.rafraichir(data.jeton_rafraichissement, appel_de(request)))
    if presente is None:
        raise erreurs.SessionFinie
    exiger_origine(request)
    try:
        jetons = await cas.sessions.rafraichir(presente, appel_de(request))
    except erreurs.SessionFinie as refus:
        perdue = reponse(request, refus)
        perdue.set_cookie(_cookie(COOKIE_SESSION, "", 0))
        return perdue  # type: ignore[return-value]  # a refusal
    return Response(structs.replace(jetons, jeton_rafraichissement=None), cookies=[_cookie_de_session(jetons)])


@get("/v1/sessions", operation_id="listerSessions", opt=ouvert("session"))
async def lister(request: RequeteJson, cas: NamedDependency[CasUtilisation]) -> SessionsVue:
    """The live sessions of the account."""
    return await cas.sessions.lister(porteur_de(request))


@delete("/v1/sessions/courante", operation_id="fermerSession", opt=ouvert("session", entetes=RETRAIT))
async def fermer(request: RequeteJson, cas: NamedDependency[CasUtilisation]) -> Response[None]:
    """Signs out, here."""
    porteur = porteur_de(request)
    await cas.sessions.terminer(porteur, porteur.session_id)
    return Response(None, status_code=204, cookies=cookies_retires(request))


@delete(
    "/v1/sessions/{id:uuid}",
    operation_id="fermerAutreSession",
    opt=ouvert("session", erreurs.SessionInconnue, entetes=RETRAIT),
)
async def fermer_autre(
    id: IdSession,
    request: RequeteJson,
    cas: NamedDependency[CasUtilisation],
) -> Response[None]:
    """Ends one session of the account, possibly this one."""
    porteur = porteur_de(request)
    await cas.sessions.terminer(porteur, id)
    return Response(None, status_code=204, cookies=cookies_retires(request) if id == porteur.session_id else [])


@delete("/v1/sessions", operation_id="fermerToutesSessions", opt=ouvert("session", entetes=RETRAIT))
async def fermer_toutes(request: RequeteJson, cas: NamedDependency[CasUtilisation]) -> Response[None]:
    """Signs out everywhere."""
    await cas.sessions.terminer_toutes(porteur_de(request))
    return Response(None, status_code=204, cookies=cookies_retires(request))


@post(
    "/v1/sessions/courante/reauthentification",
    status_code=200,
    operation_id="reauthentifier",
    opt=ouvert("session", erreurs.MotDePasseIncorrect, erreurs.MotDePasseAbsent, erreurs.TropDeDemandes, erreurs.Sature),
)
async def reauthentifier(
    data: JSONBody[DemandeReauthentification], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> Reauthentifiee:
    """The password once more, before a sensitive operation."""
    return await cas.sessions.reauthentifier(porteur_de(request), data.mot_de_passe)


@get("/.well-known/jwks.json", operation_id="clesPubliques", opt=ouvert("public", cachee=True))
async def cles(request: Request[Any, Any, Any], jetons_acces: NamedDependency[JetonsAcces]) -> Response[ClesPubliques]:
    """The keys that verify access tokens."""
    return cachable(request, jetons_acces.cles_publiques(), 300)


@post(
    "/v1/recuperations/mot-de-passe",
    status_code=202,
    operation_id="recupererMotDePasse",
    opt=ouvert("public", erreurs.TropDeDemandes, idempotente=True),
)
async def mot_de_passe(
    data: JSONBody[DemandeRecuperation], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> RecuperationDemandee:
    """A way to choose another password, to a proven contact."""
    return await cas.recuperations.mot_de_passe(data, appel_de(request))


@post(
    "/v1/recuperations/mot-de-passe/confirmations",
    status_code=200,
    operation_id="reinitialiserMotDePasse",
    opt=ouvert(
        "public",
        erreurs.RecuperationRefusee,
        erreurs.Sature,
        entetes={"Set-Cookie": "`__Host-comptoir-appareil` : `jeton_appareil`, pour un navigateur."},
    ),
)
async def confirmer(data: JSONBody[ConfirmationRecuperation], cas: NamedDependency[CasUtilisation]) -> Response[Reinitialise]:
    """The new password; every session ends. The device that chose it is known from now on, unless it is shared."""
    faite = await cas.recuperations.confirmer(data)
    connu = [_cookie(COOKIE_APPAREIL, faite.jeton_appareil, _UN_AN)] if faite.jeton_appareil else []
    return Response(faite, cookies=connu)


@post(
    "/v1/recuperations/identifiant",
    status_code=202,
    operation_id="recupererIdentifiant",
    opt=ouvert("public", erreurs.TropDeDemandes, idempotente=True),
)
async def identifiant(
    data: JSONBody[DemandeIdentifiantOublie], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> IdentifiantOublieDemande:
    """The identifiants of a proven address, sent to it."""
    return await cas.recuperations.identifiant(data, appel_de(request))


def exiger_origine(request: Request[Any, Any, Any]) -> None:
    """A browser always says where a POST comes from; what does not is not one, and has no use for a cookie."""
    origines = request.headers.getall("origin", [])
    if len(origines) != 1 or origines[0] not in (request.app.state.origine, *request.app.state.origines_cors):
        raise erreurs.OrigineRefusee


def cookies_de_session(creee: SessionCreee) -> tuple[SessionCreee, list[Cookie]]:
    """The session without its secrets, and the cookies that carry them."""
    cookies = [_cookie_de_session(creee)]
    if creee.jeton_appareil:
        cookies.append(_cookie(COOKIE_APPAREIL, creee.jeton_appareil, _UN_AN))
    return structs.replace(creee, jeton_rafraichissement=None, jeton_appareil=None), cookies


def cookies_retires(request: Request[Any, Any, Any]) -> list[Cookie]:
    """What takes the cookie of a session that has ended off a browser that has one."""
    return [_cookie(COOKIE_SESSION, "", 0)] if COOKIE_SESSION in request.cookies else []


def _remise(creee: SessionCreee, options: OptionsSession) -> Response[SessionCreee]:
    if not options.cookie:
        return Response(creee)
    nue, cookies = cookies_de_session(creee)
    return Response(nue, cookies=cookies)


def _cookie_de_session(jetons: JetonsSession) -> Cookie:
    """Whoever stays signed in closes their browser in between; how long it is good for remains the server's business."""
    return _cookie(COOKIE_SESSION, jetons.jeton_rafraichissement or "", LONGUE.absolue if jetons.rester_connecte else None)


def _cookie(nom: str, valeur: str, duree: int | None = None) -> Cookie:
    """Without a duration it goes with the browser."""
    return Cookie(key=nom, value=valeur, path="/", secure=True, httponly=True, samesite="strict", max_age=duree)


session = Router(
    "/",
    route_handlers=[
        ouvrir,
        echanger,
        rafraichir,
        lister,
        fermer,
        fermer_autre,
        fermer_toutes,
        reauthentifier,
        cles,
    ],
    tags=["Session"],
)
recuperation = Router("/", route_handlers=[mot_de_passe, confirmer, identifiant], tags=["Récupération"])
