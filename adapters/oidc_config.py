"""What this service is registered as at an identity provider."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

from domain.federation import Fournisseur

Algorithme = Literal["ES256", "RS256"]
# From the weakest to the strongest; those with -mfa are ProConnect's.
Niveau = Literal["eidas0", "eidas0-mfa", "eidas1", "eidas1-mfa", "eidas2", "eidas3"]
_NIVEAUX: tuple[str, ...] = get_args(Niveau)


class ConfigOidc(Struct, frozen=True, kw_only=True):
    """`emetteur`: the issuer, exactly as the provider writes it; an http one is for development. `algorithme`: how it signs.

    `cle_privee`: PEM, P-256 or RSA; when there is one, it authenticates us (private_key_jwt), otherwise `client_secret` does
    (client_secret_post). `portees`: scopes separated by spaces. `acr`: the lowest level accepted. `origines`: where the
    provider's endpoints may be besides the issuer's own origin. `delai`: seconds for a whole call. `simultanes`: calls at once.
    """

    nom: Fournisseur
    emetteur: str
    client_id: str
    client_secret: str | None = None
    cle_privee: str | None = None
    redirection: str
    algorithme: Algorithme = "ES256"
    portees: str
    acr: Niveau = "eidas1"
    origines: tuple[str, ...] = ()
    delai: float = 4.5
    simultanes: int = 32

    def __repr__(self) -> str:
        return f"ConfigOidc({self.nom!r}, emetteur={self.emetteur!r})"

    def suffit(self, acr: str) -> bool:
        return acr in _NIVEAUX and _NIVEAUX.index(acr) >= _NIVEAUX.index(self.acr)
