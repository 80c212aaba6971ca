"""The holder's rights: ledger, mailing choices, newer texts, data taken away, erasure; and the links that need no session."""

from __future__ import annotations

from litestar import Response, Router, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.http.acces import ouvert, porteur_de
from app.http.contexte import appel_de, langue_de
from app.http.corps import RequeteJson
from app.http.moi import Apres, Limite
from app.usecases import CasUtilisation
from domain import erreurs
from domain.consentements import (
    AccordEnregistre,
    ChoixDiffusion,
    ConsentementsVue,
    DemandeAcceptations,
    DemandeDesinscription,
    Desinscription,
    DiffusionVue,
    ReponseParentale,
)
from domain.export import Annulee, DemandeAnnulation, DemandeEffacement, EffacementPrevu, Export
from domain.moi import AcceptationsVue


@get("/v1/moi/consentements", operation_id="lireConsentements", opt=ouvert("session", erreurs.ReferenceMalformee))
async def consentements(
    request: RequeteJson, cas: NamedDependency[CasUtilisation], apres: Apres = None, limite: Limite = 20
) -> ConsentementsVue:
    """The choices in force and the ledger."""
    return await cas.consentements.lire(porteur_de(request), apres, limite)


@put(
    "/v1/moi/diffusion",
    operation_id="choisirDiffusion",
    opt=ouvert("session", erreurs.CguAReaccepter, erreurs.TropDeDemandes),
)
async def diffusion(data: JSONBody[ChoixDiffusion], request: RequeteJson, cas: NamedDependency[CasUtilisation]) -> DiffusionVue:
    """The four mailing choices at once."""
    return await cas.consentements.choisir(porteur_de(request), data, appel_de(request))


@post(
    "/v1/moi/acceptations",
    status_code=200,
    operation_id="accepterDocuments",
    opt=ouvert("session", erreurs.DocumentPerime),
)
async def acceptations(
    data: JSONBody[DemandeAcceptations], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> AcceptationsVue:
    """Accepts the versions in force."""
    return await cas.consentements.accepter(porteur_de(request), data, appel_de(request))


@get(
    "/v1/moi/export",
    operation_id="exporterMoi",
    opt=ouvert(
        "session",
        erreurs.ReauthentificationRequise,
        erreurs.TropDeDemandes,
        entetes={"Content-Disposition": "Le nom du fichier."},
        agissante=True,
    ),
)
async def export(request: RequeteJson, cas: NamedDependency[CasUtilisation]) -> Response[Export]:
    """Everything held about the caller."""
    contenu = await cas.depart.exporter(porteur_de(request), langue_de(request))
    return Response(contenu, headers={"Content-Disposition": 'attachment; filename="mon-compte.json"'})


@post(
    "/v1/moi/effacement",
    status_code=202,
    operation_id="effacerMoi",
    opt=ouvert(
        "session",
        erreurs.ReauthentificationRequise,
        erreurs.MotDePasseIncorrect,
        erreurs.MotDePasseAbsent,
        erreurs.TropDeDemandes,
        erreurs.Sature,
    ),
)
async def effacement(
    data: JSONBody[DemandeEffacement], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> EffacementPrevu:
    """Leaves, after a grace period."""
    return await cas.depart.effacer(porteur_de(request), data)


@post(
    "/v1/annulations",
    status_code=200,
    operation_id="annuler",
    opt=ouvert("public", erreurs.LienInvalide, erreurs.LienExpire),
)
async def annulations(data: JSONBody[DemandeAnnulation], cas: NamedDependency[CasUtilisation]) -> Annulee:
    """The way back that a message carried."""
    return await cas.depart.annuler(data.jeton)


@post(
    "/v1/accords-parentaux",
    status_code=200,
    operation_id="repondreAccordParental",
    opt=ouvert("public", erreurs.LienInvalide, erreurs.LienExpire),
)
async def accords(
    data: JSONBody[ReponseParentale], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> AccordEnregistre:
    """A guardian's decision."""
    return await cas.consentements.repondre(data, appel_de(request))


@post(
    "/v1/desinscriptions",
    status_code=200,
    operation_id="seDesinscrire",
    opt=ouvert("public", erreurs.LienInvalide),
)
async def desinscriptions(
    data: JSONBody[DemandeDesinscription], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> Desinscription:
    """Out of mailing lists, without signing in."""
    return await cas.consentements.se_desinscrire(data.jeton, data.listes, appel_de(request))


moi = Router("/", route_handlers=[consentements, diffusion, acceptations, export, effacement], tags=["Mes droits"])
liens = Router("/", route_handlers=[annulations, accords, desinscriptions], tags=["Liens reçus"])
