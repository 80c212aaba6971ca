"""Signing up and activating, as screens call them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from app.http.acces import ouvert
from app.http.contexte import appel_de
from app.http.corps import RequeteJson
from app.usecases import CasUtilisation
from app.usecases.inscriptions import Valide
from domain import erreurs
from domain.activation import ActivationVue, Activee, DemandeActivation, Essai, LienSuivi, LienSuiviVue
from domain.inscription import CorrectionContacts, DemandeInscription, InscriptionCreee, InscriptionVue

_ATTENTE_MAX = 25

IdInscription = Annotated[UUID, PathParameter(description="L'`id` de l'inscription.")]
IdActivation = Annotated[UUID, PathParameter(description="L'`id` de l'activation.")]


@post(
    "/v1/inscriptions",
    operation_id="inscrire",
    opt=ouvert(
        "public",
        erreurs.IdentifiantIndisponible,
        erreurs.DocumentPerime,
        erreurs.JetonIdentiteInvalide,
        erreurs.IdentiteDejaRattachee,
        erreurs.IdentiteInadaptee,
        erreurs.TropDeDemandes,
        erreurs.Sature,
        idempotente=True,
        entetes={"Location": "Le chemin de l'inscription, à lire avec `secret`."},
    ),
)
async def inscrire(
    data: JSONBody[DemandeInscription], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> Response[InscriptionCreee]:
    """Opens a pending account and sends its code."""
    creee = await cas.inscriptions.inscrire(data, appel_de(request))
    return Response(creee, headers={"Location": f"/v1/inscriptions/{creee.id}"})


@post(
    "/v1/inscriptions/controles",
    status_code=200,
    operation_id="controlerInscription",
    opt=ouvert(
        "public",
        erreurs.IdentifiantIndisponible,
        erreurs.DocumentPerime,
        erreurs.JetonIdentiteInvalide,
        erreurs.IdentiteDejaRattachee,
        erreurs.IdentiteInadaptee,
        erreurs.TropDeDemandes,
    ),
)
async def controler(data: JSONBody[DemandeInscription], request: RequeteJson, cas: NamedDependency[CasUtilisation]) -> Valide:
    """What signing up would refuse; nothing is written."""
    return await cas.inscriptions.controler(data, appel_de(request))


@get(
    "/v1/inscriptions/{id:uuid}",
    operation_id="lireInscription",
    opt=ouvert("inscription", erreurs.InscriptionExpiree, erreurs.InscriptionTerminee),
)
async def lire(
    id: IdInscription,
    cas: NamedDependency[CasUtilisation],
    attendre: Annotated[
        int,
        QueryParameter(
            ge=0,
            le=_ATTENTE_MAX,
            description="Secondes d'attente au plus d'un changement d'état. Si trop attendent, la réponse vient aussitôt.",
        ),
    ] = 0,
) -> InscriptionVue:
    """The sign-up as it stands, or at its next change."""
    return await cas.inscriptions.lire(id, attendre)


@patch(
    "/v1/inscriptions/{id:uuid}/contacts",
    operation_id="corrigerContacts",
    opt=ouvert("inscription", erreurs.InscriptionExpiree, erreurs.DejaActive),
)
async def corriger(
    id: IdInscription, data: JSONBody[CorrectionContacts], cas: NamedDependency[CasUtilisation]
) -> InscriptionVue:
    """Corrects a contact; codes sent to the former one die."""
    return await cas.inscriptions.corriger(id, data)


@delete(
    "/v1/inscriptions/{id:uuid}",
    operation_id="annulerInscription",
    opt=ouvert("inscription", erreurs.DejaActive),
)
async def annuler(id: IdInscription, cas: NamedDependency[CasUtilisation]) -> None:
    """Deletes the pending account and all of it."""
    await cas.inscriptions.annuler(id)


@post(
    "/v1/inscriptions/{id:uuid}/activations",
    status_code=202,
    operation_id="demanderActivation",
    opt=ouvert(
        "inscription",
        erreurs.InscriptionExpiree,
        erreurs.DejaActive,
        erreurs.CanalImpossible,
        erreurs.TropDeDemandes,
        idempotente=True,
    ),
)
async def demander(
    id: IdInscription, data: JSONBody[DemandeActivation], request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> ActivationVue:
    """Opens a channel, or sends its live code again."""
    return await cas.activations.demander(id, data.canal, appel_de(request))


@post(
    "/v1/inscriptions/{id:uuid}/activations/{aid:uuid}/renvois",
    status_code=202,
    operation_id="renvoyerCode",
    opt=ouvert(
        "inscription",
        erreurs.ActivationInconnue,
        erreurs.InscriptionExpiree,
        erreurs.DejaActive,
        erreurs.ActivationRemplacee,
        erreurs.EssaisEpuises,
        erreurs.EnvoisEpuises,
        erreurs.CodeExpire,
        erreurs.TropDeDemandes,
        idempotente=True,
    ),
)
async def renvoyer(
    id: IdInscription, aid: IdActivation, request: RequeteJson, cas: NamedDependency[CasUtilisation]
) -> ActivationVue:
    """The same code once more."""
    return await cas.activations.renvoyer(id, aid, appel_de(request))


@post(
    "/v1/inscriptions/{id:uuid}/activations/{aid:uuid}/essais",
    status_code=200,
    operation_id="essayerCode",
    opt=ouvert(
        "inscription",
        erreurs.CodeIncorrect,
        erreurs.CodeNonEnvoye,
        erreurs.ActivationInconnue,
        erreurs.InscriptionExpiree,
        erreurs.DejaActive,
        erreurs.ActivationRemplacee,
        erreurs.EssaisEpuises,
        erreurs.CodeExpire,
    ),
)
async def essayer(id: IdInscription, aid: IdActivation, data: JSONBody[Essai], cas: NamedDependency[CasUtilisation]) -> Activee:
    """Tries a code: counted, then judged."""
    return await cas.activations.essayer(id, aid, data.code)


@post(
    "/v1/liens-activation",
    status_code=200,
    operation_id="suivreLien",
    opt=ouvert("public", erreurs.LienInvalide, erreurs.LienExpire),
)
async def suivre(data: JSONBody[LienSuivi], cas: NamedDependency[CasUtilisation]) -> LienSuiviVue:
    """The e-mail link's token, posted on a gesture."""
    return await cas.activations.suivre_lien(data.jeton)


inscription = Router("/", route_handlers=[inscrire, controler, lire, corriger, annuler], tags=["Inscription"])
activation = Router("/", route_handlers=[demander, renvoyer, essayer, suivre], tags=["Activation"])
