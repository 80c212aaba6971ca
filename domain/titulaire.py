"""The holder of an account, as `/v1/moi` shows it and as every change of it reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from domain import champs
from domain.activation import Canal
from domain.compte import CONTACT_DU_CANAL, Langue, Nature
from domain.erreurs import CguAReaccepter, ChampsInvalides, ErreurChamp, ReauthentificationRequise, SessionFinie
from domain.federation import Fournisseur, IdentiteAttachee
from domain.formulaire import ValeurInvalide
from domain.inscription import LISTES, contexte_mot_de_passe
from domain.juridique import AGE_CONSENTEMENT
from domain.outils import Outils
from domain.profils import Adresse, Association, Citoyen, Entreprise, Profil, Representant, age

Source = Literal["declaration", "franceconnect", "proconnect"]


class Provenance(Struct, frozen=True, kw_only=True):
    """D'où vient un champ, s'il est vérifié, s'il est verrouillé (on ne le corrige alors qu'à sa source)."""

    source: Source = "declaration"
    verifie: bool = False
    verrouille: bool = False


class ContactTenu(Struct, frozen=True, kw_only=True):
    """A contact as stored."""

    nature: Nature
    valeur: str
    recoit_sms: bool
    verifie_le: datetime | None

    def __repr__(self) -> str:
        return f"ContactTenu({self.nature!r})"


class Titulaire(Struct, frozen=True, kw_only=True):
    """An active account seen from one of its live sessions. `provenances`: of the fields of the profile that are not declared.

    `cgu_acceptees` and `cgu_en_vigueur`: versions. `recent`: the password was given in this session a short time ago.
    """

    id: UUID
    session_id: UUID
    identifiant: str
    langue: Langue
    profil: Profil
    provenances: dict[str, Provenance]
    contacts: tuple[ContactTenu, ...]
    identites: tuple[IdentiteAttachee, ...]
    diffusion: dict[str, bool]
    cgu_acceptees: str
    cgu_en_vigueur: str
    rgpd_connue: str
    rgpd_en_vigueur: str
    mot_de_passe_defini: bool
    recent: bool
    cree_le: datetime
    active_le: datetime
    modifie_le: datetime | None

    def __repr__(self) -> str:
        return f"Titulaire(id={self.id})"

    def contact(self, canal: Canal) -> ContactTenu | None:
        return next((c for c in self.contacts if c.nature == CONTACT_DU_CANAL[canal]), None)

    def mineur(self, outils: Outils) -> bool:
        """Under the age of digital consent (RGPD art. 8)."""
        return isinstance(self.profil, Citoyen) and age(self.profil.date_naissance, outils.aujourdhui) < AGE_CONSENTEMENT

    def mots_connus(self) -> list[str]:
        return mots_connus(self.profil, self.identifiant, [c.valeur for c in self.contacts])


def mots_connus(profil: Profil, identifiant: str, contacts: list[str]) -> list[str]:
    """What an attacker knows of the person, for the judge of passwords."""
    champs_du_profil: dict[str, Any] = msgspec.to_builtins(profil)
    return [*contexte_mot_de_passe(champs_du_profil), identifiant, *contacts]


def exiger_titulaire(titulaire: Titulaire | None) -> Titulaire:
    """Refusal: `SessionFinie`, whether the session or the account has come to its end."""
    if titulaire is None:
        raise SessionFinie
    return titulaire


def exiger_ecriture(titulaire: Titulaire | None) -> Titulaire:
    """The same, and `CguAReaccepter`: reads go on, writes wait for the version in force."""
    tenu = exiger_titulaire(titulaire)
    if tenu.cgu_acceptees != tenu.cgu_en_vigueur:
        raise CguAReaccepter(tenu.cgu_en_vigueur)
    return tenu


def exiger_recent(titulaire: Titulaire) -> Titulaire:
    """Refusal: `ReauthentificationRequise`."""
    if not titulaire.recent:
        raise ReauthentificationRequise
    return titulaire


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

    fournisseur: Fournisseur
    rattachee_le: datetime
    revendications: Annotated[
        dict[str, Any], Meta(description="`given_name_array`, `family_name`, `birthdate`, `gender`, `birthplace`, `siret`…")
    ]

    def __repr__(self) -> str:
        return f"IdentiteVue({self.fournisseur!r})"


class AcceptationsVue(Struct, frozen=True, kw_only=True):
    """Les versions acceptées, et s'il faut en accepter une plus récente avant toute modification."""

    cgu: str
    rgpd: str
    cgu_a_reaccepter: Annotated[str | None, Meta(description="La version en vigueur, quand elle n'est pas celle acceptée.")]


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
    diffusion: dict[str, bool]
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
        provenances={f"/profil/{nom}": titulaire.provenances.get(nom, _DECLARE) for nom in titulaire.profil.__struct_fields__},
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
            IdentiteVue(fournisseur=i.fournisseur, rattachee_le=i.rattachee_le, revendications=i.revendications)
            for i in titulaire.identites
        ],
        diffusion={liste: titulaire.diffusion.get(liste, False) for liste in LISTES},
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
    """The strong validator of what was read (RFC 9110 §8.8.3): a change that was made meanwhile has another."""
    return f'"{sha256(msgspec.json.encode(moi)).hexdigest()[:32]}"'


_DECLARE = Provenance()


class _Partiel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """A profile of which only what is named changes."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class CitoyenModifie(_Partiel, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="citoyen"):
    """Les champs du Citoyen à modifier ; les autres restent."""

    civilite: champs.Civilite | UnsetType = UNSET
    nom_naissance: champs.NomNaissance | UnsetType = UNSET
    nom_usage: champs.NomUsage | UnsetType | None = UNSET
    prenom: champs.Prenom | UnsetType | None = UNSET
    date_naissance: champs.DateNaissance | UnsetType = UNSET

    # With the other faults, and not once they are mended.
    controles = staticmethod(Citoyen.controles)


class EntrepriseModifiee(_Partiel, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="entreprise"):
    """Les champs de l'Entreprise à modifier ; les autres restent. L'adresse et le représentant se remplacent en entier."""

    siret: champs.Siret | UnsetType = UNSET
    raison_sociale: champs.RaisonSociale | UnsetType = UNSET
    forme_juridique: champs.FormeJuridique | UnsetType | None = UNSET
    code_naf: champs.CodeNaf | UnsetType | None = UNSET
    adresse: Adresse | UnsetType = UNSET
    representant: Representant | UnsetType = UNSET


class AssociationModifiee(_Partiel, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="association"):
    """Les champs de l'Association à modifier ; les autres restent. L'adresse et le représentant se remplacent en entier."""

    denomination: champs.Denomination | UnsetType = UNSET
    rna: champs.Rna | UnsetType | None = UNSET
    siret: champs.Siret | UnsetType | None = UNSET
    objet: champs.Objet | UnsetType | None = UNSET
    adresse: Adresse | UnsetType = UNSET
    representant: Representant | UnsetType = UNSET


class ModificationMoi(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ce qui change ; ce qui n'est pas nommé reste. `type` du profil : celui du compte, qui ne change pas."""

    profil: CitoyenModifie | EntrepriseModifiee | AssociationModifiee | UnsetType = UNSET
    telephone_fixe: champs.TelephoneFixe | UnsetType | None = UNSET
    langue: Annotated[Langue, Meta(description="Langue des messages envoyés.")] | UnsetType = UNSET

    def nommes(self) -> list[str]:
        """What changes. Refusal: nothing does."""
        # Told here and not while reading: a field that is there and faulty has its own message.
        noms = [nom for nom in self.__struct_fields__ if getattr(self, nom) is not UNSET]
        if not noms:
            raise ChampsInvalides([ErreurChamp(pointer="", code="rien_a_modifier")])
        return noms

    def __repr__(self) -> str:
        return "ModificationMoi(…)"


PROFILS_MODIFIES: dict[type[Profil], type[Struct]] = {
    Citoyen: CitoyenModifie,
    Entreprise: EntrepriseModifiee,
    Association: AssociationModifiee,
}


def fusionner(titulaire: Titulaire, partiel: Struct) -> tuple[dict[str, Any], list[ErreurChamp]]:
    """The whole profile after the change, to be read again as a sign-up's, and the faults of the change itself."""
    avant: dict[str, Any] = msgspec.to_builtins(titulaire.profil)
    change: Mapping[str, Any] = msgspec.to_builtins(partiel)
    if change["type"] != avant["type"]:
        return avant, [ErreurChamp(pointer="/profil/type", code="champ_verrouille")]
    apres = avant | dict(change)
    verrous = [nom for nom, p in titulaire.provenances.items() if p.verrouille and apres.get(nom) != avant.get(nom)]
    return apres, [ErreurChamp(pointer=f"/profil/{nom}", code="champ_verrouille") for nom in verrous]


def restantes(titulaire: Titulaire, profil: Profil) -> dict[str, Provenance]:
    """The provenances that still hold: a field that its holder has changed is a declaration again."""
    return {nom: p for nom, p in titulaire.provenances.items() if getattr(profil, nom) == getattr(titulaire.profil, nom)}


class DemandeContact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Une adresse ou un mobile à prouver, qui remplacera l'actuel une fois prouvé."""

    canal: Annotated[
        Canal,
        Meta(
            extra_json_schema={"x-libelles": {"sms": "SMS", "email": "Email"}},
            description="Le contact à remplacer : mobile ou adresse électronique.",
        ),
    ]
    valeur: Annotated[
        str,
        Meta(
            min_length=3,
            max_length=254,
            description="Adresse électronique, ou mobile français ou d'outre-mer.",
            examples=["ines.legoff@exemple.fr"],
        ),
    ]
    mot_de_passe: champs.MotDePasseSaisi | None = None

    @staticmethod
    def controles(valeurs: dict[str, Any], outils: Outils) -> Iterator[ErreurChamp]:
        if "canal" in valeurs and "valeur" in valeurs:
            try:
                lire_contact(valeurs["canal"], valeurs["valeur"], outils)
            except ValeurInvalide as faute:
                yield ErreurChamp(pointer="/valeur", code=faute.code, params=faute.params)

    def __repr__(self) -> str:
        return "DemandeContact(…)"


def lire_contact(canal: Canal, saisie: str, outils: Outils) -> str:
    """The canonical form of an address or of a number that an SMS can reach. Refuses with `ValeurInvalide`."""
    if canal == "email":
        return outils.formats.email(saisie)
    lu = outils.formats.telephone(saisie)
    if not lu.recoit_sms:
        raise ValeurInvalide("sms_impossible")
    return lu.e164


class DemandeMotDePasse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Un nouveau mot de passe, et l'actuel."""

    mot_de_passe_actuel: champs.MotDePasseSaisi
    mot_de_passe: champs.MotDePasse

    def __repr__(self) -> str:
        return "DemandeMotDePasse(…)"


class DemandeIdentifiant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Un nouvel identifiant ; l'ancien n'est redonné à personne avant longtemps."""

    identifiant: champs.Identifiant
    mot_de_passe: champs.MotDePasseSaisi

    def __repr__(self) -> str:
        return "DemandeIdentifiant(…)"


class IdentifiantVue(Struct, frozen=True, kw_only=True):
    """L'identifiant désormais en usage."""

    identifiant: str

    def __repr__(self) -> str:
        return "IdentifiantVue(…)"
