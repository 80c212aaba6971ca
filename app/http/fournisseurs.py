"""Which identity provider suits a person: the providers as public sources tell of them, and the advice drawn from answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from app.http.acces import ouvert
from app.http.cache import cachable
from app.http.contexte import langue_de
from app.http.corps import RequeteJson
from domain.compte import Langue
from domain.fiches import FICHES, Fiche, Genre, Niveau
from domain.fournisseurs import (
    CONDITIONS,
    POURQUOI_NIR,
    PRECONDITION,
    SANS_FRANCECONNECT,
    DemandeConseils,
    Examen,
    conseiller,
    proposees,
)

_COURT = 300

Tous = Annotated[bool, QueryParameter(description="Avec ceux qui ne sont plus proposés, et leur fin.")]
Lien = Annotated[str | None, Meta(description="Son site ; `null` s'il n'est pas confirmé.")]
GenreVu = Annotated[Genre, Meta(description="`compte` : un compte à soi. `aidant` : un aidant habilité, qui agit par mandat.")]
ConditionsConnues = Annotated[
    bool, Meta(description="`false` : aucune source ne confirme ce qu'il demande ; il n'est jamais conseillé.")
]


class ConditionVue(Struct, frozen=True, kw_only=True):
    """Une condition, à présenter en oui ou non."""

    code: Annotated[str, Meta(examples=["carte_vitale"])]
    libelle: str


class PreconditionVue(ConditionVue, frozen=True, kw_only=True):
    """Ce que FranceConnect demande, quel que soit le fournisseur d'identité."""

    explication: str


class SourceVue(Struct, frozen=True, kw_only=True):
    """D'où l'on tient une fiche."""

    titre: str
    date: date | None
    reference: Annotated[str, Meta(description="Adresse, ou référence de publication.")]


class FournisseurVu(Struct, frozen=True, kw_only=True):
    """Un fournisseur d'identité de FranceConnect, tel que des sources publiques le décrivent."""

    code: Annotated[str, Meta(examples=["ameli"])]
    nom: str
    genre: GenreVu
    depuis: Annotated[date, Meta(description="Premier jour attesté par une source.")]
    jusqu_a: Annotated[date | None, Meta(description="Dernier jour où il a pu être proposé ; `null` s'il l'est toujours.")]
    niveaux: tuple[Niveau, ...]
    conditions_connues: ConditionsConnues
    conditions: Annotated[list[ConditionVue], Meta(description="Toutes nécessaires, outre la précondition.")]
    obtention: str
    remarque: str | None
    lien: Lien
    sources: list[SourceVue]
    verifie_le: Annotated[date, Meta(description="Dernier jour pour lequel une source en parle.")]


class FournisseursVus(Struct, frozen=True, kw_only=True):
    """Les fournisseurs d'identité ; leur nombre change, la page de FranceConnect fait foi."""

    maj_le: date
    precondition: PreconditionVue
    sans_franceconnect: str
    fournisseurs: list[FournisseurVu]


class ConseilVu(Struct, frozen=True, kw_only=True):
    """Un fournisseur d'identité, en bref."""

    code: str
    nom: str
    genre: GenreVu
    lien: Lien


class PossibleVu(Struct, frozen=True, kw_only=True):
    """Ce qui sépare la personne d'un fournisseur."""

    fournisseur: ConseilVu
    conditions_connues: ConditionsConnues
    manquent: Annotated[list[ConditionVue], Meta(description="Répondues non.")]
    a_preciser: Annotated[list[ConditionVue], Meta(description="Sans réponse.")]


class ConseilsVus(Struct, frozen=True, kw_only=True):
    """Les fournisseurs qui conviennent, et les autres du plus proche au plus lointain."""

    conseilles: Annotated[list[ConseilVu], Meta(description="Ceux dont toutes les conditions sont remplies.")]
    possibles: list[PossibleVu]
    sans_franceconnect: str
    precondition: Annotated[PreconditionVue, Meta(description="Répondue non : aucun fournisseur ne convient.")]


@get("/v1/fournisseurs-identite", operation_id="listerFournisseurs", opt=ouvert("public", cachee=True))
async def lister(request: RequeteJson, tous: Tous = False) -> Response[FournisseursVus]:
    """The providers offered today; with `tous`, those of the past too."""
    langue = langue_de(request)
    fiches = FICHES if tous else proposees(request.app.state.outils().aujourdhui)
    contenu = FournisseursVus(
        maj_le=max(fiche.verifie_le for fiche in FICHES),
        precondition=_precondition(langue),
        sans_franceconnect=SANS_FRANCECONNECT.en_langue(langue),
        fournisseurs=[_fournisseur(fiche, langue) for fiche in fiches],
    )
    return cachable(request, contenu, _COURT)


@post("/v1/fournisseurs-identite/conseils", status_code=200, operation_id="conseillerFournisseur", opt=ouvert("public"))
async def conseils(data: JSONBody[DemandeConseils], request: RequeteJson) -> ConseilsVus:
    """The providers that suit these answers, which are not kept."""
    langue = langue_de(request)
    rendus = conseiller(data.reponses, request.app.state.outils().aujourdhui)
    return ConseilsVus(
        conseilles=[_conseil(fiche) for fiche in rendus.conseilles],
        possibles=[_possible(examen, langue) for examen in rendus.possibles],
        sans_franceconnect=rendus.sans_franceconnect.en_langue(langue),
        precondition=_precondition(langue),
    )


def _fournisseur(fiche: Fiche, langue: Langue) -> FournisseurVu:
    return FournisseurVu(
        code=fiche.code,
        nom=fiche.nom,
        genre=fiche.genre,
        depuis=fiche.depuis,
        jusqu_a=fiche.jusqu_a,
        niveaux=fiche.niveaux,
        conditions_connues=fiche.conditions is not None,
        conditions=_conditions(fiche.conditions or (), langue),
        obtention=fiche.obtention.en_langue(langue),
        remarque=fiche.remarque.en_langue(langue) if fiche.remarque else None,
        lien=fiche.lien,
        sources=[SourceVue(titre=s.titre, date=s.jour, reference=s.reference) for s in fiche.sources],
        verifie_le=fiche.verifie_le,
    )


def _possible(examen: Examen, langue: Langue) -> PossibleVu:
    return PossibleVu(
        fournisseur=_conseil(examen.fiche),
        conditions_connues=examen.fiche.conditions is not None,
        manquent=_conditions(examen.manquent, langue),
        a_preciser=_conditions(examen.a_preciser, langue),
    )


def _conseil(fiche: Fiche) -> ConseilVu:
    return ConseilVu(code=fiche.code, nom=fiche.nom, genre=fiche.genre, lien=fiche.lien)


def _conditions(codes: Iterable[str], langue: Langue) -> list[ConditionVue]:
    return [ConditionVue(code=code, libelle=CONDITIONS[code].en_langue(langue)) for code in codes]


def _precondition(langue: Langue) -> PreconditionVue:
    libelle, explication = CONDITIONS[PRECONDITION].en_langue(langue), POURQUOI_NIR.en_langue(langue)
    return PreconditionVue(code=PRECONDITION, libelle=libelle, explication=explication)


routes = Router("/", route_handlers=[lister, conseils], tags=["FranceConnect"])
