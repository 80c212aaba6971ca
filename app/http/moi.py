"""The account as its holder reads and changes it; what a téléservice pre-fills its forms from."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Response, Router, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from app.http.acces import ouvert, porteur_de
from app.http.cache import etiquetee
from app.http.contexte import appel_de, langue_de
from app.http.corps import RequeteJson
from app.usecases import CasUtilisation
from domain import erreurs
from domain.activation import ActivationVue, Essai
from domain.activite import ActiviteVue, Fil
from domain.modification import DemandeContact, DemandeIdentifiant, DemandeMotDePasse, IdentifiantVue, ModificationMoi
from domain.moi import ContactVue, MoiVue, etiquette

_REAUTHENTIFIEE = (
    erreurs.ReauthentificationRequise,
    erreurs.MotDePasseIncorrect,
    erreurs.MotDePasseAbsent,
    erreurs.TropDeDemandes,
    erreurs.Sature,
)

Apres = Annotated[str | None, QueryParameter(max_length=16, description="Le `suivant` de la page précédente.")]
IdPreuve = Annotated[UUID, PathParameter(description="L'`id` rendu par la demande.")]
Reference = Annotated[str, PathParameter(description="Celle de la ligne, telle que la personne la cite.")]
Limite = Annotated[int, QueryParameter(ge=1, le=100, description="Lignes par page.")]


@get("/v1/moi", operation_id="lireMoi", opt=ouvert("session", etiquetee=True))
async def lire(request: RequeteJson, cas: NamedDependency[CasUtilisation]) -> Response[MoiVue]:
    """Everything the holder's screens and téléservices show."""
    return etiquetee(request, await cas.moi.lire(porteur_de(request)))


@patch(
    "/v1/moi",
    operation_id="modifierMoi",
    opt=ouvert(
        "session",
        erreurs.CguAReaccepter,
        erreurs.PreconditionRequise,
        erreurs.VersionPerimee,
        erreurs.TropDeDemandes,
        etiquetee=True,
    ),
)
async def modifier(
    data: JSONBody[ModificationMoi], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> Response[MoiVue]:
    """Changes what is named, if nothing else has changed since it was read."""
    # A proxy that compresses makes our strong validators weak on the way out; they are ours all the same.
    versions = [v.strip().removeprefix("W/") for v in ",".join(request.headers.getall("if-match", [])).split(",") if v.strip()]
    if not versions:
        raise erreurs.PreconditionRequise
    moi = await cas.moi.modifier(porteur_de(request), data, versions, appel_de(request))
    return Response(moi, headers={"ETag": etiquette(moi)})


@put(
    "/v1/moi/mot-de-passe",
    status_code=204,
    operation_id="changerMotDePasse",
    opt=ouvert("session", erreurs.CguAReaccepter, *_REAUTHENTIFIEE),
)
async def changer_mot_de_passe(
    data: JSONBody[DemandeMotDePasse], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> None:
    """Another password; the other sessions end."""
    await cas.moi.changer_mot_de_passe(porteur_de(request), data)


@put(
    "/v1/moi/identifiant",
    operation_id="changerIdentifiant",
    opt=ouvert("session", erreurs.CguAReaccepter, erreurs.IdentifiantIndisponible, *_REAUTHENTIFIEE),
)
async def changer_identifiant(
    data: JSONBody[DemandeIdentifiant], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> IdentifiantVue:
    """Another identifiant; the former one goes into quarantine."""
    return await cas.moi.changer_identifiant(porteur_de(request), data, appel_de(request))


@post(
    "/v1/moi/contacts",
    status_code=202,
    operation_id="demanderContact",
    opt=ouvert("session", erreurs.CguAReaccepter, erreurs.ContactDejaVerifie, *_REAUTHENTIFIEE, idempotente=True),
)
async def demander_contact(
    data: JSONBody[DemandeContact], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> ActivationVue:
    """A code to a new address or number."""
    return await cas.contacts.demander(porteur_de(request), data, appel_de(request))


@post(
    "/v1/moi/contacts/{id:uuid}/essais",
    status_code=200,
    operation_id="prouverContact",
    opt=ouvert(
        "session",
        erreurs.CguAReaccepter,
        erreurs.ContactInconnu,
        erreurs.CodeIncorrect,
        erreurs.CodeExpire,
        erreurs.CodeNonEnvoye,
        erreurs.EssaisEpuises,
        erreurs.ActivationRemplacee,
    ),
)
async def prouver_contact(
    id: IdPreuve,
    data: JSONBody[Essai],
    request: RequeteJson,
    cas: NamedDependency[CasUtilisation],
) -> ContactVue:
    """The code: the new contact takes the place of the old one."""
    return await cas.contacts.essayer(porteur_de(request), id, data.code)


@delete(
    "/v1/moi/contacts/telephone_mobile",
    operation_id="retirerMobile",
    opt=ouvert("session", erreurs.CguAReaccepter, erreurs.ReauthentificationRequise, erreurs.DernierContact),
)
async def retirer_mobile(request: RequeteJson, cas: NamedDependency[CasUtilisation]) -> None:
    """The mobile is the account's no more."""
    await cas.contacts.retirer_mobile(porteur_de(request))


@get("/v1/moi/activites", operation_id="listerActivites", opt=ouvert("session", erreurs.ReferenceMalformee))
async def fil(request: RequeteJson, cas: NamedDependency[CasUtilisation], apres: Apres = None, limite: Limite = 20) -> Fil:
    """The feed, newest first."""
    return await cas.moi.fil(porteur_de(request), apres, limite, langue_de(request))


@get(
    "/v1/moi/activites/{reference:str}",
    operation_id="lireActivite",
    opt=ouvert("session", erreurs.ReferenceMalformee, erreurs.ActiviteInconnue),
)
async def activite(
    reference: Reference,
    request: RequeteJson,
    cas: NamedDependency[CasUtilisation],
) -> ActiviteVue:
    """One line, by the reference a person quotes."""
    return await cas.moi.activite(porteur_de(request), reference, langue_de(request))


routes = Router(
    "/",
    route_handlers=[
        lire,
        modifier,
        changer_mot_de_passe,
        changer_identifiant,
        demander_contact,
        prouver_contact,
        retirer_mobile,
        fil,
        activite,
    ],
    tags=["Mon compte"],
)
