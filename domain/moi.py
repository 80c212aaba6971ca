"""What `/v1/moi` shows of an account: enough for a téléservice to pre-fill its forms."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from domain.compte import Langue, Nature
from domain.federation import Fournisseur, Revendications
from domain.inscription import LISTES
from domain.profils import Profil
from domain.titulaire import DECLARE, Provenance, Source, Titulaire


class ContactVue(Struct, frozen=True, kw_only=True):
    """Un contact, et s'il a été prouvé."""

    nature: Nature
    valeur: str
    source: Source
    verifie: bool
    verifie_le: datetime | None
    verrouille: bool
    recoit_sms: bool

    def __repr__(self) -> str:
        return f"ContactVue({self.nature!r})"


class IdentiteVue(Struct, frozen=True, kw_only=True):
    """Une identité FranceConnect ou ProConnect du compte, telle que reçue."""

    id: Annotated[UUID, Meta(description="La désigne, pour la détacher.")]
    fournisseur: Fournisseur
    rattachee_le: datetime
    revendications: Revendications

    def __repr__(self) -> str:
        return f"IdentiteVue({self.fournisseur!r})"


class AcceptationsVue(Struct, frozen=True, kw_only=True):
    """Les versions acceptées, et s'il faut en accepter une plus récente avant toute modification."""

    cgu: str
    rgpd: str
    cgu_a_reaccepter: Annotated[str | None, Meta(description="La version en vigueur, quand elle n'est pas celle acceptée.")]


class DiffusionChoisie(Struct, frozen=True, kw_only=True):
    """Les listes de diffusion, choisies ou non."""

    email: bool
    sms: bool
    lettre_actualite: bool
    alertes: bool


class MoiVue(Struct, frozen=True, kw_only=True):
    """Ce que le service sait du titulaire : de quoi pré-remplir une démarche."""

    id: UUID
    identifiant: str
    langue: Langue
    profil: Profil
    provenances: Annotated[
        dict[str, Provenance],
        Meta(description="Pour chaque champ du profil, par pointeur JSON (`/profil/prenom`) : source, vérifié, verrouillé."),
    ]
    contacts: list[ContactVue]
    identites: list[IdentiteVue]
    diffusion: DiffusionChoisie
    acceptations: AcceptationsVue
    mot_de_passe_defini: bool
    cree_le: datetime
    active_le: datetime
    modifie_le: datetime | None

    def __repr__(self) -> str:
        return f"MoiVue(id={self.id})"


def vue(titulaire: Titulaire) -> MoiVue:
    a_reaccepter = titulaire.cgu_acceptees != titulaire.cgu_en_vigueur
    return MoiVue(
        id=titulaire.id,
        identifiant=titulaire.identifiant,
        langue=titulaire.langue,
        profil=titulaire.profil,
        provenances={f"/profil/{nom}": titulaire.provenances.get(nom, DECLARE) for nom in titulaire.profil.__struct_fields__},
        contacts=[
            ContactVue(
                nature=c.nature,
                valeur=c.valeur,
                source="declaration",
                verifie=c.verifie_le is not None,
                verifie_le=c.verifie_le,
                verrouille=False,
                recoit_sms=c.recoit_sms,
            )
            for c in titulaire.contacts
        ],
        identites=[
            IdentiteVue(id=i.id, fournisseur=i.fournisseur, rattachee_le=i.rattachee_le, revendications=i.revendications)
            for i in titulaire.identites
        ],
        diffusion=DiffusionChoisie(**{liste: titulaire.diffusion.get(liste, False) for liste in LISTES}),
        acceptations=AcceptationsVue(
            cgu=titulaire.cgu_acceptees,
            rgpd=titulaire.rgpd_connue,
            cgu_a_reaccepter=titulaire.cgu_en_vigueur if a_reaccepter else None,
        ),
        mot_de_passe_defini=titulaire.mot_de_passe_defini,
        cree_le=titulaire.cree_le,
        active_le=titulaire.active_le,
        modifie_le=titulaire.modifie_le,
    )


def etiquette(moi: MoiVue) -> str:
    """The validator of what was read: a change that was made meanwhile has another."""
    return validateur(msgspec.json.encode(moi))


def validateur(octets: bytes) -> str:
    """The strong validator of an answer's bytes (RFC 9110 §8.8.3), which `If-Match` sends back."""
    return f'"{sha256(octets).hexdigest()[:32]}"'
