"""FranceConnect and ProConnect, as front ends call them; and the callback, which a browser opens."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import structs

from app.http.acces import ouvert, porteur_de, porteur_facultatif
from app.http.contexte import appel_de, langue_de
from app.http.corps import RequeteJson
from app.http.pages import page
from app.http.sessions import REMISE, RETRAIT, cookies_de_session, cookies_retires, exiger_origine
from app.usecases import CasUtilisation
from domain import erreurs
from domain.federation import Fournisseur
from domain.passage import (
    AutorisationCreee,
    DeconnexionPrete,
    DemandeAutorisation,
    DemandeDeconnexion,
    DemandeEchange,
    Resultat,
    ResultatSession,
)


@post(
    "/v1/franceconnect/autorisations",
    operation_id="autoriserPassage",
    opt=ouvert(
        "facultatif",
        erreurs.FournisseurInactif,
        erreurs.RetourRefuse,
        erreurs.ReauthentificationRequise,
        erreurs.CguAReaccepter,
        erreurs.IdentiteInadaptee,
        erreurs.IdentiteNonRattachee,
        erreurs.TropDeDemandes,
        erreurs.FournisseurIndisponible,
    ),
)
async def autoriser(
    data: JSONBody[DemandeAutorisation], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> AutorisationCreee:
    """Where to send the browser."""
    return await cas.federations.autoriser(data, porteur_facultatif(request), appel_de(request))


@get("/v1/franceconnect/retour", include_in_schema=False, opt=ouvert("public", agissante=True))
async def retour(request: Request[Any, Any, State], cas: NamedDependency[CasUtilisation]) -> Response[str]:
    """The provider's callback. It opens nothing by itself: the caller that left holds what is needed to go on."""
    recus = {nom: request.query_params.get(nom) for nom in ("state", "code", "error", "iss")}
    try:
        adresse = await cas.federations.revenir(recus["state"] or "", recus["code"], recus["error"], recus["iss"])
    except erreurs.PassageInconnu:
        perdue = page("passage_perdu.html", LANGUE=langue_de(request))
        perdue.status_code = 404
        return perdue
    return Response("", status_code=303, headers={"Location": adresse})


@post(
    "/v1/franceconnect/echanges",
    status_code=200,
    operation_id="echangerCode",
    opt=ouvert(
        "public",
        erreurs.CodeEchangeInvalide,
        erreurs.CompteIndisponible,
        erreurs.EffacementEnCours,
        erreurs.IdentiteDejaRattachee,
        erreurs.IdentiteDifferente,
        erreurs.IdentiteInadaptee,
        erreurs.IdentiteNonRattachee,
        erreurs.ReauthentificationRequise,
        erreurs.SessionFinie,
        erreurs.CguAReaccepter,
        erreurs.OrigineRefusee,
        entetes=REMISE,
    ),
)
async def echanger(
    data: JSONBody[DemandeEchange], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> Response[Resultat]:
    """What the identity opens."""
    if data.cookie:
        exiger_origine(request)
    resultat = await cas.federations.echanger(data, appel_de(request))
    if not (data.cookie and isinstance(resultat, ResultatSession)):
        return Response(resultat)
    nue, cookies = cookies_de_session(resultat.session)
    return Response(structs.replace(resultat, session=nue), cookies=cookies)


@delete(
    "/v1/moi/franceconnect",
    status_code=204,
    operation_id="detacherIdentite",
    opt=ouvert(
        "session",
        erreurs.ReauthentificationRequise,
        erreurs.CguAReaccepter,
        erreurs.IdentiteNonRattachee,
        erreurs.DernierMoyenDeConnexion,
        entetes=RETRAIT,
    ),
)
async def detacher(
    request: RequeteJson,
    cas: NamedDependency[CasUtilisation],
    fournisseur: Annotated[
        Fournisseur | None,
        QueryParameter(description="Celui dont les identités sont détachées ; sans `identite`, `franceconnect` par défaut."),
    ] = None,
    identite: Annotated[
        UUID | None, QueryParameter(description="L'`id` de la seule à détacher ; sans lui, toutes celles de `fournisseur`.")
    ] = None,
) -> Response[None]:
    """Detaches identities, as long as another way in remains."""
    finie = await cas.rattachements.detacher(porteur_de(request), fournisseur, identite)
    return Response(None, status_code=204, cookies=cookies_retires(request) if finie else [])


@post(
    "/v1/franceconnect/deconnexions",
    status_code=200,
    operation_id="deconnecterPartout",
    opt=ouvert(
        "facultatif",
        erreurs.RetourRefuse,
        erreurs.JetonIdentiteInvalide,
        entetes=RETRAIT,
    ),
)
async def deconnecter(
    data: JSONBody[DemandeDeconnexion], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> Response[DeconnexionPrete]:
    """Signs out here, and tells where to sign out of the providers."""
    porteur = porteur_facultatif(request) if data.jeton_identite is None else None
    prete = await cas.federations.deconnecter(porteur, data)
    return Response(prete, cookies=cookies_retires(request) if porteur else [])


routes = Router("/", route_handlers=[autoriser, retour, echanger, detacher, deconnecter], tags=["FranceConnect"])
