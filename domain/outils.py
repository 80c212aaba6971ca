"""What the field rules need of the world: readers of formats and a judge of passwords, given by the adapters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from msgspec import Struct


class Telephone(Struct, frozen=True):
    """A telephone number in E.164, and whether an SMS can reach it (a French or overseas mobile)."""

    e164: str
    recoit_sms: bool

    def __repr__(self) -> str:
        return f"Telephone(recoit_sms={self.recoit_sms})"


class Formats(Protocol):
    """Texts as people type them, read into their one canonical form. Each refuses with `ValeurInvalide`."""

    def telephone(self, saisie: str) -> Telephone:
        """Codes: `telephone_invalide`, `telephone_surtaxe`."""
        ...

    def email(self, saisie: str) -> str:
        """Lower-case punycode domain, local part as typed. Code: `email_invalide`."""
        ...

    def siret(self, saisie: str) -> str:
        """Fourteen digits with their Luhn key, or La Poste's own rule. Codes: `siret_invalide`, `siret_cle_invalide`."""
        ...

    def translitterer(self, texte: str) -> str:
        """Any script to ASCII letters, as well as can be; possibly empty."""
        ...


class Estimateur(Protocol):
    def log10_essais(self, mot_de_passe: str, mots: Sequence[str]) -> float:
        """Decimal logarithm of the guesses an attacker who knows `mots` would need."""
        ...


class Outils(Struct, frozen=True):
    """The bundle handed to every field rule."""

    formats: Formats
    estimateur: Estimateur
    aujourdhui: date
