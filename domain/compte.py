"""An account as the rules see it while it waits for its activation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from domain.activation import ENVOIS_MAX, ESSAIS_MAX, Canal, Jeton, Livraison
from domain.erreurs import DejaActive, InscriptionExpiree, InscriptionInconnue, InscriptionTerminee
from domain.profils import Profil, TypeProfil

Langue = Literal["fr", "en"]
Nature = Literal["email", "telephone_mobile", "telephone_fixe"]

CONTACT_DU_CANAL: dict[Canal, Nature] = {"sms": "telephone_mobile", "email": "email"}


class Contact(Struct, frozen=True):
    """A way to reach the person. `recoit_sms` only ever true of a mobile."""

    nature: Nature
    valeur: str
    recoit_sms: bool = False

    def __repr__(self) -> str:
        return f"Contact({self.nature!r})"


class NouveauCompte(Struct, frozen=True, kw_only=True):
    """What opening an account writes. `base`: the identifiant to number when `identifiant` is None."""

    id: UUID
    identifiant: str | None
    base: str
    profil: Profil
    empreinte_mdp: str | None
    langue: Langue
    contacts: tuple[Contact, ...]

    def __repr__(self) -> str:
        return f"NouveauCompte(id={self.id})"


class ActivationOuverte(Struct, frozen=True, kw_only=True):
    """An open proof of a pending account, with the figures its author is shown. `expiree`: by the database's clock."""

    jeton: Jeton
    essais: int
    envois: int
    expire_le: datetime
    expiree: bool
    renvoi_possible_le: datetime
    livraison: Livraison

    @property
    def utilisable(self) -> bool:
        """A code was made that may still be tried."""
        return not self.expiree and self.essais < ESSAIS_MAX

    @property
    def renvoyable(self) -> bool:
        """The same may be sent once more."""
        return self.utilisable and self.envois < ENVOIS_MAX


class InscriptionOuverte(Struct, frozen=True, kw_only=True):
    """A sign-up as it stands: pending, or just active. `expiree`: by the database's clock. `remise`: its secret is spent."""

    id: UUID
    etat: Literal["en_attente", "actif"]
    type: TypeProfil
    identifiant: str
    langue: Langue
    expire_le: datetime
    expiree: bool
    remise: bool
    contacts: tuple[Contact, ...]
    activations: tuple[ActivationOuverte, ...]
    """Open proofs, at most one a channel, the newest first."""

    def activation(self, canal: Canal) -> ActivationOuverte | None:
        return next((a for a in self.activations if a.jeton.canal == canal), None)

    def contact(self, canal: Canal) -> Contact | None:
        return next((c for c in self.contacts if c.nature == CONTACT_DU_CANAL[canal]), None)

    def destination(self, canal: Canal) -> str | None:
        """Where a proof of this channel can be sent: None when there is nothing, or a number that receives no SMS."""
        contact = self.contact(canal)
        return contact.valeur if contact and (canal == "email" or contact.recoit_sms) else None

    def __repr__(self) -> str:
        return f"InscriptionOuverte(id={self.id}, etat={self.etat})"


def contacts(email: str, mobile: tuple[str, bool] | None, fixe: str | None) -> Iterator[Contact]:
    """The contacts of a sign-up; `mobile` with whether it receives SMS."""
    yield Contact("email", email)
    if mobile:
        yield Contact("telephone_mobile", *mobile)
    if fixe:
        yield Contact("telephone_fixe", fixe)


def exiger_connu(compte: InscriptionOuverte | None) -> InscriptionOuverte:
    """Refusals: `InscriptionInconnue`, `InscriptionExpiree`, `InscriptionTerminee`."""
    if compte is None:
        raise InscriptionInconnue
    if compte.etat == "en_attente" and compte.expiree:
        raise InscriptionExpiree
    if compte.etat == "actif" and (compte.expiree or compte.remise):
        raise InscriptionTerminee
    return compte


def exiger_en_attente(compte: InscriptionOuverte | None) -> InscriptionOuverte:
    """A pending sign-up alone can be activated, corrected or cancelled. Also refuses with `DejaActive`."""
    if compte is not None and compte.etat == "actif":
        raise DejaActive
    return exiger_connu(compte)
