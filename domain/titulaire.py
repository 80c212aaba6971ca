"""The holder of an account, as every reading and every change of it finds them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from domain.activation import Canal
from domain.compte import CONTACT_DU_CANAL, Langue, Nature
from domain.erreurs import CguAReaccepter, ReauthentificationRequise, SessionFinie
from domain.federation import IdentiteAttachee
from domain.inscription import LISTES, contexte_mot_de_passe
from domain.juridique import CGU, RGPD, ActeRetenu, objet_de
from domain.profils import Citoyen, Presumee, Profil, au_plus_tard

P = TypeVar("P", bound=Profil)
Source = Literal["declaration", "franceconnect", "proconnect"]


class Provenance(Struct, frozen=True, kw_only=True):
    """D'où vient un champ, s'il est vérifié, s'il est verrouillé (on ne le corrige alors qu'à sa source)."""

    source: Source = "declaration"
    verifie: bool = False
    verrouille: bool = False
    presumee: Annotated[
        Presumee | UnsetType,
        Meta(description="D'une date de naissance : ce que l'état civil n'en connaît pas, et donne pour le premier."),
    ] = UNSET


DECLARE = Provenance()


class ContactTenu(Struct, frozen=True, kw_only=True):
    """A contact as stored."""

    nature: Nature
    valeur: str
    recoit_sms: bool
    verifie_le: datetime | None

    def __repr__(self) -> str:
        return f"ContactTenu({self.nature!r})"

    @property
    def joignable(self) -> bool:
        """Whom to tell: a number that receives no SMS cannot be, an address never proven is nobody's."""
        return self.verifie_le is not None and (self.nature == "email" or self.recoit_sms)


class Titulaire(Struct, frozen=True, kw_only=True):
    """An active account seen from one of its live sessions. `provenances`: of the fields of the profile that are not declared.

    `actes`: the last of each object of the ledger; `cgu_en_vigueur`: a version. `recent`: who this is was proven in this
    session a short time ago.
    """

    id: UUID
    session_id: UUID
    identifiant: str
    langue: Langue
    profil: Profil
    provenances: dict[str, Provenance]
    contacts: tuple[ContactTenu, ...]
    identites: tuple[IdentiteAttachee, ...]
    actes: dict[str, ActeRetenu]
    cgu_en_vigueur: str
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

    @property
    def cgu_acceptees(self) -> str:
        return self.actes[CGU].version

    @property
    def rgpd_connue(self) -> str:
        return self.actes[RGPD].version

    @property
    def diffusion(self) -> dict[str, bool]:
        """The mailings that were ever decided of."""
        return {liste: acte.valeur for liste in LISTES if (acte := self.actes.get(objet_de(liste)))}

    @property
    def telephone_fixe(self) -> str | None:
        return next((c.valeur for c in self.contacts if c.nature == "telephone_fixe"), None)

    def mots_connus(self) -> list[str]:
        return mots_connus(self.profil, self.identifiant, [c.valeur for c in self.contacts])


def au_plus_jeune(profil: P, provenances: Mapping[str, Provenance]) -> P:
    """As young as this person may be, by what is only presumed of a birth date: who may be a minor is treated as one."""
    if not isinstance(profil, Citoyen):
        return profil
    presumee = provenances.get("date_naissance", DECLARE).presumee
    return structs.replace(profil, date_naissance=au_plus_tard(profil.date_naissance, presumee))


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
