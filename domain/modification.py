"""What the holder of an account may change of it, and the whole that a change makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from domain import champs
from domain.activation import Canal
from domain.compte import Langue
from domain.erreurs import ChampsInvalides, ErreurChamp
from domain.formulaire import ValeurInvalide
from domain.outils import Outils
from domain.preremplissage import dit_encore
from domain.profils import Adresse, Citoyen, Profil, Representant
from domain.titulaire import Provenance, Titulaire


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

    def exiger_un_champ(self) -> None:
        """Refusal: nothing is named."""
        # Told here and not while reading: a field that is there and faulty has its own message.
        if all(getattr(self, nom) is UNSET for nom in self.__struct_fields__):
            raise ChampsInvalides([ErreurChamp(pointer="", code="rien_a_modifier")])

    def __repr__(self) -> str:
        return "ModificationMoi(…)"


def fusionner(titulaire: Titulaire, partiel: Struct) -> tuple[dict[str, Any], list[ErreurChamp]]:
    """The whole profile after the change, to be read again as a sign-up's, and the faults of the change itself."""
    avant: dict[str, Any] = msgspec.to_builtins(titulaire.profil)
    change: Mapping[str, Any] = msgspec.to_builtins(partiel)
    if change["type"] != avant["type"]:
        return avant, [ErreurChamp(pointer="/profil/type", code="champ_verrouille")]
    apres = avant | dict(change)
    verrous = [nom for nom, p in titulaire.provenances.items() if p.verrouille and apres.get(nom) != avant.get(nom)]
    return apres, [ErreurChamp(pointer=f"/profil/{nom}", code="champ_verrouille") for nom in verrous]


def modifies(titulaire: Titulaire, profil: Profil, langue: Langue, fixe: str | None) -> list[str]:
    """The fields that a change makes other than they are, by name."""
    avant = structs.asdict(titulaire.profil) | {"telephone_fixe": titulaire.telephone_fixe, "langue": titulaire.langue}
    apres = structs.asdict(profil) | {"telephone_fixe": fixe, "langue": langue}
    return [nom for nom in apres if apres[nom] != avant[nom]]


def restantes(titulaire: Titulaire, profil: Profil, outils: Outils) -> dict[str, Provenance]:
    """The provenances that still hold: a field that its holder has changed is a declaration again, unless what an identity says
    of it is left as it was.
    """
    return {
        nom: p
        for nom, p in titulaire.provenances.items()
        if getattr(profil, nom) == getattr(titulaire.profil, nom)
        or dit_encore(profil, nom, p.source, titulaire.identites, outils)
    }


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

    mot_de_passe_actuel: Annotated[
        champs.MotDePasseSaisi | None,
        Meta(description="`null` pour un compte qui n'en a pas (FranceConnect) : authentifié alors depuis peu."),
    ] = None
    mot_de_passe: champs.MotDePasse

    def __repr__(self) -> str:
        return "DemandeMotDePasse(…)"


class DemandeIdentifiant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Un nouvel identifiant ; l'ancien n'est redonné à personne avant longtemps."""

    identifiant: champs.Identifiant
    mot_de_passe: Annotated[
        champs.MotDePasseSaisi | None, Meta(description="`null` : authentifié depuis peu, par mot de passe ou FranceConnect.")
    ] = None

    def __repr__(self) -> str:
        return "DemandeIdentifiant(…)"


class IdentifiantVue(Struct, frozen=True, kw_only=True):
    """L'identifiant désormais en usage."""

    identifiant: str

    def __repr__(self) -> str:
        return "IdentifiantVue(…)"
