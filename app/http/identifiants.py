"""The live checks of the sign-up form: usernames and passwords."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from app.http import textes
from app.http.acces import ouvert
from app.http.contexte import adresse_client, langue_de
from app.http.corps import RequeteJson
from app.usecases import CasUtilisation
from app.usecases.identifiants import Disponibilite, Noms, Propositions
from domain import champs, mot_de_passe
from domain.erreurs import TropDeDemandes

Saisi = Annotated[str, PathParameter(description="Tel qu'il est tapé.")]


class ContexteMotDePasse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ce qu'un proche devinerait : sous les mêmes noms que dans le formulaire."""

    prenom: champs.TexteLibre | None = None
    nom: champs.TexteLibre | None = None
    nom_naissance: champs.TexteLibre | None = None
    nom_usage: champs.TexteLibre | None = None
    email: champs.TexteLibre | None = None
    identifiant: champs.TexteLibre | None = None
    date_naissance: champs.TexteLibre | None = None
    raison_sociale: champs.TexteLibre | None = None
    denomination: champs.TexteLibre | None = None
    commune: champs.TexteLibre | None = None

    def mots(self) -> list[str | None]:
        return [getattr(self, nom) for nom in self.__struct_fields__]

    def __repr__(self) -> str:
        return "ContexteMotDePasse(…)"


class DemandeEvaluation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Un mot de passe à juger, avec ce que l'on sait de la personne."""

    mot_de_passe: champs.MotDePasseAEvaluer
    contexte: ContexteMotDePasse | None = None

    def __repr__(self) -> str:
        return "DemandeEvaluation(…)"


class RegleVue(Struct, frozen=True, kw_only=True):
    """Une règle, tenue ou non, et son libellé."""

    code: mot_de_passe.CodeRegle
    ok: bool
    message: str


class Evaluation(Struct, frozen=True, kw_only=True):
    """Le jugement que rendra l'inscription."""

    niveau: Annotated[mot_de_passe.Niveau, Meta(description="« Fort » est recommandé, « Moyen » suffit.")]
    acceptable: bool
    regles: list[RegleVue]


@post(
    "/v1/identifiants/propositions", status_code=200, operation_id="proposerIdentifiant", opt=ouvert("public", TropDeDemandes)
)
async def proposer(data: JSONBody[Noms], request: RequeteJson, cas: NamedDependency[CasUtilisation]) -> Propositions:
    """Free usernames made from names."""
    return await cas.identifiants.proposer(data, adresse_client(request, request.app.state.proxys))


@get("/v1/identifiants/{identifiant:str}", operation_id="lireDisponibilite", opt=ouvert("public", TropDeDemandes))
async def disponibilite(
    identifiant: Saisi,
    request: RequeteJson,
    cas: NamedDependency[CasUtilisation],
) -> Disponibilite:
    """Live availability; a malformed name is answered, not refused."""
    return await cas.identifiants.disponibilite(identifiant, adresse_client(request, request.app.state.proxys))


@post("/v1/mots-de-passe/evaluations", status_code=200, operation_id="evaluerMotDePasse", opt=ouvert("public"))
async def evaluer(data: JSONBody[DemandeEvaluation], request: RequeteJson) -> Evaluation:
    """What the sign-up would say of this password."""
    mots = data.contexte.mots() if data.contexte else []
    jugement = mot_de_passe.juger(data.mot_de_passe, mots, request.app.state.outils().estimateur)
    langue = langue_de(request)
    return Evaluation(
        niveau=jugement.niveau,
        acceptable=jugement.acceptable,
        regles=[RegleVue(code=r.code, ok=r.ok, message=textes.regle(r.code, langue)) for r in jugement.regles],
    )


routes = Router("/", route_handlers=[proposer, disponibilite, evaluer], tags=["Avant l'inscription"])
