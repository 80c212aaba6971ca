"""Usernames before signing up: proposals and live availability, both counted (they tell who has an account)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from domain import champs, identifiant
from domain.identifiant import IdentifiantInvalide
from domain.limites import Limite, Regulateur
from domain.outils import Formats
from domain.ports import Disponibilites

ALTERNATIVES = 3


class Noms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Les nom et prénom tels qu'ils sont tapés ; l'un des deux peut manquer."""

    prenom: champs.NomSaisi | None = None
    nom: champs.NomSaisi | None = None

    def __repr__(self) -> str:
        return "Noms(…)"


class Propositions(Struct, frozen=True, kw_only=True):
    """Un identifiant et des variantes, tous libres à cet instant ; rien n'est réservé."""

    identifiant: str
    alternatives: list[str]


class Disponibilite(Struct, frozen=True, kw_only=True):
    """Si l'identifiant peut être pris à cet instant ; rien n'est réservé."""

    identifiant: Annotated[str, Meta(description="Sous sa forme canonique, ou tel que reçu s'il est invalide.")]
    disponible: bool
    motif: Literal["pris", "reserve", "invalide"] | UnsetType = UNSET
    suggestions: list[str] | UnsetType = UNSET


class Identifiants:
    def __init__(self, disponibilites: Disponibilites, formats: Formats, regulateur: Regulateur) -> None:
        self._disponibilites, self._formats, self._regulateur = disponibilites, formats, regulateur

    async def proposer(self, noms: Noms, client: str) -> Propositions:
        translitterer = self._formats.translitterer
        bases = [
            identifiant.base(noms.prenom, noms.nom, translitterer),
            *identifiant.variantes(noms.prenom, noms.nom, translitterer),
        ]
        libres = await self._premiers_libres(bases, self._regulateur.disponibilite(client))
        return Propositions(identifiant=libres[0], alternatives=libres[1 : 1 + ALTERNATIVES])

    async def disponibilite(self, saisie: str, client: str) -> Disponibilite:
        try:
            canonique = identifiant.canonique(saisie)
        except IdentifiantInvalide as faute:
            motif: Literal["reserve", "invalide"] = "reserve" if faute.motif == "reserve" else "invalide"
            return Disponibilite(identifiant=saisie, disponible=False, motif=motif)
        if await self._disponibilites.libre(canonique, self._regulateur.disponibilite(client)):
            return Disponibilite(identifiant=canonique, disponible=True)
        suggestions = await self.suggestions(canonique)
        return Disponibilite(identifiant=canonique, disponible=False, motif="pris", suggestions=suggestions)

    async def suggestions(self, pris: str) -> list[str]:
        """Free neighbours of a taken identifiant, its next homonym first."""
        return (await self._premiers_libres(list(identifiant.voisins(pris)), []))[:ALTERNATIVES]

    async def _premiers_libres(self, bases: Sequence[str], limites: Sequence[Limite]) -> list[str]:
        return list(dict.fromkeys(await self._disponibilites.premiers_libres(bases, limites)))
