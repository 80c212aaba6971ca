"""Before signing up: what the service offers, asks and forbids; all of it cacheable."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import PathParameter
from msgspec import Meta, Struct

from app.http.acces import ouvert
from app.http.cache import cachable
from app.http.corps import CORPS_MAX, RequeteJson
from app.http.schemas import formulaire
from domain import identifiant, mot_de_passe
from domain.activation import CANAUX, DELAI_RENVOI, ENVOIS_MAX, ESSAIS_MAX, LONGUEUR_CODE, Canal, duree
from domain.compte import Langue
from domain.erreurs import DocumentInconnu, ProfilInconnu
from domain.inscription import DUREE
from domain.juridique import Document, Version
from domain.limites import (
    ACCORDS_PAR_COMPTE,
    ACTIONS_PAR_COMPTE,
    CODES_PAR_COMPTE,
    CONNEXIONS_PAR_CLIENT,
    DISPONIBILITE_PAR_CLIENT,
    ECHECS_LIBRES,
    ECHECS_PAR_JOUR,
    EMAIL_PAR_ADRESSE,
    EMAIL_PAR_CLIENT,
    INSCRIPTIONS_PAR_CLIENT,
    PASSAGES_PAR_CLIENT,
    RECUPERATIONS_PAR_CLIENT,
    RECUPERATIONS_PAR_SAISIE,
    RESEAUX_IPV6,
    SMS_PAR_CLIENT,
    SMS_PAR_COMPTE,
    SMS_PAR_NUMERO,
)
from domain.ports import Documents
from domain.profils import PROFILS, TypeProfil
from domain.session import DUREE_ACCES, FRAICHEUR, LONGUE, ORDINAIRE, PARTAGEE, REPRISE, SESSIONS_PAR_COMPTE, Duree

_COURT, _LONG = 300, 86_400
NomProfil = Annotated[str, PathParameter(description="`citoyen`, `entreprise` ou `association`.")]
NomVersion = Annotated[str, PathParameter(description="Telle que la dit `version`.")]
CodeDocument = Annotated[str, PathParameter(description="`cgu` ou `rgpd`.")]
Formulaire = Annotated[
    dict[str, Any],
    Meta(
        description="JSON Schema (2020-12) du formulaire.",
        examples=[
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": "Inscription d'un profil citoyen",
                "type": "object",
                "required": ["profil", "email", "reglementation", "mot_de_passe"],
                "properties": {"email": {"title": "Adresse électronique", "type": "string", "format": "email", "x-ordre": 2}},
            }
        ],
        extra_json_schema={"additionalProperties": True},
    ),
]
_FORME_IDENTIFIANT = "^[a-z0-9]+([._-][a-z0-9]+)*$"


class ReglesIdentifiant(Struct, frozen=True, kw_only=True):
    """La forme d'un identifiant."""

    longueur_min: int = identifiant.LONGUEUR_MIN
    longueur_max: int = identifiant.LONGUEUR_MAX
    motif: str = _FORME_IDENTIFIANT


class ReglesMotDePasse(Struct, frozen=True, kw_only=True):
    """Ce qu'un mot de passe doit être ; `POST /v1/mots-de-passe/evaluations` juge."""

    longueur_min: int = mot_de_passe.LONGUEUR_MIN
    longueur_max: int = mot_de_passe.LONGUEUR_MAX
    niveau_min: mot_de_passe.Niveau = "moyen"
    regles: tuple[mot_de_passe.CodeRegle, ...] = get_args(mot_de_passe.CodeRegle)


class ReglesActivation(Struct, frozen=True, kw_only=True):
    """Les figures de l'activation ; durées en secondes."""

    canaux: tuple[Canal, ...] = CANAUX
    longueur_code: int = LONGUEUR_CODE
    essais_max: int = ESSAIS_MAX
    envois_max: int = ENVOIS_MAX
    delai_renvoi: int = int(DELAI_RENVOI.total_seconds())
    duree_code_sms: int = int(duree("activation", "sms").total_seconds())
    duree_lien_email: int = int(duree("activation", "email").total_seconds())
    duree_inscription: int = int(DUREE.total_seconds())


class ReglesSession(Struct, frozen=True, kw_only=True):
    """Les durées d'une session, en secondes."""

    jeton_acces: int = int(DUREE_ACCES.total_seconds())
    reprise: int = int(REPRISE.total_seconds())
    reauthentification: int = int(FRAICHEUR.total_seconds())
    ordinaire: Duree = ORDINAIRE
    rester_connecte: Duree = LONGUE
    appareil_partage: Duree = PARTAGEE


_ECHECS = "Échecs, d'appareils que le compte ne connaît pas."
_SAISIE = "Demandes pour ce qui a été tapé. Au-delà, la même réponse ; rien ne part."
_PASSAGES = "Départs vers FranceConnect ou ProConnect."
_MOTS_DE_PASSE = "Changements de mot de passe."


class LimitesPubliees(Struct, frozen=True, kw_only=True):
    """Les limites d'appel, par adresse réseau sauf mention contraire ; au-delà, 429 et `Retry-After`.

    En IPv6, une adresse est un réseau /64 ; le /56 et le /48 autour d'elle ont droit à autant de fois sa limite la plus longue.
    """

    corps_max_octets: int = CORPS_MAX
    disponibilites_par_minute: int = DISPONIBILITE_PAR_CLIENT[0].nombre
    disponibilites_par_heure: int = DISPONIBILITE_PAR_CLIENT[1].nombre
    reseau_ipv6_56: int = RESEAUX_IPV6[56]
    reseau_ipv6_48: int = RESEAUX_IPV6[48]
    inscriptions_par_cinq_minutes: int = INSCRIPTIONS_PAR_CLIENT[0].nombre
    inscriptions_par_heure: int = INSCRIPTIONS_PAR_CLIENT[1].nombre
    courriels_par_heure: int = EMAIL_PAR_CLIENT[0].nombre
    sms_par_heure: int = SMS_PAR_CLIENT[0].nombre
    sms_par_numero_par_minute: int = SMS_PAR_NUMERO[0].nombre
    sms_par_numero_par_dix_minutes: int = SMS_PAR_NUMERO[1].nombre
    sms_par_numero_par_heure: int = SMS_PAR_NUMERO[2].nombre
    sms_par_numero_par_jour: int = SMS_PAR_NUMERO[3].nombre
    sms_par_compte_par_heure: int = SMS_PAR_COMPTE[0].nombre
    courriels_par_adresse_par_minute: int = EMAIL_PAR_ADRESSE[0].nombre
    courriels_par_adresse_par_quinze_minutes: int = EMAIL_PAR_ADRESSE[1].nombre
    courriels_par_adresse_par_jour: int = EMAIL_PAR_ADRESSE[2].nombre
    codes_par_compte_par_jour: Annotated[int, Meta(description="Nouvelles preuves, SMS et courriels ensemble.")] = (
        CODES_PAR_COMPTE[0].nombre
    )
    echecs_de_connexion_sans_attente: int = ECHECS_LIBRES
    echecs_de_connexion_par_compte_par_jour: int = ECHECS_PAR_JOUR
    connexions_par_cinq_minutes: Annotated[int, Meta(description=_ECHECS)] = CONNEXIONS_PAR_CLIENT[0].nombre
    connexions_par_heure: Annotated[int, Meta(description=_ECHECS)] = CONNEXIONS_PAR_CLIENT[1].nombre
    recuperations_par_quinze_minutes: int = RECUPERATIONS_PAR_CLIENT[0].nombre
    recuperations_par_heure: int = RECUPERATIONS_PAR_CLIENT[1].nombre
    recuperations_par_saisie_par_minute: Annotated[int, Meta(description=_SAISIE)] = RECUPERATIONS_PAR_SAISIE[0].nombre
    recuperations_par_saisie_par_quinze_minutes: Annotated[int, Meta(description=_SAISIE)] = RECUPERATIONS_PAR_SAISIE[1].nombre
    recuperations_par_saisie_par_jour: Annotated[int, Meta(description=_SAISIE)] = RECUPERATIONS_PAR_SAISIE[2].nombre
    passages_par_cinq_minutes: Annotated[int, Meta(description=_PASSAGES)] = PASSAGES_PAR_CLIENT[0].nombre
    passages_par_heure: Annotated[int, Meta(description=_PASSAGES)] = PASSAGES_PAR_CLIENT[1].nombre
    exports_par_heure: Annotated[int, Meta(description="Par compte.")] = ACTIONS_PAR_COMPTE["export"][0].nombre
    identifiants_par_compte_par_jour: Annotated[int, Meta(description="Changements d'identifiant.")] = ACTIONS_PAR_COMPTE[
        "identifiant"
    ][0].nombre
    mots_de_passe_par_compte_par_heure: Annotated[int, Meta(description=_MOTS_DE_PASSE)] = ACTIONS_PAR_COMPTE["mot_de_passe"][
        0
    ].nombre
    mots_de_passe_par_compte_par_jour: Annotated[int, Meta(description=_MOTS_DE_PASSE)] = ACTIONS_PAR_COMPTE["mot_de_passe"][
        1
    ].nombre
    effacements_par_compte_par_jour: Annotated[int, Meta(description="Demandes d'effacement.")] = ACTIONS_PAR_COMPTE[
        "effacement"
    ][0].nombre
    modifications_par_compte_par_heure: int = ACTIONS_PAR_COMPTE["profil"][0].nombre
    modifications_par_compte_par_jour: int = ACTIONS_PAR_COMPTE["profil"][1].nombre
    abonnements_par_compte_par_heure: int = ACTIONS_PAR_COMPTE["diffusion"][0].nombre
    abonnements_par_compte_par_jour: int = ACTIONS_PAR_COMPTE["diffusion"][1].nombre
    accords_parentaux_par_compte_par_jour: int = ACCORDS_PAR_COMPTE[0].nombre
    sessions_par_compte: Annotated[
        int, Meta(description="Sessions en cours ; une de plus finit la moins récemment rafraîchie.")
    ] = SESSIONS_PAR_COMPTE


class FranceConnectPublie(Struct, frozen=True, kw_only=True):
    """Les portes FranceConnect et ProConnect."""

    actif: bool
    proconnect: bool


class Configuration(Struct, frozen=True, kw_only=True):
    """Tout ce qu'il faut à un écran d'inscription avant le premier appel."""

    service: str
    profils: tuple[TypeProfil, ...] = get_args(TypeProfil)
    langues: tuple[Langue, ...] = get_args(Langue)
    identifiant: ReglesIdentifiant = ReglesIdentifiant()
    mot_de_passe: ReglesMotDePasse = ReglesMotDePasse()
    activation: ReglesActivation = ReglesActivation()
    sessions: ReglesSession = ReglesSession()
    documents: dict[str, str]
    limites: LimitesPubliees = LimitesPubliees()
    franceconnect: FranceConnectPublie


class ProfilResume(Struct, frozen=True, kw_only=True):
    """Un profil et l'adresse de son formulaire."""

    type: TypeProfil
    libelle: str
    schema: Annotated[str, Meta(description="Adresse du JSON Schema.")]


@get("/v1/configuration", operation_id="lireConfiguration", opt=ouvert("public", cachee=True))
async def configuration(request: RequeteJson, documents: NamedDependency[Documents]) -> Response[Configuration]:
    """All a sign-up screen needs before its first call."""
    versions = {code: version.version for code, version in (await documents.en_vigueur()).items()}
    actifs = request.app.state.fournisseurs
    configuration = Configuration(
        service=request.app.state.service,
        documents=versions,
        franceconnect=FranceConnectPublie(actif="franceconnect" in actifs, proconnect="proconnect" in actifs),
    )
    return cachable(request, configuration, _COURT)


@get("/v1/profils", operation_id="listerProfils", opt=ouvert("public", cachee=True))
async def profils(request: RequeteJson) -> Response[list[ProfilResume]]:
    """The three profiles."""
    resumes = [ProfilResume(type=t, libelle=t.capitalize(), schema=f"/v1/profils/{t}") for t in get_args(TypeProfil)]
    return cachable(request, resumes, _COURT)


@get("/v1/profils/{type_profil:str}", operation_id="lireProfil", opt=ouvert("public", ProfilInconnu, cachee=True))
async def profil(request: RequeteJson, type_profil: NomProfil) -> Response[Formulaire]:
    """The JSON Schema of one profile's sign-up body."""
    if type_profil not in PROFILS:
        raise ProfilInconnu
    return cachable(request, formulaire(type_profil), _COURT)


@get("/v1/documents-legaux", operation_id="listerDocuments", opt=ouvert("public", cachee=True))
async def documents_legaux(request: RequeteJson, documents: NamedDependency[Documents]) -> Response[list[Version]]:
    """The versions in force."""
    return cachable(request, list((await documents.en_vigueur()).values()), _COURT)


@get("/v1/documents-legaux/{code:str}", operation_id="lireDocument", opt=ouvert("public", DocumentInconnu, cachee=True))
async def document_legal(request: RequeteJson, code: CodeDocument, documents: NamedDependency[Documents]) -> Response[Document]:
    """One text, as in force."""
    version = (await documents.en_vigueur()).get(code)
    return await _rendre(request, documents, code, version.version if version else "", _COURT)


@get(
    "/v1/documents-legaux/{code:str}/versions/{version:str}",
    operation_id="lireVersionDocument",
    opt=ouvert("public", DocumentInconnu, cachee=True),
)
async def version_document(
    request: RequeteJson,
    code: CodeDocument,
    version: NomVersion,
    documents: NamedDependency[Documents],
) -> Response[Document]:
    """One text, in a given version: immutable."""
    return await _rendre(request, documents, code, version, _LONG)


async def _rendre(request: RequeteJson, documents: Documents, code: str, version: str, duree: int) -> Response[Document]:
    trouve = await documents.document(code, version) if "\0" not in code + version else None
    if trouve is None:
        raise DocumentInconnu
    return cachable(request, trouve, duree)


routes = Router(
    "/",
    route_handlers=[configuration, profils, profil, documents_legaux, document_legal, version_document],
    tags=["Avant l'inscription"],
)
