"""Signing up: one struct for HTTP body and command, its rules across fields, and the pending account as its author sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from domain import champs, mot_de_passe
from domain.activation import CANAUX, ENVOIS_MAX, ESSAIS_MAX, ActivationVue, Canal, masquer
from domain.compte import ActivationOuverte, InscriptionOuverte
from domain.erreurs import ErreurChamp
from domain.juridique import AGE_CONSENTEMENT
from domain.outils import Outils
from domain.profils import Profil, TypeProfil, age

# How long a sign-up waits for its activation (R34).
DUREE = timedelta(days=7)

Etat = Literal["en_attente", "actif"]


class Accord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Une case obligatoire et la version du texte qu'elle vise."""

    accepte: Annotated[bool, Meta(examples=[True], extra_json_schema={"const": True})]
    version: champs.Version

    @staticmethod
    def controles(valeurs: dict[str, Any], _: Outils) -> Iterator[ErreurChamp]:
        if valeurs.get("accepte") is False:
            yield ErreurChamp(pointer="/accepte", code="acceptation_requise")


class Reglementation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Réglementation : deux cases obligatoires, sans valeur par défaut."""

    cgu: Annotated[Accord, Meta(extra_json_schema={"title": "J'accepte les conditions générales d'utilisation du service"})]
    rgpd: Annotated[
        Accord,
        Meta(
            extra_json_schema={"title": "J'ai pris connaissance des règles de confidentialité (RGPD)"},
            description="Enregistrée comme prise de connaissance de la notice, non comme un consentement libre.",
        ),
    ]


def _case(titre: str) -> Meta:
    return Meta(extra_json_schema={"title": titre})


class Diffusion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Consentements facultatifs, séparés, jamais cochés d'avance ; à retirer aussi simplement qu'ils sont donnés."""

    email: Annotated[bool, _case("J'accepte d'être sur les listes de diffusion par email")] = False
    sms: Annotated[bool, _case("J'accepte d'être sur les listes de diffusion par SMS")] = False
    lettre_actualite: Annotated[bool, _case("Je souhaite recevoir la lettre d'actualité")] = False
    alertes: Annotated[bool, _case("Je souhaite recevoir des alertes et actualités personnalisées")] = False


LISTES = Diffusion.__struct_fields__


class DemandeInscription(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Le formulaire d'inscription."""

    profil: Annotated[Profil, Meta(extra_json_schema={"title": "Profil"})]
    email: champs.Email
    telephone_fixe: champs.TelephoneFixe | None = None
    telephone_mobile: champs.TelephoneMobile | None = None
    identifiant: champs.Identifiant | None = None
    mot_de_passe: Annotated[
        champs.MotDePasse | None, Meta(description="Facultatif avec `jeton_identite` ; obligatoire sans lui.")
    ] = None
    reglementation: Annotated[Reglementation, Meta(extra_json_schema={"title": "Réglementation"})]
    diffusion: Annotated[Diffusion, Meta(extra_json_schema={"title": "Listes de diffusion"})] = field(default_factory=Diffusion)
    activer_par: Annotated[
        Canal | None,
        Meta(
            extra_json_schema={"title": "Valider mon compte par", "x-libelles": {"sms": "SMS", "email": "Email"}},
            description="`null` : choisi plus tard.",
        ),
    ] = None
    jeton_identite: Annotated[
        champs.JetonOpaque | None,
        Meta(description="Rendu par `POST /v1/franceconnect/echanges` : les champs verrouillés doivent rester tels quels."),
    ] = None

    def __repr__(self) -> str:
        # A struct prints its fields; this one holds a password and a person.
        return "DemandeInscription(…)"

    @staticmethod
    def controles(valeurs: dict[str, Any], outils: Outils) -> Iterator[ErreurChamp]:
        yield from _mot_de_passe(valeurs, outils)
        yield from _sms_demande(valeurs, outils)
        yield from _mineur(valeurs, outils)


def _mot_de_passe(valeurs: dict[str, Any], outils: Outils) -> Iterator[ErreurChamp]:
    choisi = valeurs.get("mot_de_passe", "")
    if choisi is None and valeurs.get("jeton_identite", "") is None:
        yield ErreurChamp(pointer="/mot_de_passe", code="requis")
    if choisi:
        yield from mot_de_passe.fautes(choisi, contexte_mot_de_passe(valeurs), outils.estimateur)


def contexte_mot_de_passe(valeurs: dict[str, Any]) -> list[str]:
    """Every text a person gave about themself, the password and the documents' versions apart."""
    exclus = ("mot_de_passe", "jeton_identite", "reglementation", "activer_par", "diffusion", "type", "civilite", "pays")
    trouves: list[str] = []
    for nom, valeur in valeurs.items():
        if nom in exclus or not valeur:
            continue
        if isinstance(valeur, dict):
            trouves += contexte_mot_de_passe(valeur)
        else:
            trouves.append(str(valeur))
    return trouves


def _sms_demande(valeurs: dict[str, Any], outils: Outils) -> Iterator[ErreurChamp]:
    if valeurs.get("activer_par") != "sms" or "telephone_mobile" not in valeurs:
        return
    mobile = valeurs["telephone_mobile"]
    if mobile is None:
        yield ErreurChamp(pointer="/telephone_mobile", code="mobile_requis")
    elif not outils.formats.telephone(mobile).recoit_sms:
        yield ErreurChamp(pointer="/telephone_mobile", code="sms_impossible")


def _mineur(valeurs: dict[str, Any], outils: Outils) -> Iterator[ErreurChamp]:
    naissance = valeurs.get("profil", {}).get("date_naissance")
    if naissance is not None and naissance <= outils.aujourdhui:
        yield from fautes_de_minorite(naissance, valeurs.get("diffusion", {}), outils)


def fautes_de_minorite(naissance: date, diffusion: Mapping[str, bool], outils: Outils) -> Iterator[ErreurChamp]:
    """A sign-up under the age of consent has no mailing list: a guardian agrees later, from the account."""
    if age(naissance, outils.aujourdhui) >= AGE_CONSENTEMENT:
        return
    for liste, coche in diffusion.items():
        if coche is True:
            yield ErreurChamp(
                pointer=f"/diffusion/{liste}", code="consentement_parental_requis", params={"age": AGE_CONSENTEMENT}
            )


class CorrectionContacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Les contacts à corriger ; ceux qui ne sont pas nommés restent."""

    email: champs.Email | None = None
    telephone_mobile: champs.TelephoneMobile | None = None

    @staticmethod
    def controles(valeurs: dict[str, Any], _: Outils) -> Iterator[ErreurChamp]:
        if valeurs.get("email", "") is None and valeurs.get("telephone_mobile", "") is None:
            yield ErreurChamp(pointer="", code="rien_a_corriger")

    def __repr__(self) -> str:
        return "CorrectionContacts(…)"


class CanalVue(Struct, frozen=True, kw_only=True):
    """Un canal d'activation, sa destination masquée, et s'il peut servir."""

    canal: Canal
    possible: bool
    destination: str | None


class InscriptionVue(Struct, frozen=True, kw_only=True):
    """La demande d'inscription telle que son auteur la voit."""

    id: UUID
    etat: Etat
    profil: TypeProfil
    identifiant: str
    expire_le: datetime
    canaux: list[CanalVue]
    activation: ActivationVue | None


class InscriptionCreee(InscriptionVue, frozen=True, kw_only=True):
    """La même, avec le secret : le porteur de tout ce qui suit."""

    secret: str

    def __repr__(self) -> str:
        return f"InscriptionCreee(id={self.id})"


def vue(compte: InscriptionOuverte) -> InscriptionVue:
    """What its author may see of a sign-up: destinations masked, the newest open activation."""
    return InscriptionVue(
        id=compte.id,
        etat=compte.etat,
        profil=compte.type,
        identifiant=compte.identifiant,
        expire_le=compte.expire_le,
        canaux=[_canal(compte, canal) for canal in CANAUX],
        activation=vue_activation(compte.activations[0]) if compte.activations else None,
    )


def vue_activation(ouverte: ActivationOuverte) -> ActivationVue:
    return ActivationVue(
        id=ouverte.jeton.id,
        canal=ouverte.jeton.canal,
        destination=masquer(ouverte.jeton.canal, ouverte.jeton.destination),
        expire_le=ouverte.expire_le,
        renvoi_possible_le=ouverte.renvoi_possible_le,
        essais_restants=max(0, ESSAIS_MAX - ouverte.essais),
        envois_restants=max(0, ENVOIS_MAX - ouverte.envois),
        livraison=ouverte.livraison,
    )


def _canal(compte: InscriptionOuverte, canal: Canal) -> CanalVue:
    contact = compte.contact(canal)
    return CanalVue(
        canal=canal,
        possible=compte.destination(canal) is not None,
        destination=masquer(canal, contact.valeur) if contact else None,
    )
