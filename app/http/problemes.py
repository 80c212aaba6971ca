"""The only place where a refusal meets a status. Everything refused is `application/problem+json` (RFC 9457), one shape."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET, Meta, Struct, UnsetType

from app.http import textes
from app.http.contexte import langue_de, requete_de
from domain import erreurs
from domain.activation import Canal
from domain.erreurs import ChampsInvalides, ErreurChamp, Refus

MEDIA = "application/problem+json"

_journal = logging.getLogger("comptoir.http")


class JsonInvalide(Refus):
    """The body is not JSON in UTF-8, or nests deeper than 32."""

    code = "json_invalide"


class RequeteInvalide(Refus):
    """A parameter or a header is missing, repeated or malformed. `parametres`: their names, where they are known."""

    code = "requete_invalide"

    def __init__(self, parametres: Sequence[str] = ()) -> None:
        self.parametres = tuple(parametres)

    def details(self) -> dict[str, Any]:
        return {"parametres": list(self.parametres)}


class TypeContenu(Refus):
    """Not JSON, or compressed."""

    code = "type_contenu"


class DelaiDepasse(Refus):
    """The body did not come in time."""

    code = "delai_depasse"


class Introuvable(Refus):
    """No such address."""

    code = "introuvable"


class MethodeInterdite(Refus):
    """The address exists, the method does not."""

    code = "methode_interdite"


class CorpsTropGrand(Refus):
    """More than 64 KiB."""

    code = "corps_trop_grand"


class ErreurInterne(Refus):
    """A fault of ours: its trace is in the log, not in the answer."""

    code = "erreur_interne"


STATUTS: dict[type[Refus], int] = {
    JsonInvalide: 400,
    RequeteInvalide: 400,
    erreurs.CleIdempotenceInvalide: 400,
    erreurs.SecretInvalide: 401,
    erreurs.JetonInvalide: 401,
    erreurs.SessionFinie: 401,
    erreurs.IdentifiantsIncorrects: 401,
    erreurs.MotDePasseIncorrect: 401,
    erreurs.CompteNonActive: 403,
    erreurs.CompteIndisponible: 403,
    erreurs.EffacementEnCours: 403,
    erreurs.ReauthentificationRequise: 403,
    erreurs.CguAReaccepter: 403,
    erreurs.OrigineRefusee: 403,
    Introuvable: 404,
    erreurs.ProfilInconnu: 404,
    erreurs.DocumentInconnu: 404,
    erreurs.InscriptionInconnue: 404,
    erreurs.ActivationInconnue: 404,
    erreurs.SessionInconnue: 404,
    erreurs.FournisseurInactif: 404,
    erreurs.IdentiteNonRattachee: 404,
    erreurs.ContactInconnu: 404,
    erreurs.ActiviteInconnue: 404,
    MethodeInterdite: 405,
    DelaiDepasse: 408,
    erreurs.IdentifiantIndisponible: 409,
    erreurs.DocumentPerime: 409,
    erreurs.DejaActive: 409,
    erreurs.CanalImpossible: 409,
    erreurs.ActivationRemplacee: 409,
    erreurs.CodeNonEnvoye: 409,
    erreurs.EssaisEpuises: 409,
    erreurs.EnvoisEpuises: 409,
    erreurs.RequeteEnCours: 409,
    erreurs.SessionDejaRemise: 409,
    erreurs.IdentiteDejaRattachee: 409,
    erreurs.IdentiteDifferente: 409,
    erreurs.IdentiteInadaptee: 409,
    erreurs.MotDePasseAbsent: 409,
    erreurs.DernierMoyenDeConnexion: 409,
    erreurs.PasEncoreActif: 409,
    erreurs.ContactDejaVerifie: 409,
    erreurs.DernierContact: 409,
    erreurs.InscriptionExpiree: 410,
    erreurs.InscriptionTerminee: 410,
    erreurs.CodeExpire: 410,
    erreurs.LienExpire: 410,
    erreurs.VersionPerimee: 412,
    CorpsTropGrand: 413,
    TypeContenu: 415,
    ChampsInvalides: 422,
    erreurs.CodeIncorrect: 422,
    erreurs.LienInvalide: 422,
    erreurs.RecuperationRefusee: 422,
    erreurs.RetourRefuse: 422,
    erreurs.CodeEchangeInvalide: 422,
    erreurs.JetonIdentiteInvalide: 422,
    erreurs.ReferenceMalformee: 422,
    erreurs.CleIdempotenceReutilisee: 422,
    erreurs.PreconditionRequise: 428,
    erreurs.TropDeDemandes: 429,
    ErreurInterne: 500,
    erreurs.Sature: 503,
    erreurs.Indisponible: 503,
    erreurs.FournisseurIndisponible: 503,
}

# What Litestar refuses by itself, before any handler of ours.
_DE_LITESTAR: dict[int, type[Refus]] = {
    400: RequeteInvalide,
    404: Introuvable,
    405: MethodeInterdite,
    413: CorpsTropGrand,
    415: TypeContenu,
}


def _dit(texte: str) -> Meta:
    return Meta(description=texte)


class ChampFautif(Struct, frozen=True, kw_only=True):
    """Un champ à corriger."""

    pointer: Annotated[str, _dit("Où il est dans le corps : pointeur JSON (RFC 6901).")]
    code: str
    message: Annotated[str, _dit("À montrer à la personne, dans la langue demandée.")]


class Probleme(Struct, frozen=True, kw_only=True):
    """Un refus, au format RFC 9457. Seul `code` est stable et fait pour les programmes."""

    TYPE: ClassVar[str] = "/erreurs/"

    type: Annotated[str, Meta(description="Adresse de l'explication du code.", extra_json_schema={"format": "uri"})]
    title: str
    status: int
    code: str
    detail: Annotated[str, _dit("À montrer à la personne, dans la langue demandée.")]
    instance: Annotated[str, _dit("Le chemin demandé.")]
    request_id: Annotated[str, _dit("À citer au support ; aussi dans l'en-tête `X-Request-Id`.")]
    errors: Annotated[list[ChampFautif], _dit("`champs_invalides` : tous les champs à corriger.")] | UnsetType = UNSET
    # The figures of refusals, beside the standard members: what their `details` give.
    parametres: Annotated[list[str], _dit("`requete_invalide` : ceux à corriger, s'ils sont connus.")] | UnsetType = UNSET
    inscription: Annotated[str, _dit("`compte_non_active` : l'`id` de l'inscription à activer.")] | UnsetType = UNSET
    secret: Annotated[str, _dit("`compte_non_active` : le porteur de cette inscription.")] | UnsetType = UNSET
    essais_restants: Annotated[int, _dit("`code_incorrect`, `essais_epuises`.")] | UnsetType = UNSET
    suggestions: Annotated[list[str], _dit("`identifiant_indisponible` : libres à cet instant.")] | UnsetType = UNSET
    canal: Annotated[Canal, _dit("`canal_impossible` : celui qui ne peut pas servir.")] | UnsetType = UNSET
    document: Annotated[str, _dit("`document_perime` : le code du texte.")] | UnsetType = UNSET
    version_en_vigueur: Annotated[str, _dit("`document_perime`, `cgu_a_reaccepter` : à accepter.")] | UnsetType = UNSET
    lien: Annotated[str, _dit("`document_perime`, `cgu_a_reaccepter` : le chemin de son texte.")] | UnsetType = UNSET


def reponse(request: Request[Any, Any, Any], refus: Refus, entetes: Mapping[str, str] = {}) -> Response[dict[str, Any]]:
    statut = STATUTS[type(refus)]
    request.scope["comptoir.code"] = refus.code  # type: ignore[typeddict-unknown-key]
    corps = document(refus, request.app.state.origine, langue_de(request), request.scope["path"], requete_de(request))
    return Response(corps, status_code=statut, media_type=MEDIA, headers={**_entetes(request, refus, statut), **entetes})


def document(refus: Refus, origine: str, langue: Any, chemin: str, requete: str) -> dict[str, Any]:
    figures = refus.details()
    corps: dict[str, Any] = {
        "type": f"{origine}{Probleme.TYPE}{refus.code}",
        "title": textes.titre(refus.code, langue),
        "status": STATUTS[type(refus)],
        "code": refus.code,
        "detail": textes.detail(refus.code, langue, figures),
        "instance": chemin[:256],
        "request_id": requete,
        **figures,
    }
    if isinstance(refus, ChampsInvalides):
        corps["errors"] = [_fautif(e, langue) for e in refus.erreurs]
    return corps


def _fautif(erreur: ErreurChamp, langue: Any) -> ChampFautif:
    return ChampFautif(pointer=erreur.pointer, code=erreur.code, message=textes.champ(erreur.code, langue, erreur.params))


# RFC 6750 §3: what is wrong with the bearer.
_DEFI = 'Bearer realm="comptoir"'
_DEFIS: dict[type[Refus], str] = {
    erreurs.SecretInvalide: 'Bearer realm="inscription"',
    erreurs.JetonInvalide: f'{_DEFI}, error="invalid_token"',
    erreurs.SessionFinie: f'{_DEFI}, error="invalid_token"',
}


def _entetes(request: Request[Any, Any, Any], refus: Refus, statut: int) -> dict[str, str]:
    entetes = {"Cache-Control": "no-store"}
    if statut == 401:
        # Whoever brings nothing is told where to ask, not that it is wrong (RFC 6750 §3.1).
        muet = isinstance(refus, erreurs.JetonInvalide) and "authorization" not in request.headers
        entetes["WWW-Authenticate"] = _DEFI if muet else _DEFIS.get(type(refus), _DEFI)
    if isinstance(refus, erreurs.AvecReprise):
        # Coarse on limits, so that the bucket that fired cannot be told from the figure (R09).
        entetes["Retry-After"] = str(-(-refus.attendre // 30) * 30 if statut == 429 else refus.attendre)
    return entetes


def _refus(request: Request[Any, Any, Any], refus: Refus) -> Response[dict[str, Any]]:
    return reponse(request, refus)


def _litestar(request: Request[Any, Any, Any], erreur: HTTPException) -> Response[dict[str, Any]]:
    famille = _DE_LITESTAR.get(erreur.status_code)
    if famille is None:
        return _inconnue(request, erreur)
    permises = {"Allow": (erreur.headers or {})["allow"]} if famille is MethodeInterdite else {}
    return reponse(request, famille(), permises)


def _parametres(request: Request[Any, Any, Any], erreur: ValidationException) -> Response[dict[str, Any]]:
    fautes = erreur.extra if isinstance(erreur.extra, list) else []
    return reponse(request, RequeteInvalide([faute["key"] for faute in fautes if "key" in faute]))


def _inconnue(request: Request[Any, Any, Any], erreur: Exception) -> Response[dict[str, Any]]:
    _journal.error("erreur interne", exc_info=erreur)
    return reponse(request, ErreurInterne())


GESTIONNAIRES: ExceptionHandlersMap = {
    Refus: _refus,
    ValidationException: _parametres,
    HTTPException: _litestar,
    Exception: _inconnue,
}
