"""Proving a channel: how long a proof lives, how often it is tried and sent, what its author sees of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from domain import champs

Canal = Literal["sms", "email"]
CANAUX: tuple[Canal, ...] = ("sms", "email")

LONGUEUR_CODE = 6
ESSAIS_MAX = 5
# Sends of one activation, the first included.
ENVOIS_MAX = 5
# Between two sends to one destination (G-04, G-05).
DELAI_RENVOI = timedelta(seconds=60)
# Whoever lost the answer presents the proof again: for so long it is told the same, within the same five tries.
REPRISE_PREUVE = timedelta(minutes=10)

# How long a contact that was proven before may undo what comes after it. Left unopposed, that is as good as the elder.
OPPOSITION = timedelta(days=7)

# What a proof is for. Each has its own secrets: one made for a purpose opens nothing else (R48).
Usage = Literal["activation", "contact", "mot_de_passe", "annulation_contact", "annulation_effacement", "accord_parental"]

_DIX_MINUTES, _UNE_HEURE, _SEPT_JOURS = timedelta(minutes=10), timedelta(hours=1), timedelta(days=7)
_DUREES: dict[Usage, dict[Canal, timedelta]] = {
    "activation": {"sms": _DIX_MINUTES, "email": timedelta(hours=24)},
    "contact": {"sms": _DIX_MINUTES, "email": _UNE_HEURE},
    "mot_de_passe": {"sms": _DIX_MINUTES, "email": _UNE_HEURE},
    "annulation_contact": {"sms": OPPOSITION, "email": OPPOSITION},
    "annulation_effacement": {"sms": _SEPT_JOURS, "email": _SEPT_JOURS},
    "accord_parental": {"email": _SEPT_JOURS},
}


def duree(usage: Usage, canal: Canal) -> timedelta:
    """How long a proof of this kind may be used (G-02, G-06, G-07)."""
    return _DUREES[usage][canal]


# Where a message stands; an `echec_…` is final and tells why.
Livraison = Literal["en_file", "nouvel_essai", "envoye", "retenu", "echec_destinataire", "echec_expire", "echec_interne"]


class Jeton(Struct, frozen=True, kw_only=True):
    """A one-time proof as stored: no secret in it. The code and the link are derived from all but the account."""

    id: UUID
    compte_id: UUID
    usage: Usage
    canal: Canal
    destination: str
    cle_id: str

    def __repr__(self) -> str:
        return f"Jeton(id={self.id}, usage={self.usage}, canal={self.canal})"


class ActivationVue(Struct, frozen=True, kw_only=True):
    """Une activation en cours : où le code est parti, combien d'essais restent, quand redemander un envoi."""

    id: UUID
    canal: Canal
    destination: str
    longueur_code: int = LONGUEUR_CODE
    expire_le: datetime
    renvoi_possible_le: datetime
    essais_restants: int
    envois_restants: int
    livraison: Livraison


class DemandeActivation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Le canal par lequel activer le compte."""

    canal: Annotated[
        Canal, Meta(extra_json_schema={"title": "Valider mon compte par", "x-libelles": {"sms": "SMS", "email": "Email"}})
    ]


class Essai(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Le code reçu, tel que la personne le recopie."""

    code: champs.CodeActivation

    def __repr__(self) -> str:
        return "Essai(…)"


class LienSuivi(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Le jeton du lien reçu par courriel."""

    jeton: champs.JetonLien

    def __repr__(self) -> str:
        return "LienSuivi(…)"


class Activee(Struct, frozen=True, kw_only=True):
    """Le compte est actif."""

    etat: Literal["actif"] = "actif"


class LienSuiviVue(Struct, frozen=True, kw_only=True):
    """Le compte est actif, peut-être depuis plus tôt ; rien de personnel n'est dit."""

    etat: Literal["actif"] = "actif"
    deja_active: bool


def masquer(canal: Canal, destination: str) -> str:
    """`+33 6 •• •• •• 78`, `i•••@exemple.fr`: enough to recognise one's own, not enough to learn another's."""
    return _masquer_telephone(destination) if canal == "sms" else _masquer_email(destination)


def _masquer_email(adresse: str) -> str:
    local, _, domaine = adresse.rpartition("@")
    return f"{local[:1]}•••@{domaine}"


# Country codes of one and two digits (ITU-T E.164); all others have three, overseas France included.
_INDICATIF = re.compile(r"^(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[0-9]{3})")


def _masquer_telephone(e164: str) -> str:
    chiffres = e164.removeprefix("+")
    national = _INDICATIF.sub("", chiffres)
    indicatif = chiffres.removesuffix(national)
    caches = "•" * (len(national) - 3)
    groupes = [caches[max(0, i - 2) : i] for i in range(len(caches), 0, -2)][::-1]
    return " ".join([f"+{indicatif}", national[:1], *groupes, national[-2:]])
