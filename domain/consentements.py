"""The ledger as the person may see it, mailing choices, and a minor's joint consent (RGPD art. 8, loi 78-17 art. 45)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from domain import champs
from domain.activation import Jeton, masquer
from domain.compte import Langue
from domain.erreurs import ErreurChamp
from domain.inscription import LISTES, Accord
from domain.juridique import AGE_CONSENTEMENT, Acte, Nature, Par, Version, objet_de
from domain.outils import Outils
from domain.profils import Citoyen, Profil, age

# What one mailing's way out closes: its own list, or all of them.
TOUTES = "toutes"
Listes = Literal["toutes", "email", "sms", "lettre_actualite", "alertes"]
# As the screens, the messages and the pages name them.
LIBELLES: dict[Langue, dict[str, str]] = {
    "fr": {
        "email": "Listes de diffusion par email",
        "sms": "Listes de diffusion par SMS",
        "lettre_actualite": "Lettre d'actualité",
        "alertes": "Alertes et actualités personnalisées",
    },
    "en": {
        "email": "Mailing lists by e-mail",
        "sms": "Mailing lists by SMS",
        "lettre_actualite": "Newsletter",
        "alertes": "Personalised alerts and news",
    },
}


def _case(liste: str) -> Meta:
    return Meta(extra_json_schema={"title": LIBELLES["fr"][liste]})


class ChoixDiffusion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Les quatre choix, en une fois ; effet immédiat. Avant 15 ans, ce qui s'ajoute attend l'accord d'un représentant légal."""

    email: Annotated[bool, _case("email")]
    sms: Annotated[bool, _case("sms")]
    lettre_actualite: Annotated[bool, _case("lettre_actualite")]
    alertes: Annotated[bool, _case("alertes")]
    email_representant_legal: Annotated[
        champs.Email | None,
        Meta(
            description="Avant 15 ans seulement : l'adresse du titulaire de l'autorité parentale, qui doit donner son accord."
        ),
    ] = None

    def __repr__(self) -> str:
        return "ChoixDiffusion(…)"


class AccordDemande(Struct, frozen=True, kw_only=True):
    """Ce qui attend l'accord d'un représentant légal."""

    listes: list[str]
    destination: Annotated[str, Meta(description="Masquée.")]
    expire_le: datetime


class DemandeEnCours(Struct, frozen=True, kw_only=True):
    """What a guardian has been asked and may still answer."""

    jeton: Jeton
    listes: list[str]
    expire_le: datetime

    def suffit(self, listes: list[str], garant: str | None) -> bool:
        """Nothing is wanted that it does not ask already, nor anybody else asked."""
        return set(listes) <= set(self.listes) and garant in (None, self.jeton.destination)

    def vue(self) -> AccordDemande:
        destination = masquer(self.jeton.canal, self.jeton.destination)
        return AccordDemande(listes=self.listes, destination=destination, expire_le=self.expire_le)


class DiffusionVue(Struct, frozen=True, kw_only=True):
    """Les choix en vigueur."""

    email: bool
    sms: bool
    lettre_actualite: bool
    alertes: bool
    accord_parental: Annotated[AccordDemande | None, Meta(description="Ce qui attend encore un accord.")] = None


class ActeVue(Struct, frozen=True, kw_only=True):
    """Une ligne du registre : ce qui fut accepté, pris en connaissance, consenti ou retiré ; sur quel texte ; par qui."""

    nature: Nature
    objet: str
    valeur: bool
    document: str
    version: str
    sha256: Annotated[str, Meta(description="Du texte en vigueur alors, en UTF-8.")]
    par: Annotated[
        Par,
        Meta(
            description="`conjoint` : le mineur et le titulaire de l'autorité parentale. "
            "`service` : retiré d'office, faute d'accord parental."
        ),
    ]
    langue: Annotated[Langue, Meta(description="Celle du texte présenté.")]
    fait_le: datetime


class ConsentementsVue(Struct, frozen=True, kw_only=True):
    """Les choix en vigueur, et une page du registre, le plus récent d'abord."""

    diffusion: DiffusionVue
    actes: list[ActeVue]
    suivant: Annotated[str | None, Meta(description="À passer dans `apres` pour la suite ; `null` à la fin.")]


class DemandeAcceptations(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Les textes acceptés, dans leur version en vigueur."""

    cgu: Accord | None = None
    rgpd: Accord | None = None

    @staticmethod
    def controles(valeurs: dict[str, Any], _: Outils) -> Iterator[ErreurChamp]:
        if valeurs.get("cgu", "") is None and valeurs.get("rgpd", "") is None:
            yield ErreurChamp(pointer="", code="rien_a_modifier")


class ReponseParentale(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Le jeton du lien reçu, et la décision."""

    jeton: champs.JetonLien
    accorde: Annotated[bool, Meta(description="`false` : refuser ; rien n'est alors envoyé à l'enfant.")]

    def __repr__(self) -> str:
        return "ReponseParentale(…)"


class AccordEnregistre(Struct, frozen=True, kw_only=True):
    """La décision est enregistrée."""

    accorde: bool
    listes: list[str]


class DemandeDesinscription(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Le jeton du lien de désinscription."""

    jeton: champs.JetonLien
    listes: Annotated[Listes, Meta(description="Celles du lien reçu.")] = "toutes"

    def __repr__(self) -> str:
        return "DemandeDesinscription(…)"


class Desinscription(Struct, frozen=True, kw_only=True):
    """Les listes quittées."""

    listes: list[str]


class LigneActe(ActeVue, frozen=True, kw_only=True):
    """A line of the ledger as stored."""

    id: int

    def vue(self) -> ActeVue:
        return ActeVue(**{nom: getattr(self, nom) for nom in ActeVue.__struct_fields__})


def vue_diffusion(diffusion: Mapping[str, bool], accord: AccordDemande | None = None) -> DiffusionVue:
    return DiffusionVue(**{liste: diffusion.get(liste, False) for liste in LISTES}, accord_parental=accord)


def changements(avant: Mapping[str, bool], apres: Mapping[str, bool]) -> dict[str, bool]:
    """The lists whose choice differs: what is already so leaves no line."""
    return {liste: apres[liste] for liste in LISTES if liste in apres and apres[liste] != avant.get(liste, False)}


def actes_de_diffusion(choix: Mapping[str, bool], notice: Version, par: Par = "titulaire") -> list[Acte]:
    return [
        Acte(nature="consentement", objet=objet_de(liste), document=notice, valeur=valeur, par=par)
        for liste, valeur in choix.items()
    ]


def mineur(profil: Profil, jour: date) -> bool:
    """Under the age of digital consent (RGPD art. 8)."""
    return isinstance(profil, Citoyen) and age(profil.date_naissance, jour) < AGE_CONSENTEMENT


def a_retirer(profil: Profil, accords: Mapping[str, Par], jour: date) -> list[str]:
    """The lists that somebody under the age of consent turns out to have consented to alone."""
    return [liste for liste, par in accords.items() if par != "conjoint"] if mineur(profil, jour) else []


def fautes_d_age(avant: Profil, apres: Profil, jour: date) -> list[ErreurChamp]:
    """Who is under the age of consent does not leave it by a mere declaration: no guardian would be asked any more."""
    if mineur(avant, jour) and not mineur(apres, jour):
        return [ErreurChamp(pointer="/date_naissance", code="age_a_certifier", params={"age": AGE_CONSENTEMENT})]
    return []


def fautes_de_mineur(ajouts: list[str], garant: str | None, contacts: list[str], demandes: list[str]) -> list[ErreurChamp]:
    """Under the age of consent, each addition needs a guardian, who is somebody else. `demandes`: one is asked for those."""
    if garant is None:
        return [
            ErreurChamp(pointer=f"/{liste}", code="consentement_parental_requis", params={"age": AGE_CONSENTEMENT})
            for liste in ajouts
            if liste not in demandes
        ]
    if ajouts and garant.lower() in {valeur.lower() for valeur in contacts}:
        return [ErreurChamp(pointer="/email_representant_legal", code="representant_distinct")]
    return []
