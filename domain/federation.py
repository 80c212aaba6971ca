"""FranceConnect and ProConnect as the rules see them: an authorize address to go to, an identity that comes back, a way out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from msgspec import Meta, Struct

Fournisseur = Literal["franceconnect", "proconnect"]


_REVENDICATIONS = (
    "given_name", "family_name", "preferred_username", "birthdate", "gender", "birthplace", "birthcountry", "email",
    "usual_name", "siret", "organization_label",
)  # fmt: skip
# As the provider says them: those it is known for have a type, any other may come.
Revendications = Annotated[
    dict[str, Any],
    Meta(
        description="Telles que reçues du fournisseur ; d'autres peuvent s'y trouver.",
        extra_json_schema={
            "properties": {
                **{nom: {"type": "string"} for nom in _REVENDICATIONS},
                "given_name_array": {"type": "array", "items": {"type": "string"}},
            },
            "additionalProperties": True,
        },
    ),
]


class IdentiteRecue(Struct, frozen=True, kw_only=True):
    """An identity whose signatures, issuer, audience, nonce, level and subject have been verified.

    `revendications`: the claims of the signed userinfo, as received (names, `birthdate`, `gender`, `email`, `siret`…), without
    the protocol's own. `jeton_identite`: the raw id_token, for signing out of the provider later. `authentifiee_le`: when the
    person proved who they are, which single sign-on may leave long behind; None when the provider does not tell.
    """

    fournisseur: Fournisseur
    emetteur: str
    sub: str
    acr: str
    revendications: dict[str, Any]
    jeton_identite: str
    authentifiee_le: datetime | None

    def __repr__(self) -> str:
        return f"IdentiteRecue({self.fournisseur!r})"


class IdentiteAttachee(Struct, frozen=True, kw_only=True):
    """Une identité rattachée au compte, telle que reçue."""

    id: UUID
    fournisseur: Fournisseur
    emetteur: str
    sub: str
    rattachee_le: datetime
    vue_le: datetime
    revendications: Revendications

    def __repr__(self) -> str:
        return f"IdentiteAttachee({self.fournisseur!r})"


class FederationIndisponible(Exception):
    """The provider does not answer in time, answers 5xx, or its keys cannot be had. `motif`: a code without personal data."""

    def __init__(self, motif: str) -> None:
        super().__init__(motif)
        self.motif = motif


class IdentiteRefusee(Exception):
    """The provider refused the code, or what it sent is not what was asked for or not its own. `motif` as above."""

    def __init__(self, motif: str) -> None:
        super().__init__(motif)
        self.motif = motif


class FournisseurIdentite(Protocol):
    """One provider, as its registered client. Each call raises `FederationIndisponible` within 5 s rather than wait."""

    @property
    def nom(self) -> Fournisseur: ...

    @property
    def emetteur(self) -> str: ...

    async def adresse_autorisation(self, state: str, nonce: str, *, a_nouveau: bool = False) -> str:
        """Where to send the browser. `state`, `nonce`: 64 hexadecimal characters each. `a_nouveau`: whatever the provider
        remembers of the person, it makes them prove who they are.
        """
        ...

    async def identifier(self, code: str, nonce: str) -> IdentiteRecue:
        """Exchanges the callback's code and reads the identity. Raises `IdentiteRefusee`."""
        ...

    async def adresse_deconnexion(self, jeton_identite: str, state: str, apres: str) -> str:
        """Where to send the browser to end the provider's session too; it comes back to `apres`."""
        ...
